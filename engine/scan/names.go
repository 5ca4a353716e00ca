package scan

import (
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// bodyID is a body: the layer that holds it, and its path there.
type bodyID struct {
	layer int
	path  string
}

// search looks for bodies that are wanted under other names than their own.
type search struct {
	w       *walker
	facts   []engine.LayerFacts
	tree    *engine.Tree
	found   map[string]map[bodyID][]*engine.Evidence // what walks found, by inspector
	modes   map[bodyID]fs.FileMode                   // of entries whose node has another mode, or none
	names   map[string]map[bodyID]int                // by inspector: under how many more names a body is wanted
	targets map[*engine.Node]*engine.Node            // where links lead, nil for nowhere, as far as anybody asked
	jobs    []rereadings                             // by the index of the layer
}

// wantedBehindLinks adds the evidence that is there under another name, and lists what to read again, by the index of the layer.
func (w *walker) wantedBehindLinks(facts []engine.LayerFacts, tree *engine.Tree) []rereadings {
	s := &search{w: w, facts: facts, tree: tree, jobs: make([]rereadings, len(facts)+1), names: map[string]map[bodyID]int{},
		targets: map[*engine.Node]*engine.Node{}}
	nodes := s.listNodes()
	s.collect(nodes.moved)
	for _, insp := range w.inspectors {
		for _, n := range nodes.moved {
			s.add(n.Path, n, insp)
		}
		if placed, ok := insp.(engine.Placed); ok {
			s.addLinked(nodes, insp, placed.BaseNames())
		}
		if anchored, ok := insp.(engine.Anchored); ok {
			if err := eachAnchor(tree, anchored.Anchors(), func(as string, n *engine.Node) { s.add(as, n, insp) }); err != nil {
				facts[0].Evidence = append(facts[0].Evidence, engine.Evidence{Inspector: insp.Name(), Layer: 1,
					Gaps: []engine.Gap{{Kind: engine.GapUnreadable, Detail: err.Error()}}})
			}
		}
	}
	return s.jobs
}

// nodeLists are the nodes that matter, each list sorted by path.
type nodeLists struct {
	moved []*engine.Node            // whose body stands under another path or in another layer, or got its mode from a hard link
	links []*engine.Node            // symbolic
	named map[string][]*engine.Node // by base name, or how it ends ("*.gemspec"): files and links that a Placed inspector could want elsewhere
}

// listNodes looks at every node once.
func (s *search) listNodes() *nodeLists {
	out := &nodeLists{named: map[string][]*engine.Node{}}
	exact, ends := map[string]bool{}, map[string]bool{}
	for _, insp := range s.w.inspectors {
		placed, ok := insp.(engine.Placed)
		if !ok {
			continue
		}
		for _, name := range placed.BaseNames() {
			if end, ok := strings.CutPrefix(name, "*"); ok {
				ends[end] = true
			} else {
				exact[name] = true
			}
		}
	}
	for p, n := range s.tree.Nodes {
		if n.BodyPath != p || n.BodyLayer != n.Layer || n.Relinked {
			out.moved = append(out.moved, n)
		}
		if n.Type == engine.TypeSymlink {
			out.links = append(out.links, n)
		}
		if n.Type == engine.TypeSymlink || n.Type == engine.TypeFile {
			base := p[strings.LastIndexByte(p, '/')+1:]
			if exact[base] {
				out.named[base] = append(out.named[base], n)
			}
			if dot := strings.LastIndexByte(base, '.'); dot >= 0 && ends[base[dot:]] {
				out.named["*"+base[dot:]] = append(out.named["*"+base[dot:]], n)
			}
		}
	}
	byPath := func(a, b *engine.Node) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(out.moved, byPath)
	slices.SortFunc(out.links, byPath)
	for _, list := range out.named {
		slices.SortFunc(list, byPath)
	}
	return out
}

// collect gathers what walks found in the bodies of moved nodes, and the modes under which they saw them.
func (s *search) collect(moved []*engine.Node) {
	s.found, s.modes = map[string]map[bodyID][]*engine.Evidence{}, map[bodyID]fs.FileMode{}
	for _, n := range moved {
		s.modes[bodyID{n.BodyLayer, n.BodyPath}] = n.Mode
	}
	if len(moved) == 0 {
		return
	}
	for i := range s.facts {
		lf := &s.facts[i]
		for j := range lf.Entries {
			if id := (bodyID{i + 1, lf.Entries[j].Path}); lf.Entries[j].Type == engine.TypeFile {
				if _, ok := s.modes[id]; ok {
					s.modes[id] = lf.Entries[j].Mode
				}
			}
		}
		for j := range lf.Evidence {
			ev := &lf.Evidence[j]
			id := bodyID{ev.Layer, ev.Path}
			if _, ok := s.modes[id]; !ok {
				continue
			}
			if s.found[ev.Inspector] == nil {
				s.found[ev.Inspector] = map[bodyID][]*engine.Evidence{}
			}
			s.found[ev.Inspector][id] = append(s.found[ev.Inspector][id], ev)
		}
	}
}

// add makes an inspector's evidence of a node's body count under the path as, too.
func (s *search) add(as string, n *engine.Node, insp engine.Inspector) {
	if n.Type != engine.TypeFile || !insp.Wants(as, n.Mode, n.Size) {
		return
	}
	id := bodyID{n.BodyLayer, n.BodyPath}
	seen := n.Mode // by the walk
	if mode, ok := s.modes[id]; ok {
		seen = mode
	}
	walked := insp.Wants(n.BodyPath, seen, n.Size)
	if walked && as == n.Path && n.Layer == n.BodyLayer && s.tree.PathOf(n.BodyLayer, n.BodyPath) == n.Path {
		return // the walk's evidence counts there
	}
	if walked && as != n.Path && insp.Wants(n.Path, n.Mode, n.Size) {
		return // as is a link, and the place to which it leads is wanted itself
	}
	name := insp.Name()
	if s.names[name] == nil {
		s.names[name] = map[bodyID]int{}
	}
	if s.names[name][id]++; s.names[name][id] > maxNames {
		return // the same content under yet another name
	}
	if placed, ok := insp.(engine.Placed); walked && (!ok || samePlace(as, n.BodyPath) || !forItsName(placed, as, n.BodyPath)) {
		s.copyEvidence(as, n, s.found[name][id])
		return
	}
	if s.jobs[n.BodyLayer] == nil {
		s.jobs[n.BodyLayer] = rereadings{}
	}
	s.jobs[n.BodyLayer][n.BodyPath] = append(s.jobs[n.BodyLayer][n.BodyPath], rereading{as, n, insp})
}

// maxNames is under how many more names one inspector's evidence of one body counts. Hundreds of names of one program say nothing new.
const maxNames = 16

// samePlace says whether two paths end in the same folder and name: an inspector reads the same under both.
func samePlace(a, b string) bool {
	return path.Base(a) == path.Base(b) && path.Base(path.Dir(a)) == path.Base(path.Dir(b))
}

// forItsName says whether one of two paths has a base name for which an inspector wants it: else it reads the same under both.
func forItsName(placed engine.Placed, paths ...string) bool {
	return slices.ContainsFunc(placed.BaseNames(), func(name string) bool {
		return slices.ContainsFunc(paths, func(p string) bool {
			end, any := strings.CutPrefix(name, "*")
			return any && strings.HasSuffix(p, end) || path.Base(p) == name
		})
	})
}

// copyEvidence adds evidence under another name. Secrets are reported where they were found.
func (s *search) copyEvidence(as string, n *engine.Node, list []*engine.Evidence) {
	lf := &s.facts[n.BodyLayer-1]
	for _, ev := range list {
		if len(ev.Packages) == 0 && len(ev.Gaps) == 0 && len(ev.Owned) == 0 && ev.OS == nil && (ev.Traits == nil || ev.Traits.Program == nil) {
			continue
		}
		more := ofLayer(*ev, lf.Info)
		more.Path, more.Layer = as, n.Layer
		for i := range more.Gaps {
			more.Gaps[i].Path = engine.Maybe(as)
		}
		if ev.Traits != nil {
			traits := *ev.Traits
			traits.Secrets = nil
			more.Traits = &traits
		}
		recordName(s.tree, n, as)
		lf.Evidence = append(lf.Evidence, more)
	}
}

// recordName notes where in the tree the path is under which a node's body was wanted.
func recordName(tree *engine.Tree, n *engine.Node, as string) {
	if _, moved := tree.Moved[n.Layer][as]; !moved && as == n.Path {
		return
	}
	if tree.Moved[n.Layer] == nil {
		tree.Moved[n.Layer] = map[string]string{}
	}
	tree.Moved[n.Layer][as] = n.Path
}

// addLinked asks a Placed inspector about links: to a file, by the link's own path, and to a directory, by the path that the link gives to
// each file in it that the inspector could want.
func (s *search) addLinked(nodes *nodeLists, insp engine.Inspector, names []string) {
	var candidates []*engine.Node // files that are not wanted where they are
	for _, name := range names {
		for _, n := range nodes.named[name] {
			if !insp.Wants(n.Path, n.Mode, n.Size) {
				candidates = append(candidates, n)
			}
		}
	}
	slices.SortFunc(candidates, func(a, b *engine.Node) int { return strings.Compare(a.Path, b.Path) })
	for _, l := range nodes.links {
		wanted := insp.Wants(l.Path, 0o644, 1)
		if !wanted && len(candidates) == 0 {
			continue
		}
		switch target := s.targetOf(l); {
		case target == nil:
		case target.Type == engine.TypeFile:
			s.add(l.Path, target, insp)
		case target.Type == engine.TypeDir:
			s.addBelow(l.Path, target.Path, candidates, nodes.links, insp, 0)
		}
	}
}

// addBelow asks about the files in a directory by the path as that a link gives it, and again about the links in it.
func (s *search) addBelow(as, dir string, candidates, links []*engine.Node, insp engine.Inspector, depth int) {
	if depth == maxLinkedDirs || len(candidates) == 0 {
		return
	}
	for _, n := range below(candidates, dir) {
		target := n
		if n.Type == engine.TypeSymlink {
			target = s.targetOf(n)
		}
		if target != nil {
			s.add(as+n.Path[len(dir):], target, insp)
		}
	}
	for _, l := range below(links, dir) {
		if target := s.targetOf(l); target != nil && target.Type == engine.TypeDir && !strings.HasPrefix(dir+"/", target.Path+"/") {
			s.addBelow(as+l.Path[len(dir):], target.Path, candidates, links, insp, depth+1)
		}
	}
}

// targetOf returns where a link leads, nil for nowhere.
func (s *search) targetOf(l *engine.Node) *engine.Node {
	target, known := s.targets[l]
	if !known {
		if n, err := s.tree.Resolve(l.Path); err == nil {
			target = n
		}
		s.targets[l] = target
	}
	return target
}

// maxLinkedDirs is how many links to directories one path leads through on the way to a file that an inspector wants for its place.
const maxLinkedDirs = 3

// below returns the nodes in a directory, of a list that is sorted by path.
func below(list []*engine.Node, dir string) []*engine.Node {
	first := sort.Search(len(list), func(i int) bool { return list[i].Path > dir+"/" })
	end := sort.Search(len(list), func(i int) bool { return list[i].Path >= dir+"0" }) // "0" follows "/"
	return list[first:max(first, end)]
}
