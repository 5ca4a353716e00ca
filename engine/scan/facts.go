package scan

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vetoci/veto/engine"
)

// facts puts together what is known of an image once it has been read and matched.
func facts(img engine.Image, c *content, matches *engine.Matches, at time.Time) *engine.Input {
	id := img.Identity()
	in := &engine.Input{Facts: engine.Facts{
		SchemaVersion: engine.SchemaVersion,
		Now:           at.UTC().Format(time.RFC3339),
		Image:         id,
		Platform:      id.Platform,
		Config:        img.Config(),
		OS:            c.inventory.OS,
		Packages:      c.inventory.Packages,
		Findings:      matches.Findings,
		Secrets:       c.inventory.Secrets,
		Accounts:      c.inventory.Accounts,
		Gaps:          slices.Concat(c.inventory.Gaps, matches.Gaps),
		Database:      matches.Database,
		Layers:        c.layerInfos(),
	}}
	if part, ok := img.(engine.Partial); ok {
		for _, p := range part.Unscanned() {
			in.Gaps = append(in.Gaps, engine.Gap{Kind: engine.GapPlatformNotScanned, Subject: engine.Maybe(p.String()),
				Detail: "the source also holds an image for this platform, which was not scanned"})
		}
	}
	if doubted, ok := img.(engine.Doubted); ok {
		in.Gaps = append(in.Gaps, doubted.Gaps()...)
	}
	for _, l := range img.Layers() {
		if part, ok := l.(engine.Sketched); ok {
			in.Gaps = append(in.Gaps, part.Gaps()...)
		}
	}
	return in
}

// layerInfos describes the layers, with what merging them has shown.
func (c *content) layerInfos() []engine.LayerInfo {
	var out []engine.LayerInfo
	for i, lf := range c.layers {
		if i < len(c.tree.Wasted) {
			lf.Info.WastedBytes = c.tree.Wasted[i]
		}
		out = append(out, lf.Info)
	}
	return out
}

// addFiles adds what the merged tree says of space and, where a rule reads them, of files.
func addFiles(in *engine.Input, c *content, wanted bool) {
	in.Space.Efficiency = c.tree.Efficiency
	for _, l := range in.Layers {
		in.Space.ContentBytes += l.ContentBytes
		in.Space.WastedBytes += l.WastedBytes
	}
	if !wanted {
		in.Missing = append(in.Missing, "files")
		return
	}
	in.Files = engine.FileFacts(c.tree)
	if c.inventory.Annotate != nil {
		c.inventory.Annotate(in.Files)
	}
}

// referred is the answer to who refers to an image.
type referred struct {
	asked bool
	list  []engine.Referrer
	gaps  []engine.Gap
}

// askReferrers asks while layers are read; of a stream, which does not say before its end which image it is, when the answer is called
// for. That they cannot be listed is a gap: a signature may be missing, or hidden.
func askReferrers(ctx context.Context, img engine.Image, wants func(section string) bool) (answer func() referred) {
	source, ok := img.(engine.Referred)
	if !ok {
		return func() referred { return referred{asked: true} }
	}
	ask := sync.OnceValue(func() referred {
		if !wants("referrers") {
			return referred{}
		}
		list, err := source.Referrers(ctx)
		if err != nil {
			return referred{asked: true, gaps: []engine.Gap{{Kind: engine.GapUnreadable, Subject: "referrers", Detail: err.Error()}}}
		}
		return referred{asked: true, list: list}
	})
	if _, later := img.(engine.Streamed); !later {
		go ask()
	}
	return ask
}

func addReferrers(in *engine.Input, r referred) {
	in.Gaps = append(in.Gaps, r.gaps...)
	if in.Referrers = r.list; !r.asked {
		in.Missing = append(in.Missing, "referrers")
	}
}

// setOrigins says of each finding whether a layer of the base brought it. Only a base whose layers veto hashed tells: what an image claims
// about its layers, its author chooses.
func setOrigins(fs []engine.Finding, base *engine.Base, layers []engine.LayerInfo) {
	index := map[engine.Maybe]int{} // of the oldest layer with a diff ID
	for _, l := range layers {
		if _, ok := index[engine.Maybe(l.DiffID)]; !ok {
			index[engine.Maybe(l.DiffID)] = l.Index
		}
	}
	for i := range fs {
		at := index[fs[i].Layer]
		switch {
		case at == 0 || base == nil || base.State != "verified" || base.Layers == 0:
			fs[i].Origin = engine.OriginUnknown
		case at <= base.Layers:
			fs[i].Origin = engine.OriginBase
		default:
			fs[i].Origin = engine.OriginOwn
		}
	}
}

// markReached says of each package whether what the image starts can get to it.
func markReached(in *engine.Input, inv *engine.Inventory) {
	if inv.Reach != nil {
		inv.Reach(in.Config, in.Packages)
	}
	for i := range in.Packages {
		if in.Packages[i].Reached == "" {
			in.Packages[i].Reached = "unknown"
		}
	}
}
