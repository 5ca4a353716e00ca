package engine

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
)

// The parts below are the smallest that work: they show what the gate itself does.

type memoryLayer struct {
	info   LayerInfo
	files  []Node // Link holds the body of a file
	again  bool
	broken error
}

func (l *memoryLayer) Info() LayerInfo  { return l.info }
func (l *memoryLayer) Rereadable() bool { return l.again }
func (l *memoryLayer) Walk(_ context.Context, visit func(*File) error) (Verified, error) {
	for _, n := range l.files {
		e, body := n.Entry, ""
		if e.Type == TypeFile {
			body, e.Link, e.Size = e.Link, "", int64(len(e.Link))
		}
		if err := visit(NewFile(e, strings.NewReader(body))); err != nil {
			return "", err
		}
	}
	return VerifiedContent, l.broken
}

type memoryImage []*memoryLayer

func (m memoryImage) Identity() Identity { return Identity{Name: "test"} }
func (m memoryImage) Config() Config     { return Config{} }
func (m memoryImage) Close() error       { return nil }
func (m memoryImage) Layers() []Layer {
	var ls []Layer
	for i, l := range m {
		l.info.Index, l.info.DiffID = i+1, Digest(fmt.Sprintf("sha256:%064d", i+1))
		ls = append(ls, l)
	}
	return ls
}

// reader wants files called "want" anywhere, and the anchor "etc/anchor".
type reader struct{ inspect func(*File) (Evidence, error) }

func (reader) Name() string      { return "reader/1" }
func (reader) Anchors() []string { return []string{"etc/anchor"} }
func (reader) Wants(p string, _ fs.FileMode, _ int64) bool {
	return strings.HasSuffix(p, "want") || p == "etc/anchor"
}
func (r reader) Inspect(_ context.Context, f *File) (Evidence, error) {
	if r.inspect != nil {
		return r.inspect(f)
	}
	b, err := f.Bytes(100)
	if err != nil {
		return Evidence{}, err
	}
	return Evidence{Packages: []Package{{Name: string(bytes.Clone(b)), Type: "test"}}}, nil
}

type stage struct {
	rules func(in *Input) []RuleResult
}

func (s stage) Decide(_ context.Context, in *Input) ([]RuleResult, error) { return s.rules(in), nil }
func (s stage) Info() PolicyInfo                                          { return PolicyInfo{Mode: "enforce"} }
func (stage) Mark(*Facts) error                                           { return nil }
func (stage) Subtract(*Facts, []RuleResult) error                         { return nil }
func (stage) Match(_ context.Context, inv *Inventory, _ time.Time) (*Matches, error) {
	m := &Matches{Database: Database{State: "ok"}}
	for _, p := range inv.Packages {
		m.Findings = append(m.Findings, Finding{Kind: "vulnerability", ID: "CVE-" + p.Name, Package: FoundPackage{Name: p.Name, Ecosystem: "test"}, FixedVersions: []string{"2"}})
	}
	return m, nil
}

// lastWins merges by path alone, which is all that these tests need.
func lastWins(layers []LayerFacts) (*Tree, error) {
	t := &Tree{Nodes: map[string]*Node{}, Moved: map[int]map[string]string{}}
	for _, l := range layers {
		for _, e := range l.Entries {
			for d := path.Dir(e.Path); d != "."; d = path.Dir(d) {
				if t.Nodes[d] == nil { // as a real merge, which makes the directories that a tar leaves out
					t.Nodes[d] = &Node{Entry: Entry{Path: d, Type: TypeDir}, Layer: l.Info.Index, BodyLayer: l.Info.Index, BodyPath: d}
				}
			}
			n := &Node{Entry: e, Layer: l.Info.Index, Brought: l.Info.Index, BodyLayer: l.Info.Index, BodyPath: e.Path}
			if e.Type == TypeHardlink {
				n.Type, n.BodyPath, n.Size = TypeFile, e.Link, t.Nodes[e.Link].Size
			}
			t.Nodes[e.Path] = n
		}
	}
	return t, nil
}

func assemble(tree *Tree, layers []LayerFacts) (*Inventory, error) {
	inv := &Inventory{}
	for _, l := range layers {
		for _, ev := range l.Evidence {
			if tree.Visible(ev.Layer, ev.Path) {
				for _, p := range ev.Packages {
					p.Locations = []Location{{Path: ev.Path}}
					inv.Packages = append(inv.Packages, p)
				}
			}
			inv.Gaps = append(inv.Gaps, ev.Gaps...)
		}
	}
	return inv, nil
}

