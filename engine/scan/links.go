package scan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"

	"github.com/vetoci/veto/engine"
)

// rereading is one body that an inspector wants under a path that only the merged tree reveals.
type rereading struct {
	as   string // the path under which it is wanted
	node *engine.Node
	by   engine.Inspector
}

// rereadings are those of one layer, by the path of the body in it.
type rereadings map[string][]rereading

// followLinks reads what is wanted only after links resolve: hard links, files below linked directories, and anchors that are links. It
// adds the evidence to the layer that holds the body. What cannot be read a second time becomes a gap.
func (w *walker) followLinks(ctx context.Context, layers []engine.Layer, facts []engine.LayerFacts, tree *engine.Tree) error {
	jobs := w.wantedBehindLinks(facts, tree)
	for i, l := range layers {
		if err := w.readAgain(ctx, l, &facts[i], jobs[i+1], tree); err != nil {
			return fmt.Errorf("layer %d, read again for links: %w", i+1, err)
		}
	}
	return nil
}

// wantedBehindLinks lists what to read again, by the index of the layer.
func (w *walker) wantedBehindLinks(facts []engine.LayerFacts, tree *engine.Tree) []rereadings {
	type read struct {
		by    string
		layer int
		path  string // of the body
	}
	have := map[read]bool{}
	for _, lf := range facts {
		for _, ev := range lf.Evidence {
			have[read{ev.Inspector, ev.Layer, ev.Path}] = true
		}
	}
	jobs := make([]rereadings, len(facts)+1)
	add := func(as string, n *engine.Node, insp engine.Inspector) {
		key := read{insp.Name(), n.BodyLayer, n.BodyPath}
		// What is wanted under the body's own path has been read by the walk.
		if n.Type != engine.TypeFile || have[key] || insp.Wants(n.BodyPath, n.Mode, n.Size) || !insp.Wants(as, n.Mode, n.Size) {
			return
		}
		have[key] = true
		if jobs[n.BodyLayer] == nil {
			jobs[n.BodyLayer] = rereadings{}
		}
		jobs[n.BodyLayer][n.BodyPath] = append(jobs[n.BodyLayer][n.BodyPath], rereading{as, n, insp})
	}
	moved := movedNodes(tree)
	for _, insp := range w.inspectors {
		for _, n := range moved {
			add(n.Path, n, insp)
		}
		if anchored, ok := insp.(engine.Anchored); ok {
			if err := eachAnchor(tree, anchored.Anchors(), func(as string, n *engine.Node) { add(as, n, insp) }); err != nil {
				facts[0].Evidence = append(facts[0].Evidence, engine.Evidence{Inspector: insp.Name(), Layer: 1,
					Gaps: []engine.Gap{{Kind: engine.GapUnreadable, Detail: err.Error()}}})
			}
		}
	}
	return jobs
}

// movedNodes are those whose body stands under another path or in another layer, sorted by path.
func movedNodes(tree *engine.Tree) []*engine.Node {
	var moved []*engine.Node
	for p, n := range tree.Nodes {
		if n.BodyPath != p || n.BodyLayer != n.Layer {
			moved = append(moved, n)
		}
	}
	sort.Slice(moved, func(i, j int) bool { return moved[i].Path < moved[j].Path })
	return moved
}

// eachAnchor calls found for each file that an anchor leads to by way of a link.
func eachAnchor(tree *engine.Tree, anchors []string, found func(as string, n *engine.Node)) error {
	var loops error
	for _, anchor := range anchors {
		n, err := tree.Resolve(anchor)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			loops = errors.Join(loops, err)
			continue
		case n.Path == anchor:
			continue
		}
		found(anchor, n)
		if n.Type != engine.TypeDir {
			continue
		}
		var inside []*engine.Node
		for p, child := range tree.Nodes {
			if path.Dir(p) == n.Path {
				inside = append(inside, child)
			}
		}
		sort.Slice(inside, func(i, j int) bool { return inside[i].Path < inside[j].Path })
		for _, child := range inside {
			found(path.Join(anchor, path.Base(child.Path)), child)
		}
	}
	return loops
}

