package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

type memoryLayer struct {
	info   engine.LayerInfo
	files  []engine.Node // Link holds the body of a file
	again  bool
	broken error
}

func (l *memoryLayer) Info() engine.LayerInfo { return l.info }
func (l *memoryLayer) Rereadable() bool       { return l.again }
func (l *memoryLayer) Walk(_ context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	for _, n := range l.files {
		e, body := n.Entry, ""
		if e.Type == engine.TypeFile {
			body, e.Link, e.Size = e.Link, "", int64(len(e.Link))
		}
		if err := visit(engine.NewFile(e, strings.NewReader(body))); err != nil {
			return "", err
		}
	}
	return engine.VerifiedContent, l.broken
}

type memoryImage []*memoryLayer

func (m memoryImage) Identity() engine.Identity { return engine.Identity{Name: "test"} }
func (m memoryImage) Config() engine.Config     { return engine.Config{} }
func (m memoryImage) Close() error              { return nil }
func (m memoryImage) Layers() []engine.Layer {
	var ls []engine.Layer
	for i, l := range m {
		if l.info.Index = i + 1; l.info.DiffID == "" {
			l.info.DiffID = engine.Digest(fmt.Sprintf("sha256:%064d", i+1))
		}
		ls = append(ls, l)
	}
	return ls
}

// reader wants files called "want" anywhere, and the anchor "etc/anchor".
type reader struct {
	inspect func(*engine.File) (engine.Evidence, error)
}

func (reader) Name() string      { return "reader/1" }
func (reader) Anchors() []string { return []string{"etc/anchor"} }
func (reader) Wants(p string, _ fs.FileMode, _ int64) bool {
	return strings.HasSuffix(p, "want") || p == "etc/anchor"
}
func (r reader) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	if r.inspect != nil {
		return r.inspect(f)
	}
	b, err := f.Bytes(100)
	if err != nil {
		return engine.Evidence{}, err
	}
	return engine.Evidence{Packages: []engine.Package{{Name: string(bytes.Clone(b)), Type: "test"}}}, nil
}

// namer finds one vulnerability in each package.
type namer struct{ err error }

func (n namer) Match(_ context.Context, inv *engine.Inventory, _ time.Time) (*engine.Matches, error) {
	m := &engine.Matches{Database: engine.Database{State: "ok"}}
	for _, p := range inv.Packages {
		m.Findings = append(m.Findings, engine.Finding{Kind: "vulnerability", ID: "CVE-" + p.Name,
			Package: engine.FoundPackage{Name: p.Name, Ecosystem: "test"}, FixedVersions: []string{"2"}})
	}
	return m, n.err
}

// lastWins merges by path alone, which is all that these tests need.
func lastWins(layers []engine.LayerFacts) ([]*engine.Tree, error) {
	t := &engine.Tree{Nodes: map[string]*engine.Node{}, Moved: map[int]map[string]string{}}
	for _, l := range layers {
		for _, e := range l.Entries {
			for d := path.Dir(e.Path); d != "."; d = path.Dir(d) {
				if t.Nodes[d] == nil { // as a real merge, which makes the directories that a tar leaves out
					t.Nodes[d] = &engine.Node{Entry: engine.Entry{Path: d, Type: engine.TypeDir}, Layer: l.Info.Index, BodyLayer: l.Info.Index,
						BodyPath: d}
				}
			}
			n := &engine.Node{Entry: e, Layer: l.Info.Index, Brought: l.Info.Index, BodyLayer: l.Info.Index, BodyPath: e.Path}
			if e.Type == engine.TypeHardlink {
				n.Type, n.BodyPath, n.Size = engine.TypeFile, e.Link, t.Nodes[e.Link].Size
			}
			t.Nodes[e.Path] = n
		}
	}
	return []*engine.Tree{t}, nil
}

func assemble(tree *engine.Tree, layers []engine.LayerFacts) (*engine.Inventory, error) {
	inv := &engine.Inventory{}
	for _, l := range layers {
		for _, ev := range l.Evidence {
			if tree.Visible(ev.Layer, ev.Path) {
				for _, p := range ev.Packages {
					p.Locations = []engine.Location{{Path: ev.Path}}
					inv.Packages = append(inv.Packages, p)
				}
			}
			inv.Gaps = append(inv.Gaps, ev.Gaps...)
		}
	}
	return inv, nil
}

func parts() Parts {
	return Parts{Inspectors: []engine.Inspector{reader{}}, Merge: lastWins, Assemble: assemble, Matcher: namer{}, Workers: 2, Memory: 1 << 20}
}

