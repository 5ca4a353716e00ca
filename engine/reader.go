package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// ReaderParts are the stages of a Reader. All are needed but for those that say so.
type ReaderParts struct {
	Inspectors []Inspector
	Merge      func(layers []LayerFacts) (*Tree, error)
	Assemble   func(tree *Tree, layers []LayerFacts) (*Inventory, error)
	Matcher    Matcher
	Workers    int   // layers read at once, at least 1
	Memory     int64 // bytes that files under inspection may hold together
	// Base says what the image was built on; nil when nothing asks.
	Base func(c Config, layers []LayerInfo) *Base
	// Cache keeps what is learned from layers; nil for none.
	Cache LayerCache
	// Secrets finds credentials in what an image says of itself, its environment, labels and history, and masks them there; nil when nobody looks
	// for any, in files neither: the section is then missing.
	Secrets func(f *Facts) []Secret
	// Verify says that layers check their diff IDs too, so that what the cache gives must have been checked likewise.
	Verify bool
	// Wants says whether a section that costs something is wanted: "files", "referrers". It may wait until that is known; nil is no.
	Wants func(section string) bool
	// Progress is told how many of an image's layers have been read; nil for none. Of a source that streams, of is 0: nobody knows.
	Progress func(read, of int)
}

// Reader gathers the facts about images. It is safe for concurrent use.
type Reader struct{ p ReaderParts }

// NewReader complains about a missing part here, not later.
func NewReader(p ReaderParts) (*Reader, error) {
	return &Reader{p}, complete("reader", part{"inspectors", len(p.Inspectors) == 0}, part{"merge", p.Merge == nil}, part{"assemble", p.Assemble == nil},
		part{"matcher", p.Matcher == nil}, part{"workers", p.Workers < 1}, part{"memory", p.Memory < 1})
}

// Inspect gathers the facts: everything that policies see.
func (r *Reader) Inspect(ctx context.Context, img Image, at time.Time) (*Input, error) {
	s := &scan{Reader: r, img: img}
	asking, stop := context.WithCancel(ctx)
	refer := s.referrers(asking)
	inv, err := s.inventory(ctx)
	if err != nil {
		stop()
	}
	referrers := refer() // also after an error: whoever closes the image must not find it in use
	stop()
	if err != nil {
		return nil, err
	}
	matches, err := r.p.Matcher.Match(ctx, inv, at)
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	id := img.Identity()
	in := &Input{Facts: Facts{
		SchemaVersion: SchemaVersion,
		Now:           at.UTC().Format(time.RFC3339),
		Image:         id,
		Platform:      id.Platform,
		Config:        img.Config(),
		OS:            inv.OS,
		Packages:      inv.Packages,
		Findings:      matches.Findings,
		Secrets:       inv.Secrets,
		Accounts:      inv.Accounts,
		Gaps:          slices.Concat(inv.Gaps, matches.Gaps, referrers.gaps),
		Database:      matches.Database,
		Layers:        s.infos(),
	}}
	s.describe(in, referrers, inv.Annotate)
	if part, ok := img.(Partial); ok {
		for _, p := range part.Unscanned() {
			in.Gaps = append(in.Gaps, Gap{Kind: GapPlatformNotScanned, Subject: Maybe(p.String()),
				Detail: "the source also holds an image for this platform, which was not scanned"})
		}
	}
	for _, l := range img.Layers() {
		if part, ok := l.(Sketched); ok {
			in.Gaps = append(in.Gaps, part.Gaps()...)
		}
	}
	if r.p.Base != nil {
		in.Base = r.p.Base(in.Config, in.Layers)
	}
	originate(in.Findings, in.Base, in.Layers)
	if r.p.Secrets != nil {
		in.Secrets = append(in.Secrets, r.p.Secrets(&in.Facts)...)
	} else {
		in.Missing = append(in.Missing, "secrets")
	}
	in.reach(inv)
	in.Findings = Identify(in.Findings)
	in.Secrets = IdentifySecrets(in.Secrets)
	in.Gaps = IdentifyGaps(foldGaps(in.Gaps))
	return in, nil
}

// reach says of each package whether what the image starts can get to it.
func (in *Input) reach(inv *Inventory) {
	if inv.Reach != nil {
		inv.Reach(in.Config, in.Packages)
	}
	for i := range in.Packages {
		if in.Packages[i].Reached == "" {
			in.Packages[i].Reached = "unknown"
		}
	}
}
