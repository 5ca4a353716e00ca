package image_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
)

// view brings a merged tree into the form of the reference. Evidence is of the last entry of a path.
func view(t *engine.Tree, layers []engine.LayerFacts) map[string]seen {
	out, last := map[string]seen{}, map[string]int{}
	for i, l := range layers {
		for k, e := range l.Entries {
			last[fmt.Sprintf("%d:%s", i+1, e.Path)] = k
		}
	}
	for p, n := range t.Nodes {
		s := seen{Type: n.Type, Layer: n.Layer, Brought: n.Brought}
		switch n.Type {
		case engine.TypeFile:
			s.Body = fmt.Sprintf("%d:%s", n.BodyLayer, n.BodyPath)
			s.Made = last[s.Body]
		case engine.TypeSymlink:
			s.Link = n.Link
		}
		out[p] = s
	}
	return out
}

// randomStack makes layers over a few names, so that entries meet: linked parents, whiteouts, opaque directories, hard links.
func randomStack(r *rand.Rand) []engine.LayerFacts {
	dirs, files := []string{"a", "b", "lib", "usr"}, []string{"x", "y", "z", "usr"}
	var made []string
	randomPath := func() string {
		p := ""
		for r.IntN(3) > 0 && len(p) < 14 {
			p += dirs[r.IntN(len(dirs))] + "/"
		}
		if r.IntN(6) == 0 {
			return p + dirs[r.IntN(len(dirs))]
		}
		return p + files[r.IntN(len(files))]
	}
	randomDir := func() string { return path.Dir(randomPath() + "/x") }
	layers := make([]engine.LayerFacts, 1+r.IntN(4))
	for i := range layers {
		for range 1 + r.IntN(9) {
			e := engine.Entry{Path: randomPath()}
			dir := func(base string) string {
				if r.IntN(5) == 0 {
					return base
				}
				return randomDir() + "/" + base
			}
			switch k := r.IntN(20); {
			case k < 8:
				e.Type, e.Size = engine.TypeFile, int64(r.IntN(100))
				made = append(made, e.Path)
			case k < 10:
				e.Type, e.Path = engine.TypeDir, path.Dir(e.Path+"/x")
			case k < 12:
				e.Type, e.Path, e.Link = engine.TypeSymlink, dirs[r.IntN(len(dirs))], dirs[r.IntN(len(dirs))]
			case k < 14:
				e.Type, e.Link = engine.TypeSymlink, randomPath()
				switch r.IntN(3) {
				case 0:
					e.Link = "/" + e.Link
				case 1:
					e.Link = "../" + e.Link
				}
			case k < 16:
				e.Type, e.Link = engine.TypeHardlink, randomPath()
				if len(made) > 0 && r.IntN(8) > 0 {
					e.Link = made[r.IntN(len(made))]
				}
			case k < 18:
				e.Type, e.Path = engine.TypeFile, dir(".wh."+path.Base(randomPath()))
			case k < 19:
				e.Type, e.Path = engine.TypeFile, dir(".wh..wh..opq")
			default:
				e.Type = engine.TypeFifo
			}
			layers[i].Entries = append(layers[i].Entries, e)
		}
	}
	return layers
}

func describeStack(layers []engine.LayerFacts) string {
	s := ""
	for i, l := range layers {
		for _, e := range l.Entries {
			s += fmt.Sprintf("%d  %-8s %s", i+1, e.Type, e.Path)
			if e.Link != "" {
				s += " -> " + e.Link
			}
			s += "\n"
		}
	}
	return s
}

// compareStack fails when Merge and the reference differ; it returns whether the stack could be unpacked at all.
func compareStack(tb testing.TB, layers []engine.LayerFacts) bool {
	tb.Helper()
	want, removals, put, werr := reference(layers)
	tree, err := image.MergeOver(layers)
	if (werr != nil) != (err != nil) {
		tb.Fatalf("Merge: %v; the reference: %v\n%s", err, werr, describeStack(layers))
	}
	if err != nil {
		return false
	}
	got := view(tree, layers)
	for _, n := range tree.Unseen {
		w, g := want[n.Path], got[n.Path]
		w.Made, g.Made = -1, -1
		want[n.Path], got[n.Path] = w, g
	}
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Fatalf("the trees differ (-reference +Merge):\n%s\n%s", diff, describeStack(layers))
	}
	if diff := cmp.Diff(removals, tree.Removals); diff != "" {
		tb.Fatalf("the removals differ (-reference +Merge):\n%s\n%s", diff, describeStack(layers))
	}
	compareWaste(tb, tree, layers)
	for i, l := range layers {
		last := map[string]engine.EntryType{}
		for _, e := range l.Entries {
			last[e.Path] = e.Type
		}
		for p, kind := range last {
			if id := fmt.Sprintf("%d:%s", i+1, p); kind == engine.TypeFile && put[id] != "" {
				s := want[put[id]]
				if visible := s.Body == id && s.Layer == i+1; visible != tree.Visible(i+1, p) {
					tb.Fatalf("Visible(%d, %q) is %t, the reference says %t\n%s", i+1, p, !visible, visible, describeStack(layers))
				}
			}
		}
	}
	return true
}

