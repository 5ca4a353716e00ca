package catalog

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// A package is attributed to the oldest layer from which on the database has named it without a break. Compared with a walk over the layers
// from the oldest to the newest, for any history: otherwise a finding blames the wrong layer, and its fix goes to the wrong Dockerfile
// line.
func TestAttributionOfAnyHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for range rounds {
		var layers [][]item
		since := map[string]int{} // layer since which a package has been listed; kept as long as it is
		story := ""
		for i := 1; i <= 1+r.IntN(6); i++ {
			switch r.IntN(5) {
			case 0: // a layer that does not touch the database
				layers = append(layers, []item{{path: "srv/x", body: "x"}})
				story += " -"
			case 1: // one that removes it
				layers = append(layers, []item{{path: "var/lib/dpkg/.wh.status"}})
				clear(since)
				story += " removed"
			default:
				var packages []string
				listed := map[string]bool{}
				for _, name := range []string{"a", "b", "c"} {
					if r.IntN(3) > 0 {
						p := fmt.Sprintf("%s=%d", name, r.IntN(2))
						packages, listed[p] = append(packages, p), true
						if since[p] == 0 {
							since[p] = i
						}
					}
				}
				for p := range since {
					if !listed[p] {
						delete(since, p)
					}
				}
				layers = append(layers, []item{{path: dpkgStatus, body: status(packages...)}})
				story += fmt.Sprint(" ", packages)
			}
		}
		var want []string
		for p, layer := range since {
			name, version, _ := strings.Cut(p, "=")
			want = append(want, fmt.Sprintf("deb/%s@%s L%d", name, version, layer))
		}
		slices.Sort(want)
		inv := assembled(t, layersOf(t, layers...))
		inv.Packages = slices.DeleteFunc(inv.Packages, func(p engine.Package) bool { return p.Unlisted }) // TestUnlisted has those
		if got := summary(inv); got != strings.Join(want, ", ") {
			t.Fatalf("%s: %q, want %q", story, got, want)
		}
	}
}