func tryRead(ctx context.Context, p Parts, img engine.Image) (*engine.Input, error) {
	r, err := NewReader(p)
	if err != nil {
		return nil, err
	}
	all, err := r.Read(ctx, img, time.Unix(0, 0))
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func TestNewReaderNamesWhatIsMissing(t *testing.T) {
	for name, drop := range map[string]func(*Parts){
		"inspectors": func(p *Parts) { p.Inspectors = nil }, "merge": func(p *Parts) { p.Merge = nil },
		"assemble": func(p *Parts) { p.Assemble = nil },
		"matcher":  func(p *Parts) { p.Matcher = nil }, "workers": func(p *Parts) { p.Workers = 0 }, "memory": func(p *Parts) { p.Memory = 0 },
	} {
		p := parts()
		drop(&p)
		if _, err := NewReader(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func link(p, to string) engine.Node {
	return engine.Node{Entry: engine.Entry{Path: p, Type: engine.TypeSymlink, Link: to}}
}

func entry(p, body string) engine.Node {
	return engine.Node{Entry: engine.Entry{Path: p, Type: engine.TypeFile, Link: body}}
}

func names(in *engine.Input) (names []string) {
	for _, p := range in.Packages {
		names = append(names, p.Locations[0].Path+"="+p.Name)
	}
	return names
}

func TestInspectFollowsLinksAndDuplicates(t *testing.T) {
	img := memoryImage{
		{again: true, files: []engine.Node{
			entry("a/want", "first"), entry("a/want", "second"),
			entry("usr/hidden", "anchored"), link("etc/anchor", "../usr/hidden"),
			entry("plain", "linked"), {Entry: engine.Entry{Path: "b/want", Type: engine.TypeHardlink, Link: "plain"}},
		}},
		{again: true, files: []engine.Node{entry("c/want", "upper")}},
	}
	in, err := tryRead(t.Context(), parts(), img)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a/want=second", "b/want=linked", "etc/anchor=anchored", "c/want=upper"}
	got := names(in)
	less := func(s []string) map[string]bool {
		m := map[string]bool{}
		for _, x := range s {
			m[x] = true
		}
		return m
	}
	if diff := cmp.Diff(less(want), less(got)); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if len(in.Gaps) > 0 {
		t.Errorf("gaps: %v", in.Gaps)
	}
	if in.Layers[0].Verified != engine.VerifiedContent {
		t.Error("the layer's verification got lost")
	}
}

func TestWhatCannotBeReadAgainIsAGap(t *testing.T) {
	img := memoryImage{{files: []engine.Node{entry("usr/hidden", "anchored"), link("etc/anchor", "../usr/hidden")}}}
	in, err := tryRead(t.Context(), parts(), img)
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Gaps) != 1 || in.Gaps[0].Kind != engine.GapUnreadable || in.Gaps[0].Path != "etc/anchor" {
		t.Errorf("gaps = %+v, want one unreadable etc/anchor", in.Gaps)
	}
}

func TestInspectorsFailIntoGaps(t *testing.T) {
	for name, c := range map[string]struct {
		inspect func(*engine.File) (engine.Evidence, error)
		want    engine.GapKind
	}{
		"error": {func(*engine.File) (engine.Evidence, error) { return engine.Evidence{}, errors.New("no such format") }, engine.GapMalformed},
		"panic": {func(*engine.File) (engine.Evidence, error) { panic("index out of range") }, engine.GapMalformed},
		"limit": {func(f *engine.File) (engine.Evidence, error) { _, err := f.Bytes(1); return engine.Evidence{}, err }, engine.GapLimit},
	} {
		t.Run(name, func(t *testing.T) {
			p := parts()
			p.Inspectors = []engine.Inspector{reader{c.inspect}}
			in, err := tryRead(t.Context(), p, memoryImage{{files: []engine.Node{entry("want", "body"), entry("z/want", "x2")}}})
			if err != nil {
				t.Fatal(err)
			}
			if len(in.Gaps) != 2 || in.Gaps[0].Kind != c.want || in.Gaps[0].Path != "want" || in.Gaps[0].Layer == "" || in.Gaps[0].Ref == "" {
				t.Errorf("gaps = %+v, want two of kind %s with path and layer", in.Gaps, c.want)
			}
		})
	}
}

func TestABrokenLayerIsAnError(t *testing.T) {
	broken := errors.New("digest does not match")
	img := memoryImage{{}, {files: []engine.Node{entry("want", "x")}, broken: broken}}
	_, err := tryRead(t.Context(), parts(), img)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "layer 2 of 2") {
		t.Errorf("error = %v, want the broken layer named", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tryRead(ctx, parts(), memoryImage{{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A stage that fails ends the reading with its error: there are no facts that could be taken for those of the image.
func TestAStageThatFails(t *testing.T) {
	broken := errors.New("out of order")
	img := memoryImage{{files: []engine.Node{entry("want", "a")}}}
	for name, spoil := range map[string]func(*Parts){
		"merge": func(p *Parts) { p.Merge = func([]engine.LayerFacts) ([]*engine.Tree, error) { return nil, broken } },
		"assemble": func(p *Parts) {
			p.Assemble = func(*engine.Tree, []engine.LayerFacts) (*engine.Inventory, error) { return nil, broken }
		},
		"matcher": func(p *Parts) { p.Matcher = namer{broken} },
	} {
		p := parts()
		spoil(&p)
		if in, err := tryRead(t.Context(), p, img); !errors.Is(err, broken) || in != nil {
			t.Errorf("%s: input %v, error %v", name, in, err)
		}
	}
}
