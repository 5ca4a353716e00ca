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

// followLinks lets evidence follow content: a body counts under every name that the merged tree has for it. What the walk of its layer
// found under another name is taken from there, or read again where the name matters: hard links, files below linked directories, links to
// files and directories that an inspector wants for their place. It adds the evidence to the layer that holds the body. What cannot be read
// a second time becomes a gap.
func (w *walker) followLinks(ctx context.Context, layers []engine.Layer, facts []engine.LayerFacts, tree *engine.Tree) error {
	jobs := w.wantedBehindLinks(facts, tree)
	for i, l := range layers {
		if err := w.readAgain(ctx, l, &facts[i], jobs[i+1], tree); err != nil {
			return fmt.Errorf("layer %d, read again for links: %w", i+1, err)
		}
	}
	return nil
}

// addUnseen makes gaps of the files whose bodies nobody has looked at.
func addUnseen(facts []engine.LayerFacts, tree *engine.Tree) {
	for _, n := range tree.Unseen {
		lf := &facts[n.BodyLayer-1]
		lf.Evidence = append(lf.Evidence, engine.Evidence{Layer: n.Layer, Path: n.Path, Gaps: []engine.Gap{{Kind: engine.GapUnreadable,
			Path: engine.Maybe(n.Path), Layer: engine.Maybe(lf.Info.DiffID),
			Detail: "its layer has two files of one path, and this is the first of them under another name: its content is not looked at"}}})
	}
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
		recordName(tree, r.node, r.as)
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
				sums, err := f.Sums(engine.AllSums)
				setSums(sums, err, r.as, list[len(list)-1:], info)
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