// whole is a reader and a gate in one.
type whole struct {
	ReaderParts
	GateParts
}

type readerAndGate struct {
	*Reader
	*Gate
}

func (g readerAndGate) Check(ctx context.Context, img Image, at time.Time) (*Report, error) {
	in, err := g.Inspect(ctx, img, at)
	if err != nil {
		return nil, err
	}
	return g.Judge(ctx, in)
}

func newWhole(p whole) (readerAndGate, error) {
	r, err := NewReader(p.ReaderParts)
	if err != nil {
		return readerAndGate{}, err
	}
	g, err := NewGate(p.GateParts)
	return readerAndGate{r, g}, err
}

func parts() whole {
	s := stage{rules: func(in *Input) []RuleResult {
		r := RuleResult{ID: "any", Status: StatusPass}
		for _, f := range in.Findings {
			r.Status = StatusDeny
			r.Results = append(r.Results, Result{Msg: f.ID, Findings: []string{f.Ref}})
		}
		return []RuleResult{r}
	}}
	return whole{ReaderParts{Inspectors: []Inspector{reader{}}, Merge: lastWins, Assemble: assemble, Matcher: s, Workers: 2, Memory: 1 << 20},
		GateParts{Waivers: s, Policy: s, Plan: func(*Facts, []RuleResult) []Change { return nil }}}
}

