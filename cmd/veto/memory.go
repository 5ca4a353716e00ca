package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A scan is short, and most are over before the collector would pay: it starts when the process holds firstCollection bytes. From then on
// the heap may grow by headroom, or double if that is more, and the collector works harder as the process comes near softLimit. Without
// it a heap that is small after the first collection would be collected every few milliseconds, in memory that the process has anyway.
const (
	firstCollection = 72 << 20
	headroom        = 48 << 20
	softLimit       = 208 << 20
)

// collectLate sets the collector.
func collectLate() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(firstCollection)
	afterCollection(func() { debug.SetMemoryLimit(softLimit) })
}

// afterCollection sets after each collection when the next will be, and calls first after the first. An object that nothing holds tells
// by its cleanup that there was one.
func afterCollection(first func()) {
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(max(100, int(100*headroom/max(live[0].Value.Uint64(), 1<<20))))
		first()
		afterCollection(func() {})
	}, 0)
}
