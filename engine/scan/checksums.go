package scan

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/vetoci/veto/engine"
)

// A file is hashed by the algorithms that the package databases of its layer record, which are known once the layer has been walked: then
// the large files are hashed, side by side. Files that pass by, small ones and those of layers without a database are hashed by all
// algorithms.
const (
	minDeferredSum  = 64 << 10 // bytes; hashing a smaller file three times costs less than keeping it for later
	maxDeferredSums = 4096     // files of one layer that wait
)

// deferredSum is a file whose evidence lacks its checksums until the layer has been walked.
type deferredSum struct {
	file  *engine.File
	found *found
}

// sum hashes a file now or, where that can save work, after the walk.
func (w *layerWalk) sum(ctx context.Context, f *engine.File, of *found) {
	if f.ReadableLater() && f.Size >= minDeferredSum {
		w.mu.Lock()
		wait := len(w.deferred) < maxDeferredSums
		if wait {
			w.deferred = append(w.deferred, deferredSum{f, of})
		}
		w.mu.Unlock()
		if wait {
			return
		}
	}
	if err := setSums(ctx, f, engine.AllSums, of.list, w.layer); err != nil {
		w.fail(err)
	}
}

// sumDeferred hashes what waited for the end of the walk.
func (w *layerWalk) sumDeferred(ctx context.Context) {
	by := w.records
	if by == 0 {
		by = engine.AllSums
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(w.deferred)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(w.deferred)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				d := &w.deferred[i]
				if err := setSums(ctx, d.file, by, d.found.list, w.layer); err != nil {
					w.fail(err)
				}
			}
		})
	}
	workers.Wait()
	w.deferred = nil
}