func mustGate(t *testing.T, p whole) readerAndGate {
	t.Helper()
	g, err := newWhole(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	for name, drop := range map[string]func(*whole){
		"inspectors": func(p *whole) { p.Inspectors = nil }, "merge": func(p *whole) { p.Merge = nil }, "assemble": func(p *whole) { p.Assemble = nil },
		"matcher": func(p *whole) { p.Matcher = nil }, "waivers": func(p *whole) { p.Waivers = nil }, "policy": func(p *whole) { p.Policy = nil },
		"plan": func(p *whole) { p.Plan = nil }, "workers": func(p *whole) { p.Workers = 0 }, "memory": func(p *whole) { p.Memory = 0 },
	} {
		p := parts()
		drop(&p)
		if _, err := newWhole(p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func entry(p, body string) Node { return Node{Entry: Entry{Path: p, Type: TypeFile, Link: body}} }

func names(in *Input) (names []string) {
	for _, p := range in.Packages {
		names = append(names, p.Locations[0].Path+"="+p.Name)
	}
	return names
}

func TestInspectFollowsLinksAndDuplicates(t *testing.T) {
	img := memoryImage{
		{again: true, files: []Node{
			entry("a/want", "first"), entry("a/want", "second"),
			entry("usr/hidden", "anchored"), link("etc/anchor", "../usr/hidden"),
			entry("plain", "linked"), {Entry: Entry{Path: "b/want", Type: TypeHardlink, Link: "plain"}},
		}},
		{again: true, files: []Node{entry("c/want", "upper")}},
	}
	in, err := mustGate(t, parts()).Inspect(t.Context(), img, time.Unix(0, 0))
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
	if in.Layers[0].Verified != VerifiedContent {
		t.Error("the layer's verification got lost")
	}
}

func TestWhatCannotBeReadAgainIsAGap(t *testing.T) {
	img := memoryImage{{files: []Node{entry("usr/hidden", "anchored"), link("etc/anchor", "../usr/hidden")}}}
	in, err := mustGate(t, parts()).Inspect(t.Context(), img, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Gaps) != 1 || in.Gaps[0].Kind != GapUnreadable || in.Gaps[0].Path != "etc/anchor" {
		t.Errorf("gaps = %+v, want one unreadable etc/anchor", in.Gaps)
	}
}

func TestInspectorsFailIntoGaps(t *testing.T) {
	for name, c := range map[string]struct {
		inspect func(*File) (Evidence, error)
		want    GapKind
	}{
		"error": {func(*File) (Evidence, error) { return Evidence{}, errors.New("no such format") }, GapMalformed},
		"panic": {func(*File) (Evidence, error) { panic("index out of range") }, GapMalformed},
		"limit": {func(f *File) (Evidence, error) { _, err := f.Bytes(1); return Evidence{}, err }, GapLimit},
	} {
		t.Run(name, func(t *testing.T) {
			p := parts()
			p.Inspectors = []Inspector{reader{c.inspect}}
			in, err := mustGate(t, p).Inspect(t.Context(), memoryImage{{files: []Node{entry("want", "body"), entry("z/want", "x2")}}}, time.Unix(0, 0))
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
	img := memoryImage{{}, {files: []Node{entry("want", "x")}, broken: broken}}
	_, err := mustGate(t, parts()).Check(t.Context(), img, time.Unix(0, 0))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "layer 2 of 2") {
		t.Errorf("error = %v, want the broken layer named", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mustGate(t, parts()).Check(ctx, memoryImage{{}}, time.Unix(0, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A plan says that it passes only when the policies, asked again, agree.
func TestPlanIsAskedAgain(t *testing.T) {
	img := memoryImage{{files: []Node{entry("want", "a"), entry("z/want", "b")}}}
	for _, clearAll := range []bool{true, false} {
		p := parts()
		p.Plan = func(f *Facts, _ []RuleResult) []Change {
			c := Change{Findings: []string{f.Findings[0].Ref}}
			if clearAll {
				c.Findings = append(c.Findings, f.Findings[1].Ref)
			}
			return []Change{c}
		}
		r, err := mustGate(t, p).Check(t.Context(), img, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if r.Decision.Verdict != Denied || r.Decision.Plan.Passes != clearAll || len(r.Findings) != 2 {
			t.Errorf("clearing all %v: verdict %s, passes %v, %d findings kept", clearAll, r.Decision.Verdict, r.Decision.Plan.Passes, len(r.Findings))
		}
		if (len(r.Decision.Plan.Left) == 0) != clearAll {
			t.Errorf("left = %v", r.Decision.Plan.Left)
		}
	}
}

type failing struct {
	stage
	err error
}

func (f failing) Decide(context.Context, *Input) ([]RuleResult, error) { return nil, f.err }
func (f failing) Mark(*Facts) error                                    { return f.err }
func (f failing) Match(context.Context, *Inventory, time.Time) (*Matches, error) {
	return nil, f.err
}

// A stage that fails ends the check with its error: there is no report that could be taken for a decision.
func TestAStageThatFails(t *testing.T) {
	broken := errors.New("out of order")
	img := memoryImage{{files: []Node{entry("want", "a")}}}
	for name, spoil := range map[string]func(*whole){
		"merge":    func(p *whole) { p.Merge = func([]LayerFacts) (*Tree, error) { return nil, broken } },
		"assemble": func(p *whole) { p.Assemble = func(*Tree, []LayerFacts) (*Inventory, error) { return nil, broken } },
		"matcher":  func(p *whole) { p.Matcher = failing{err: broken} },
		"waivers":  func(p *whole) { p.Waivers = failing{err: broken} },
		"policy":   func(p *whole) { p.Policy = failing{err: broken} },
	} {
		p := parts()
		spoil(&p)
		if r, err := mustGate(t, p).Check(t.Context(), img, time.Unix(0, 0)); !errors.Is(err, broken) || r != nil {
			t.Errorf("%s: report %v, error %v", name, r, err)
		}
	}
}

// second is a policy, or waivers, that fail when the plan asks again.
type second struct {
	stage
	calls *int
	err   error
}

func (s second) Decide(ctx context.Context, in *Input) ([]RuleResult, error) {
	if *s.calls++; *s.calls > 1 {
		return nil, s.err
	}
	return s.stage.Decide(ctx, in)
}

func (s second) Subtract(*Facts, []RuleResult) error {
	if *s.calls++; *s.calls > 1 {
		return s.err
	}
	return nil
}

func TestAPlanThatCannotBeAskedAgain(t *testing.T) {
	broken := errors.New("out of order")
	img := memoryImage{{files: []Node{entry("want", "a")}}}
	for name, spoil := range map[string]func(*whole, second){
		"policy":  func(p *whole, s second) { p.Policy = s },
		"waivers": func(p *whole, s second) { p.Waivers = s },
	} {
		p := parts()
		spoil(&p, second{stage: p.Policy.(stage), calls: new(int), err: broken})
		if _, err := mustGate(t, p).Check(t.Context(), img, time.Unix(0, 0)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