// compareWaste holds the bytes that the merge counts as wasted against a count over the finished tree: all bodies of a layer less those
// that some name shows. Where one layer has two bodies of one name, a hard link does not say whose it is, and there is nothing to compare.
func compareWaste(tb testing.TB, tree *engine.Tree, layers []engine.LayerFacts) {
	tb.Helper()
	type body struct {
		layer int
		path  string
	}
	want, sizes := make([]int64, len(layers)), map[body]int64{}
	for i, l := range layers {
		for _, e := range l.Entries {
			b := body{i + 1, e.Path}
			if e.Type != engine.TypeFile {
				continue
			}
			if _, twice := sizes[b]; twice {
				return
			}
			sizes[b] = e.Size
		}
	}
	shown := map[body]bool{}
	for _, n := range tree.Nodes {
		if n.Type == engine.TypeFile {
			shown[body{n.BodyLayer, n.BodyPath}] = true
		}
	}
	for b, size := range sizes {
		if !shown[b] && !strings.HasPrefix(path.Base(b.path), ".wh.") {
			want[b.layer-1] += size
		}
	}
	if diff := cmp.Diff(want, tree.Wasted); diff != "" {
		tb.Fatalf("the wasted bytes differ (-count +Merge):\n%s\n%s", diff, describeStack(layers))
	}
}

func TestMergeEqualsReference(t *testing.T) {
	unpacked := 0
	const stacks = 30_000
	for seed := range uint64(stacks) {
		if compareStack(t, randomStack(rand.New(rand.NewPCG(seed, 7)))) {
			unpacked++
		}
	}
	t.Logf("%d of %d stacks could be unpacked", unpacked, stacks)
	if unpacked < stacks/4 {
		t.Errorf("only %d of %d stacks could be unpacked", unpacked, stacks)
	}
}

// TestMergeIsBounded: links and depth must not make a small layer cost much time or memory.
func TestMergeIsBounded(t *testing.T) {
	deepLink := []engine.Entry{{Path: "l", Type: engine.TypeSymlink, Link: strings.Repeat("abcde/", 505)}}
	chain := []engine.Entry{{Path: "l0", Type: engine.TypeDir}}
	for i := range 39 {
		chain = append(chain, engine.Entry{Path: fmt.Sprintf("l%d", i+1), Type: engine.TypeSymlink,
			Link: fmt.Sprintf("l%d/", i) + strings.Repeat("./", 2000)})
	}
	for i := range 2000 { // each pair makes what is known of the link useless
		deepLink = append(deepLink, engine.Entry{Path: fmt.Sprintf("l/%d", i), Type: engine.TypeFile},
			engine.Entry{Path: "s", Type: engine.TypeSymlink, Link: "l"})
		chain = append(chain, engine.Entry{Path: fmt.Sprintf("l39/%d", i), Type: engine.TypeFile},
			engine.Entry{Path: "s", Type: engine.TypeSymlink, Link: "l0"})
	}
	for name, entries := range map[string][]engine.Entry{"a deep link": deepLink, "a chain of links": chain} {
		_, err := image.Merge([]engine.LayerFacts{{Entries: entries}})
		if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) {
			t.Errorf("%s: %v, want a limit", name, err)
		}
	}
	_, err := image.Merge([]engine.LayerFacts{{Entries: []engine.Entry{{Path: "a", Type: engine.TypeSymlink, Link: "b"},
		{Path: "b", Type: engine.TypeSymlink, Link: "a"}, {Path: "a/x", Type: engine.TypeFile}}}})
	if !errors.Is(err, engine.ErrLinkLoop) {
		t.Errorf("a loop: %v", err)
	}
}
