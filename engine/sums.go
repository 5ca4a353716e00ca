package engine

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// A file is hashed by what the package databases of its layer record, which is known once the layer has been walked: then the large ones are
// hashed, side by side. Files that pass by, small ones and those of layers without a database are hashed by all algorithms.
const (
	sumLater  = 64 << 10 // bytes from which on it is worth it
	mostLater = 4096     // files that wait
)

// unsummed is a file whose evidence lacks its checksums.
type unsummed struct {
	file *File
	r    *result
}

// summable says whether evidence needs checksums: what a package database says of the file then decides who judges it.
func (f *File) summable(ev *Evidence) bool {
	wanted := f.wanted
	f.wanted = false
	return wanted || len(ev.Packages) > 0 || len(ev.Gaps) > 0
}

// hash gives what was learned from the file its checksums. That it cannot be read is a gap; only the end of the context is an error.
func (f *File) hash(ctx context.Context, by Algorithms, list []Evidence, layer LayerInfo) error {
	sums, err := f.Sums(by)
	for i := range list {
		list[i].Sums = sums
	}
	if err != nil {
		list[0].Gaps = append(list[0].Gaps, Gap{Kind: kindOf(err), Path: Maybe(f.Path), Layer: Maybe(layer.DiffID), Detail: err.Error()})
	}
	return ctx.Err()
}

// sum hashes a file now or later.
func (w *learning) sum(ctx context.Context, u unsummed) {
	if u.file.lasting && u.file.Size >= sumLater {
		w.mu.Lock()
		wait := len(w.later) < mostLater
		if wait {
			w.later = append(w.later, u)
		}
		w.mu.Unlock()
		if wait {
			return
		}
	}
	if err := u.file.hash(ctx, AllSums, u.r.list, w.layer); err != nil {
		w.fail(err)
	}
}

// sumLater hashes what waited for the end of the walk.
func (w *learning) sumLater(ctx context.Context) {
	by := w.recorded
	if by == 0 {
		by = AllSums
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(w.later)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(w.later)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				u := &w.later[i]
				if err := u.file.hash(ctx, by, u.r.list, w.layer); err != nil {
					w.fail(err)
				}
			}
		})
	}
	workers.Wait()
	w.later = nil
}