// Equal packages become one with all their locations; it is attributed to the oldest of their layers, is the main module if one of them is,
// and has an owner only if each has one. Packages that differ in anything that matters to advisories stay apart.
func TestMergeOccurrences(t *testing.T) {
	at := func(path string, change func(o *occurrence)) *occurrence {
		o := &occurrence{Package: engine.Package{Type: "npm", Name: "x", Version: "1", Ecosystem: "npm",
			Locations: []engine.Location{{Path: path}},
			Source:    engine.Source{Name: "x", Version: "1"}, Layer: "three"}, layer: 3}
		if change != nil {
			change(o)
		}
		return o
	}
	owned := func(o *occurrence) { o.OwnedBy = "deb/x" }
	for name, c := range map[string]struct {
		all  []*occurrence
		want string
	}{
		"one":        {[]*occurrence{at("a", nil)}, "a three"},
		"equal ones": {[]*occurrence{at("b", nil), at("a", nil), at("b", nil)}, "a,b three"},
		"the oldest layer": {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.layer, o.Layer = 1, "one" }), at("c", nil)},
			"a,b,c one"},
		"the same layer":  {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Layer = "other" })}, "a,b three"},
		"the main module": {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Main = true }), at("c", nil)}, "a,b,c three main"},
		"each owned":      {[]*occurrence{at("a", owned), at("b", owned)}, "a,b three deb/x"},
		"one owned":       {[]*occurrence{at("a", owned), at("b", nil)}, "a,b three"},
		"the other owned": {[]*occurrence{at("a", nil), at("b", owned)}, "a,b three"},
		"another type":    {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Type = "gem" })}, "b three; a three"},
		"another name":    {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Name = "w" })}, "b three; a three"},
		"another version": {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Version = "0" })}, "b three; a three"},
		"another architecture": {[]*occurrence{at("a", func(o *occurrence) { o.Arch = "z" }), at("b", func(o *occurrence) { o.Arch = "y" })},
			"b three; a three"},
		"another source":       {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Source.Name = "w" })}, "b three; a three"},
		"another source's too": {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Source.Version = "0" })}, "a three; b three"},
		"another ecosystem":    {[]*occurrence{at("a", nil), at("b", func(o *occurrence) { o.Ecosystem = "" })}, "a three; b three"},
		"a path in two layers": {[]*occurrence{at("a", nil), at("a", func(o *occurrence) { o.Locations[0].Layer = "two" })}, "a,a three"},
		"symbols of each place": {[]*occurrence{at("a", func(o *occurrence) { o.Symbols = []*engine.Symbols{nil} }),
			at("b", func(o *occurrence) { o.Symbols = []*engine.Symbols{nil} })}, "a,b three 2"},
	} {
		var got []string
		for _, p := range mergeOccurrences(c.all) {
			var paths []string
			for _, l := range p.Locations {
				paths = append(paths, l.Path)
			}
			line := strings.Join(paths, ",") + " " + string(p.Layer)
			if p.Main {
				line += " main"
			}
			if p.OwnedBy != "" {
				line += " " + string(p.OwnedBy)
			}
			if len(p.Symbols) > 0 {
				line += fmt.Sprint(" ", len(p.Symbols))
			}
			got = append(got, line)
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

// /etc/os-release is the distribution's word where both files are there (os-release(5)); a hidden one says nothing.
func TestOSReleaseOfTwo(t *testing.T) {
	etc, usr := item{path: "etc/os-release", body: "ID=debian\nVERSION_ID=12\n"},
		item{path: "usr/lib/os-release", body: "ID=alpine\nVERSION_ID=3.20\n"}
	for name, c := range map[string]struct {
		layers [][]item
		want   string
	}{
		"both":            {[][]item{{etc, usr}}, "debian etc/os-release"},
		"one in a layer":  {[][]item{{etc}, {usr}}, "debian etc/os-release"},
		"the other one":   {[][]item{{usr}}, "alpine usr/lib/os-release"},
		"one was removed": {[][]item{{etc, usr}, {{path: "etc/.wh.os-release"}}}, "alpine usr/lib/os-release"},
		"none":            {[][]item{{{path: "srv/x", body: "x"}}}, ""},
	} {
		got := ""
		if os := assembled(t, layersOf(t, c.layers...)).OS; os != nil {
			got = os.ID + " " + string(os.Path)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Facts about a file say whose it is, whether it is as its package recorded it and what it may do; nothing is said that nobody recorded or
// hashed.
func TestFileFacts(t *testing.T) {
	const setuid = 0o755 | fs.ModeSetuid
	const body = "hello" // MD5 5d41402abc4b2a76b9719d911017c592
	tree, layers := layerOf(t, map[string]string{
		"var/lib/dpkg/info/b.list": "/usr/bin/listed\n/usr/bin\n/lib/y\n",
		"var/lib/dpkg/info/b.md5sums": "5d41402abc4b2a76b9719d911017c592  usr/bin/intact\n" +
			"00000000000000000000000000000000  usr/bin/changed\n" + "00000000000000000000000000000000  usr/bin/either\n",
		"var/lib/dpkg/info/a.md5sums": "5d41402abc4b2a76b9719d911017c592  usr/bin/either\n",
		"usr/bin/intact":              body, "usr/bin/changed": body, "usr/bin/either": body, "usr/bin/listed": body, "usr/bin/nobody": body,
		"usr/bin/unhashed": body, "usr/lib/y": body,
	}, map[string]fs.FileMode{"usr/bin/intact": setuid, "usr/bin/changed": setuid, "usr/bin/either": setuid,
		"usr/bin/listed": setuid, "usr/bin/nobody": setuid})
	tree.Nodes["lib"] = &engine.Node{Entry: engine.Entry{Path: "lib", Type: engine.TypeSymlink, Link: "usr/lib"}, Layer: 1, Brought: 1}
	for i := range layers[0].Evidence {
		ev := &layers[0].Evidence[i]
		if ev.Path == "usr/bin/nobody" {
			ev.Traits = &engine.Traits{Capabilities: []string{"cap_net_raw", "cap_chown", "cap_net_raw"}}
		}
		if ev.Path == "usr/bin/unhashed" {
			ev.Sums = engine.Sums{}
		}
	}
	inv, err := Assemble(tree, layers)
	if err != nil {
		t.Fatal(err)
	}
	files := engine.FileFacts(tree)
	inv.Annotate(files)
	got := map[string]string{}
	for _, f := range files {
		if f.Path == "lib" || !strings.HasPrefix(f.Path, "usr/bin") && f.Path != "usr/lib/y" {
			continue
		}
		got[f.Path] = strings.TrimSpace(fmt.Sprintf("%s %s %s", f.OwnedBy, f.Intact, strings.Join(f.Capabilities, ",")))
	}
	want := map[string]string{
		"usr/bin": "unknown", "usr/bin/intact": "deb/b yes", "usr/bin/changed": "deb/b no", "usr/bin/either": "deb/a yes",
		"usr/bin/listed": "deb/b unknown", "usr/bin/nobody": "unknown cap_chown,cap_net_raw", "usr/bin/unhashed": "unknown",
		"usr/lib/y": "deb/b unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