// readAgain reads what one layer holds behind links, and notes in the tree where each of it stands.
func (w *walker) readAgain(ctx context.Context, l engine.Layer, lf *engine.LayerFacts, jobs rereadings, tree *engine.Tree) error {
	if len(jobs) == 0 {
		return nil
	}
	wanted := map[[2]string]rereading{} // by inspector and path
	var paths []string
	for _, list := range jobs {
		for _, r := range list {
			wanted[[2]string{r.by.Name(), r.as}] = r
			paths = append(paths, r.as)
		}
	}
	evidence, err := w.behindLinks(ctx, l, lf, jobs)
	if errors.Is(err, errPassed) {
		sort.Strings(paths)
		for _, p := range paths {
			lf.Evidence = append(lf.Evidence, engine.Evidence{Layer: lf.Info.Index, Path: p, Gaps: []engine.Gap{{Kind: engine.GapUnreadable,
				Path: engine.Maybe(p), Layer: engine.Maybe(lf.Info.DiffID), Detail: errPassed.Error()}}})
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, ev := range evidence {
		r := wanted[[2]string{ev.Inspector, ev.Path}]
		ev = ofLayer(ev, lf.Info)
		ev.Layer = r.node.Layer
		if tree.Moved[ev.Layer] == nil {
			tree.Moved[ev.Layer] = map[string]string{}
		}
		tree.Moved[ev.Layer][r.as] = r.node.Path
		lf.Evidence = append(lf.Evidence, ev)
	}
	return nil
}

var errPassed = errors.New("reached through a link, and this source cannot be read a second time: save it to a file first")

// behindLinks returns the evidence of all jobs of a layer, sorted: from the cache, or by a second walk. What that walk has not verified the
// cache does not keep, though the first one may have come from there.
func (w *walker) behindLinks(ctx context.Context, l engine.Layer, lf *engine.LayerFacts, jobs rereadings) ([]engine.Evidence, error) {
	var names []string
	for p, list := range jobs {
		for _, r := range list {
			names = append(names, engine.Fingerprint(r.by.Name(), r.as, p))
		}
	}
	sort.Strings(names)
	cached, err := w.cache.mayKeep(ctx, l, lf.Info)
	if err != nil {
		return nil, err
	}
	if cached {
		if evidence, ok := w.cache.behindLinks(l, names); ok {
			return evidence, nil
		}
	}
	if !l.Rereadable() {
		return nil, errPassed
	}
	evidence, verified, err := w.walkAgain(ctx, l, lf.Info, jobs)
	if err != nil {
		return nil, err
	}
	if verified != engine.VerifiedContent {
		lf.Info.Verified, cached = verified, false
	}
	if cached {
		w.cache.keepBehindLinks(l, names, lf.Info, evidence)
	}
	return evidence, nil
}

func (w *walker) walkAgain(ctx context.Context, l engine.Layer, info engine.LayerInfo, jobs rereadings) ([]engine.Evidence, engine.Verified,
	error) {
	byPath := map[string][]engine.Evidence{}
	verified, err := l.Walk(ctx, func(f *engine.File) error {
		if f.Err() != nil || f.Type != engine.TypeFile {
			return ctx.Err()
		}
		delete(byPath, f.Path) // of duplicates the last one wins
		for _, r := range jobs[f.Path] {
			body := f.Path
			f.Path = r.as
			ev, err := askInspector(ctx, r.by, f, info, w.memory)
			if err != nil {
				return err
			}
			list := append(byPath[body], ev)
			if byPath[body] = list; needsSums(r.by, &ev) {
				if err := setSums(ctx, f, engine.AllSums, list[len(list)-1:], info); err != nil {
					return err
				}
			}
			f.Path = body
		}
		f.Release()
		return ctx.Err()
	})
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) && ctx.Err() == nil {
		verified, err = engine.VerifiedClaimed, nil // the first walk ended there too, and that is a gap
	}
	if err != nil {
		return nil, "", err
	}
	bodies := make([]string, 0, len(byPath))
	for p := range byPath {
		bodies = append(bodies, p)
	}
	sort.Strings(bodies)
	var out []engine.Evidence
	for _, p := range bodies {
		out = append(out, byPath[p]...)
	}
	return out, verified, nil
}
