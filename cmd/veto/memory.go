package main

import (
	"runtime"
	"runtime/debug"
)

// A scan is short, and most are over before the collector would pay: it starts when the process holds firstCollection bytes. From then on
// the heap may double, and the collector works harder as the process comes near softLimit.
const (
	firstCollection = 72 << 20
	softLimit       = 208 << 20
)

// collectLate sets the collector. An object that nothing holds tells by its cleanup when the first collection was.
func collectLate() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(firstCollection)
	sentinel := new([64]byte)
	runtime.AddCleanup(sentinel, func(int) {
		debug.SetMemoryLimit(softLimit)
		debug.SetGCPercent(100)
	}, 0)
}
