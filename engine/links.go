package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
)

// reread is one body that an inspector wants under a path that only the merged tree reveals.
type reread struct {
	as   string // the path under which it is wanted
	node *Node
	by   Inspector
}

// followLinks reads what is wanted only after links resolve: hard links, files below linked directories, and anchors that are
// links. What cannot be read a second time becomes a gap.
func (s *scan) followLinks(ctx context.Context) error {
	jobs := s.wantedBehindLinks()
	for i, l := range s.img.Layers() {
		if err := s.readAgain(ctx, l, &s.facts[i], jobs[i+1]); err != nil {
			return fmt.Errorf("layer %d, read again for links: %w", i+1, err)
		}
	}
	return nil
}

// wantedBehindLinks lists, for each layer's index, the bodies in it by their path in the layer.
func (s *scan) wantedBehindLinks() []map[string][]reread {
	tree, facts := s.tree, s.facts
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
	jobs := make([]map[string][]reread, len(facts)+1)
	add := func(as string, n *Node, insp Inspector) {
		key := read{insp.Name(), n.BodyLayer, n.BodyPath}
		// What is wanted under the body's own path has been read by the walk.
		if n.Type != TypeFile || have[key] || insp.Wants(n.BodyPath, n.Mode, n.Size) || !insp.Wants(as, n.Mode, n.Size) {
			return
		}
		have[key] = true
		if jobs[n.BodyLayer] == nil {
			jobs[n.BodyLayer] = map[string][]reread{}
		}
		jobs[n.BodyLayer][n.BodyPath] = append(jobs[n.BodyLayer][n.BodyPath], reread{as, n, insp})
	}
	var moved []*Node
	for p, n := range tree.Nodes {
		if n.BodyPath != p || n.BodyLayer != n.Layer {
			moved = append(moved, n)
		}
	}
	sort.Slice(moved, func(i, j int) bool { return moved[i].Path < moved[j].Path })
	for _, insp := range s.p.Inspectors {
		for _, n := range moved {
			add(n.Path, n, insp)
		}
		if anchored, ok := insp.(Anchored); ok {
			if err := eachAnchor(tree, anchored.Anchors(), func(as string, n *Node) { add(as, n, insp) }); err != nil {
				facts[0].Evidence = append(facts[0].Evidence, Evidence{Inspector: insp.Name(), Layer: 1,
					Gaps: []Gap{{Kind: GapUnreadable, Detail: err.Error()}}})
			}
		}
	}
	return jobs
}

// eachAnchor calls found for each file that an anchor leads to by way of a link.
func eachAnchor(tree *Tree, anchors []string, found func(as string, n *Node)) error {
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
		if n.Type != TypeDir {
			continue
		}
		var inside []*Node
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

// readAgain reads what one layer holds behind links: from the cache, or by a second walk.
func (s *scan) readAgain(ctx context.Context, l Layer, lf *LayerFacts, jobs map[string][]reread) error {
	if len(jobs) == 0 {
		return nil
	}
	wanted := map[[2]string]reread{} // by inspector and path
	var names, paths []string
	for p, js := range jobs {
		for _, j := range js {
			wanted[[2]string{j.by.Name(), j.as}] = j
			names, paths = append(names, Fingerprint(j.by.Name(), j.as, p)), append(paths, j.as)
		}
	}
	sort.Strings(names)
	found, err := s.behindLinks(ctx, l, lf, jobs, names)
	if errors.Is(err, errPassed) {
		sort.Strings(paths)
		for _, p := range paths {
			lf.Evidence = append(lf.Evidence, Evidence{Layer: lf.Info.Index, Path: p, Gaps: []Gap{{Kind: GapUnreadable,
				Path: Maybe(p), Layer: Maybe(lf.Info.DiffID), Detail: errPassed.Error()}}})
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, ev := range found {
		j := wanted[[2]string{ev.Inspector, ev.Path}]
		ev = ev.in(lf.Info)
		ev.Layer = j.node.Layer
		if s.tree.Moved[ev.Layer] == nil {
			s.tree.Moved[ev.Layer] = map[string]string{}
		}
		s.tree.Moved[ev.Layer][j.as] = j.node.Path
		lf.Evidence = append(lf.Evidence, ev)
	}
	return nil
}

var errPassed = errors.New("reached through a link, and this source cannot be read a second time: save it to a file first")

// behindLinks returns the evidence of all jobs of a layer, sorted. What a second walk has not verified, the cache does not keep, though the
// first one may have come from there.
func (s *scan) behindLinks(ctx context.Context, l Layer, lf *LayerFacts, jobs map[string][]reread, names []string) ([]Evidence, error) {
	cached, err := s.cacheable(ctx, l, lf.Info)
	if err != nil {
		return nil, err
	}
	if cached {
		if again, ok := s.p.Cache.Load(s.key(l, names...)); ok {
			return again.Evidence, nil
		}
	}
	if !l.Rereadable() {
		return nil, errPassed
	}
	found, verified, err := s.walkAgain(ctx, l, lf.Info, jobs)
	if err == nil && verified != VerifiedContent {
		lf.Info.Verified, cached = verified, false
	}
	if err == nil && cached {
		_ = s.p.Cache.Store(s.key(l, names...), &LayerFacts{Info: lf.Info, Evidence: found})
	}
	return found, err
}

func (s *scan) walkAgain(ctx context.Context, l Layer, info LayerInfo, jobs map[string][]reread) ([]Evidence, Verified, error) {
	found := map[string][]Evidence{}
	verified, err := l.Walk(ctx, func(f *File) error {
		if f.Err() != nil || f.Type != TypeFile {
			return ctx.Err()
		}
		delete(found, f.Path) // of duplicates the last one wins
		for _, j := range jobs[f.Path] {
			entry := f.Path
			f.Path = j.as
			ev, err := inspect(ctx, j.by, f, info, s.memory)
			if err != nil {
				return err
			}
			list := append(found[entry], ev)
			if found[entry] = list; f.summable(&ev) {
				_ = f.hash(ctx, AllSums, list[len(list)-1:], info) // the end of the context ends the walk below
			}
			f.Path = entry
		}
		f.Release()
		return ctx.Err()
	})
	if limit := (*LimitError)(nil); errors.As(err, &limit) && ctx.Err() == nil {
		verified, err = VerifiedClaimed, nil // the first walk ended there too, and that is a gap
	}
	if err != nil {
		return nil, "", err
	}
	entries := make([]string, 0, len(found))
	for p := range found {
		entries = append(entries, p)
	}
	sort.Strings(entries)
	var out []Evidence
	for _, p := range entries {
		out = append(out, found[p]...)
	}
	return out, verified, nil
}
