package main

import (
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
	read    [2]int // layers of the image at hand that have been read, and all of them
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
	fmt.Fprintf(p.w, "veto: %s\n", engine.MaskAddresses(line))
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

// layers reports how many layers of an image have been read; of a stream nobody knows how many there are.
func (p *progress) layers(read, of int) {
	p.mu.Lock()
	p.read = [2]int{read, max(read, of)}
	p.mu.Unlock()
	p.step("layers read", read, max(read, of))
}

// nextImage forgets the layers of the image before.
func (p *progress) nextImage() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = [2]int{}
}

// waitedFor says what of an image had not come when its time was over.
func (p *progress) waitedFor() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read[1] == 0 {
		return "it waited for the first layer, or for what names the layers"
	}
	return fmt.Sprintf("%d of %d layers had been read", p.read[0], p.read[1])
}

// fetched reports how far the fetching of a feed is.
func (p *progress) fetched(f feed.Progress) {
	p.step(f.What, int(f.Done), int(f.Total))
}
