package image_test

import (
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
)

// stack reads layers as words: "file a/b", "dir a", "link a/b TARGET", "hard a/b TARGET", one entry each; a whiteout is a file.
func stack(layers ...string) []engine.LayerFacts {
	kinds := map[string]engine.EntryType{"file": engine.TypeFile, "dir": engine.TypeDir, "link": engine.TypeSymlink,
		"hard": engine.TypeHardlink}
	var out []engine.LayerFacts
	for i, text := range layers {
		lf := engine.LayerFacts{Info: engine.LayerInfo{Index: i + 1}}
		for _, entry := range strings.Split(text, ",") {
			words := strings.Fields(entry)
			if len(words) < 2 {
				continue
			}
			e := engine.Entry{Type: kinds[words[0]], Path: words[1], Mode: 0o644}
			if len(words) > 2 {
				e.Link = words[2]
			}
			lf.Entries = append(lf.Entries, e)
		}
		out = append(out, lf)
	}
	return out
}

// content lists what a tree shows: "path=layer:body" of files, "path>target" of links, "path/" of empty folders.
func content(t *engine.Tree) string {
	full := map[string]bool{}
	for p := range t.Nodes {
		if i := strings.LastIndexByte(p, '/'); i > 0 {
			full[p[:i]] = true
		}
	}
	var out []string
	for p, n := range t.Nodes {
		switch {
		case n.Type == engine.TypeFile:
			out = append(out, p+"="+string(rune('0'+n.BodyLayer))+":"+n.BodyPath)
		case n.Type == engine.TypeSymlink:
			out = append(out, p+">"+n.Link)
		case !full[p]:
			out = append(out, p+"/")
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// Where container runtimes differ, both file systems come back, that of overlay first; where they agree there is one. The answers are what
// podman and containerd show (TestRuntimes compares with them).
func TestRuntimesThatDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		layers []string
		want   []string // overlay, then one over the other; a single one where they agree or only one of them unpacks it
	}{
		"an entry through a lower link": {[]string{"file usr/lib/a, link lib usr/lib", "file lib/b"},
			[]string{"lib/b=2:lib/b usr/lib/a=1:usr/lib/a", "lib>usr/lib usr/lib/a=1:usr/lib/a usr/lib/b=2:lib/b"}},
		"an entry through a link of its own layer": {[]string{"file usr/lib/a", "link lib usr/lib, file lib/b"},
			[]string{"lib>usr/lib usr/lib/a=1:usr/lib/a usr/lib/b=2:lib/b"}},
		"a whiteout through a lower link": {[]string{"file data/a, link srv data", "file srv/.wh.a"},
			[]string{"data/a=1:data/a srv/", "data/ srv>data"}},
		"an opaque root":               {[]string{"file a", "file .wh..wh..opq, file b"}, []string{"a=1:a b=2:b", "b=2:b"}},
		"an opaque folder":             {[]string{"file d/a", "dir d, file d/.wh..wh..opq, file d/b"}, []string{"d/b=2:d/b"}},
		"an opaque folder over a file": {[]string{"file d", "file d/.wh..wh..opq"}, []string{"d/", "d=1:d"}},
		"an opaque folder within a link's place": {[]string{"file d/e/a", "dir d/e, file d/e/.wh..wh..opq", "file d/e/b"},
			[]string{"d/e/b=3:d/e/b"}},
		"an opaque marker in a file":       {[]string{"file d", "file d, file d/.wh..wh..opq"}, []string{"d=2:d"}},
		"a whiteout in what is whited out": {[]string{"file d/a, file e", "file .wh.d, file d/.wh.a, file f"}, []string{"e=1:e f=2:f"}},
		"an opaque folder where they differ elsewhere": {
			[]string{"file d/a, file usr/lib/x, link lib usr/lib", "dir d, file d/.wh..wh..opq, file d/b, file lib/y"},
			[]string{"d/b=2:d/b lib/y=2:lib/y usr/lib/x=1:usr/lib/x",
				"d/b=2:d/b lib>usr/lib usr/lib/x=1:usr/lib/x usr/lib/y=2:lib/y"}},
		"an opaque marker over a link": {[]string{"file x/a, link d x", "dir d, file d/.wh..wh..opq, file d/b"},
			[]string{"d/b=2:d/b x/a=1:x/a"}},
		"an entry through a link, then a whiteout": {
			[]string{"file c", "dir u, link l u, file l/a, file .wh.c, dir d", "file .wh..wh..opq, file l/b"},
			[]string{"d/ l/b=3:l/b u/a=2:l/a", "l/b=3:l/b"}},
		"AUFS's own folder": {[]string{"file .wh..wh.x/evil, file a"},
			[]string{".wh..wh.x/evil=1:.wh..wh.x/evil a=1:a", "a=1:a"}},
		"a folder over its own whiteout": {[]string{"file d/a", "file .wh.d, dir d, file d/b"},
			[]string{"d/a=1:d/a d/b=2:d/b", "d/b=2:d/b"}},
		"a file over its own whiteout":   {[]string{"file d", "file .wh.d, file d"}, []string{"d=2:d"}},
		"a whiteout after what it names": {[]string{"file d", "file d, file .wh.d"}, []string{"d=2:d"}}, // overlay refuses it
		"a hard link to a lower file":    {[]string{"file a", "hard b a"}, []string{"a=1:a b=1:a"}},
		"a file below a lower file":      {[]string{"file a", "file a/b"}, []string{"a/b=2:a/b"}},
		"a file below a lower dead link": {[]string{"link a nowhere", "file a/b"}, []string{"a/b=2:a/b", "a>nowhere nowhere/b=2:a/b"}},
		"a file in place of a folder":    {[]string{"file d/a", "file d"}, []string{"d=2:d"}},
		"a folder in place of a file":    {[]string{"file d", "file d/a, dir d"}, []string{"d/a=2:d/a"}},
		"a plain image": {[]string{"dir a, file a/x, link b a", "file a/.wh.x, file a/y", "file a/y"},
			[]string{"a/y=3:a/y b>a"}},
		"hard links of one layer":         {[]string{"file a", "file x, hard y x", "file .wh.x"}, []string{"a=1:a y=2:x"}},
		"a whiteout of a lower directory": {[]string{"file d/a, file d/e/f", "file .wh.d"}, []string{""}},
	} {
		trees, err := image.Merge(stack(c.layers...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, tree := range trees {
			got = append(got, content(tree))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, layers := range map[string][]string{
		"a file below a file of its own layer": {"file a, file a/b"}, "a hard link to nothing": {"hard a b"},
		"a hard link to a folder":      {"dir a, hard b a"},
		"a link loop of its own layer": {"link a b, link b a, file a/x"}, "a whiteout without a name": {"file .wh."},
		"a whiteout of the folder itself": {"file a/b", "file a/.wh.."}, "a whiteout of what is above": {"file a/b", "file a/.wh..."},
	} {
		if trees, err := image.Merge(stack(layers...)); err == nil {
			t.Errorf("%s: %q, and no runtime unpacks it", name, content(trees[0]))
		}
	}
}

// A hard link's entry gives owner and mode to the file, by all of its names.
func TestAHardLinkSetsTheMode(t *testing.T) {
	layers := stack("file a, hard b a")
	layers[0].Entries[1].Mode = 0o755
	trees, err := image.Merge(layers)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"a", "b"} {
		if m := trees[0].Nodes[p].Mode; m != 0o755 {
			t.Errorf("%s has the mode %o", p, m)
		}
	}
}

// Where an overlay's layer writes through a link of its own, the tree says where its entries stand.
func TestMovedInAnOverlay(t *testing.T) {
	trees, err := image.Merge(stack("file usr/lib/x, link lib usr/lib", "file lib/y, dir u, link l u, file l/a"))
	if err != nil || len(trees) != 2 {
		t.Fatal(trees, err)
	}
	for i, want := range []string{"lib/y", "usr/lib/y"} {
		if got := trees[i].PathOf(2, "lib/y"); got != want {
			t.Errorf("tree %d: lib/y is at %s, want %s", i, got, want)
		}
		if got := trees[i].PathOf(2, "l/a"); got != "u/a" || !trees[i].Visible(2, "l/a") {
			t.Errorf("tree %d: l/a is at %s", i, got)
		}
	}
}
