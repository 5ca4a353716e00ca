package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// progress reports long work on standard error: a bar on a terminal, else a line for what takes longer than a few seconds.
type progress struct {
	mu      sync.Mutex
	w       io.Writer
	bar     bool
	now     func() time.Time
	started time.Time
	last    time.Time
	shown   bool
}

// quietFor is how long veto stays silent where there is no terminal; then one line each so often.
const quietFor = 5 * time.Second

func newProgress(sys *system, quiet bool) *progress {
	p := &progress{w: sys.stderr, bar: sys.errTerminal, now: sys.now}
	if quiet {
		p.w, p.bar = io.Discard, false
	}
	p.started = p.now()
	p.last = p.started
	return p
}

// step says how far the work is. A failing standard error is no reason to stop a scan.
func (p *progress) step(what string, n, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch {
	case p.bar && (now.Sub(p.last) > 100*time.Millisecond || n == of):
		const width = 24
		full := 0
		if of > 0 {
			full = min(width, width*n/of)
		}
		fmt.Fprintf(p.w, "\r\x1b[K%s [%s%s] %d/%d", what, strings.Repeat("=", full), strings.Repeat(" ", width-full), n, of)
		p.shown, p.last = true, now
	case !p.bar && now.Sub(p.last) > quietFor:
		fmt.Fprintf(p.w, "veto: %s: %d of %d (%ds)\n", what, n, of, int(now.Sub(p.started).Seconds()))
		p.last = now
	}
}

// say prints a line that must not be missed, such as that the network is used.
func (p *progress) say(line string) {
	p.done()
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "veto: %s\n", line)
}

// done clears the bar.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// watch reports each layer of an image as it has been read. Platforms of the source that are not scanned are passed on only when
// nobody chose one.
func (p *progress) watch(img engine.Image, others bool) engine.Image {
	w := &watchedImage{Image: img}
	if partial, ok := img.(engine.Partial); ok && others {
		w.unscanned = partial.Unscanned()
	}
	var mu sync.Mutex
	read, total := 0, len(img.Layers())
	for _, l := range img.Layers() {
		w.layers = append(w.layers, watchedLayer{l, func() {
			mu.Lock()
			read++
			n := read
			mu.Unlock()
			p.step("layers read", min(n, total), total)
		}})
	}
	return w
}

type watchedImage struct {
	engine.Image
	layers    []engine.Layer
	unscanned []engine.Platform
}

func (w *watchedImage) Unscanned() []engine.Platform { return w.unscanned }

func (w *watchedImage) Layers() []engine.Layer { return w.layers }

type watchedLayer struct {
	engine.Layer
	done func()
}

func (l watchedLayer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	v, err := l.Layer.Walk(ctx, visit)
	l.done()
	return v, err
}

// fetched reports how far the fetching of a feed is.
func (p *progress) fetched(f feed.Progress) {
	p.step(f.What, int(f.Done), int(f.Total))
}
