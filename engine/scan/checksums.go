package scan

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/vetoci/veto/engine"
)

// A file is hashed by the algorithms that the package databases of its layer record, which are known once the layer has been walked: then
// the large files are hashed, side by side. One goroutine begins before that, by what the databases of other layers record. Files that pass
// by, small ones and those of layers without a database are hashed by all algorithms.
const (
	minDeferredSum  = 64 << 10 // bytes; hashing a smaller file three times costs less than keeping it for later
	maxDeferredSums = 4096     // files of one layer that wait
)

// deferredSum is a file whose evidence lacks its checksums until the layer has been walked.
type deferredSum struct {
	file  *engine.File
	found *found
	by    engine.Algorithms // by what it has been hashed; 0 is not yet
	sums  engine.Sums
	err   error
}

// sum hashes a file now or, where that can save work, later.
func (w *layerWalk) sum(ctx context.Context, f *engine.File, of *found) {
	if f.ReadableLater() && f.Size >= minDeferredSum && w.deferSum(ctx, f, of) {
		return
	}
	sums, err := f.Sums(engine.AllSums)
	setSums(sums, err, f.Path, of.list, w.layer)
}

// deferSum keeps a file for later, if there is room. Where it can be known by what to hash it, a goroutine begins.
func (w *layerWalk) deferSum(ctx context.Context, f *engine.File, of *found) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.deferred) == maxDeferredSums {
		return false
	}
	w.deferred = append(w.deferred, &deferredSum{file: f, found: of})
	if by := engine.Algorithms(w.recorded.Load()); by != 0 && !w.summing && !w.ended {
		w.summing = true
		w.workers.Go(func() { w.sumAhead(ctx, by) })
	}
	return true
}

// sumAhead hashes what has been deferred until there is no more, or the walk ends.
func (w *layerWalk) sumAhead(ctx context.Context, by engine.Algorithms) {
	for {
		w.mu.Lock()
		if w.ended || w.summed == len(w.deferred) || ctx.Err() != nil {
			w.summing = false
			w.mu.Unlock()
			return
		}
		d := w.deferred[w.summed]
		w.summed++
		w.mu.Unlock()
		d.by = by
		d.sums, d.err = d.file.Sums(by)
	}
}

// endWalk waits for the goroutines of the walk.
func (w *layerWalk) endWalk() {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.workers.Wait()
}

// sumDeferred hashes what waited for the end of the walk.
func (w *layerWalk) sumDeferred(ctx context.Context) {
	by := w.records
	w.recorded.Or(uint32(by))
	if by == 0 {
		by = engine.AllSums
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(w.deferred)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(w.deferred)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				d := w.deferred[i]
				if d.by != by {
					d.sums, d.err = d.file.Sums(by)
				}
				setSums(d.sums, d.err, d.file.Path, d.found.list, w.layer)
			}
		})
	}
	workers.Wait()
	w.deferred = nil
}
