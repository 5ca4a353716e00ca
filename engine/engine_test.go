package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		in   []Verdict
		want Verdict
	}{
		{nil, Undecided},
		{[]Verdict{Pass}, Pass},
		{[]Verdict{Pass, Pass}, Pass},
		{[]Verdict{Pass, Undecided}, Undecided},
		{[]Verdict{Undecided, Pass}, Undecided},
		{[]Verdict{Undecided, Denied}, Denied},
		{[]Verdict{Denied, Pass}, Denied},
		{[]Verdict{"passs"}, Undecided},
		{[]Verdict{Pass, ""}, Undecided},
	} {
		if got := Worst(c.in...); got != c.want {
			t.Errorf("Worst(%v) = %s, want %s", c.in, got, c.want)
		}
	}
}

// A verdict of pass needs rules, and every one of them in a status that allows it.
func TestVerdictOfFailsClosed(t *testing.T) {
	if got := VerdictOf(nil); got != Undecided {
		t.Errorf("no rules: %s, want undecided", got)
	}
	want := map[Status]Verdict{StatusPass: Pass, StatusWarn: Pass, StatusInfo: Pass, StatusWaived: Pass, StatusNotApplicable: Pass,
		StatusDeny: Denied, StatusError: Undecided, StatusNoData: Undecided, "": Undecided, "passed": Undecided}
	for status, v := range want {
		if got := VerdictOf([]RuleResult{{Status: StatusPass}, {Status: status}}); got != v {
			t.Errorf("status %q: %s, want %s", status, got, v)
		}
		if got := VerdictOf([]RuleResult{{Status: status}, {Status: StatusDeny}}); got != Denied {
			t.Errorf("status %q and a denial: %s, want denied", status, got)
		}
	}
}

func TestFileReadsTheSameFromStreamAndSource(t *testing.T) {
	body := []byte(strings.Repeat("0123456789", 100))
	e := Entry{Path: "a/b", Type: TypeFile, Size: int64(len(body))}
	for name, f := range map[string]*File{
		"stream": NewFile(e, bytes.NewReader(body)),
		"source": NewFileAt(e, bytes.NewReader(append(body, "next entry"...))),
	} {
		t.Run(name, func(t *testing.T) {
			head, err := f.Head(4)
			if err != nil || string(head) != "0123" {
				t.Fatalf("Head = %q, %v", head, err)
			}
			if _, err := f.Bytes(999); !errors.As(err, new(*LimitError)) {
				t.Errorf("Bytes over the limit: %v, want a LimitError", err)
			}
			at, err := f.ReaderAt(1000)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(io.NewSectionReader(at, 0, 2000))
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("ReaderAt gave %d bytes, %v; want %d", len(got), err, len(body))
			}
			all, err := f.Bytes(1000)
			if err != nil || !bytes.Equal(all, body) {
				t.Errorf("Bytes gave %d bytes, %v", len(all), err)
			}
		})
	}
}

func TestFileTruncated(t *testing.T) {
	e := Entry{Path: "a", Type: TypeFile, Size: 100}
	for name, f := range map[string]*File{
		"stream": NewFile(e, strings.NewReader("short")),
		"source": NewFileAt(e, strings.NewReader("short")),
	} {
		if _, err := f.Bytes(1000); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: Bytes: %v, want unexpected EOF", name, err)
		}
	}
}

func TestBudget(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := NewBudget(ctx, 100)
	file := func(n int) *File {
		f := NewFile(Entry{Path: "f", Size: int64(n)}, bytes.NewReader(make([]byte, n)))
		f.Charge(b)
		return f
	}
	if _, err := file(101).Bytes(1000); !errors.As(err, new(*LimitError)) {
		t.Errorf("a file larger than the budget: %v, want a LimitError", err)
	}
	first := file(60)
	if _, err := first.Head(10); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Bytes(1000); err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		second := file(50)
		_, err := second.Bytes(1000)
		second.Release()
		got <- err
	}()
	first.Release()
	if err := <-got; err != nil {
		t.Errorf("after Release: %v", err)
	}
	if b.free != 100 {
		t.Errorf("%d free after everything was released, want 100", b.free)
	}
	third := file(100)
	if _, err := third.Bytes(1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := file(1).Bytes(10); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting after the end of the context: %v", err)
	}
}

func tree(nodes ...Node) *Tree {
	t := &Tree{Nodes: map[string]*Node{}, Moved: map[int]map[string]string{}}
	for _, n := range nodes {
		if n.Type == 0 {
			n.Type = TypeFile
		}
		t.Nodes[n.Path] = &n
	}
	return t
}

func link(p, to string) Node { return Node{Entry: Entry{Path: p, Type: TypeSymlink, Link: to}} }
func dir(p string) Node      { return Node{Entry: Entry{Path: p, Type: TypeDir}} }
func file(p string) Node     { return Node{Entry: Entry{Path: p}} }

// resolveSlowly is Tree.Resolve by lists of path elements.
func resolveSlowly(tr *Tree, p string) *Node {
	var done []string
	rest := strings.Split(p, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = done[:max(len(done)-1, 0)]
			continue
		}
		n := tr.Nodes[strings.Join(append(slices.Clone(done), part), "/")]
		switch {
		case n == nil:
			return nil
		case n.Type != TypeSymlink:
			done = append(done, part)
			continue
		}
		if links++; links > MaxLinks {
			return nil
		}
		if strings.HasPrefix(n.Link, "/") {
			done = nil
		}
		rest = append(strings.Split(n.Link, "/"), rest...)
	}
	return tr.Nodes[strings.Join(done, "/")]
}

// TestResolveRandomTrees compares Resolve with resolveSlowly over trees of few names, so that paths and links meet.
func TestResolveRandomTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(parts ...string) string {
		p := ""
		for range 1 + r.IntN(4) {
			p += "/" + parts[r.IntN(len(parts))]
		}
		return p[r.IntN(2):]
	}
	for range 5000 {
		tr := &Tree{Nodes: map[string]*Node{}}
		for range r.IntN(12) {
			p := path.Clean(random("a", "b", "ab"))
			p = strings.TrimPrefix(p, "/")
			n := &Node{Entry: Entry{Path: p, Type: []EntryType{TypeDir, TypeFile, TypeSymlink}[r.IntN(3)]}}
			if n.Type == TypeSymlink {
				n.Link = random("a", "b", "ab", "..", ".", "")
			}
			tr.Nodes[p] = n
		}
		p := random("a", "b", "ab", ".", "")
		got, err := tr.Resolve(p)
		if want := resolveSlowly(tr, p); got != want || (err == nil) != (got != nil) {
			t.Fatalf("%q in %v is %v (%v), not %v", p, tr.Nodes, got, err, want)
		}
	}
}

func TestTreeResolve(t *testing.T) {
	tr := tree(dir("usr"), dir("usr/lib"), file("usr/lib/os-release"), dir("etc"), link("etc/os-release", "../usr/lib/os-release"),
		link("lib", "usr/lib"), link("abs", "/usr/lib/os-release"), link("out", "../../../../etc/os-release"),
		link("a", "b"), link("b", "a"), link("dangling", "nowhere"), link("self", "."), link("etc/up", ".."))
	for p, want := range map[string]string{
		"usr/lib/os-release": "usr/lib/os-release", "etc/os-release": "usr/lib/os-release", "lib/os-release": "usr/lib/os-release",
		"abs": "usr/lib/os-release", "out": "usr/lib/os-release", "/etc/os-release": "usr/lib/os-release", "lib": "usr/lib",
		"etc/up/lib/os-release": "usr/lib/os-release", "self/self/etc/os-release": "usr/lib/os-release", "etc/up/usr": "usr",
		"a": "", "dangling": "", "usr/nothing": "", "": "",
	} {
		n, err := tr.Resolve(p)
		switch {
		case want == "" && err == nil:
			t.Errorf("Resolve(%q) = %s, want an error", p, n.Path)
		case want != "" && (err != nil || n.Path != want):
			t.Errorf("Resolve(%q) = %v, %v, want %s", p, n, err, want)
		}
	}
	if _, err := tr.Resolve("a"); !errors.Is(err, ErrLinkLoop) {
		t.Errorf("a loop: %v, want ErrLinkLoop", err)
	}
	if _, err := tr.Resolve("dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dangling link: %v, want ErrNotExist", err)
	}
}

func TestFillAndNulls(t *testing.T) {
	r := Report{Facts: Facts{Packages: []Package{{Name: "a"}}}, Decision: Decision{Rules: []RuleResult{{}}}}
	Fill(&r)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"findings":[]`, `"licenses":[]`, `"layer":null`, `"labels":{}`, `"os":null`, `"kev":null`, `"results":[]`,
		`"digest":null`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the JSON lacks %s:\n%s", want, b)
		}
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"sarif", "junit", "markdown", "json", "text"}
	for word, want := range map[string]string{"sariff": "sarif", "jnuit": "junit", "markdwon": "markdown", "zzzzzz": "", "jsn": "json"} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// A fingerprint survives what changes from build to build, and differs where the thing differs.
func TestFingerprints(t *testing.T) {
	finding := func(id, name, version, eco, p string) Finding {
		return Finding{Kind: "vulnerability", ID: id,
			Package: FoundPackage{Name: name, Version: version, Ecosystem: Maybe(eco), Locations: []Location{{Path: p}}}}
	}
	fs := Identify([]Finding{
		finding("CVE-1", "x", "1.0", "Debian:12", "var/lib/dpkg/status"),
		finding("CVE-1", "x", "2.0", "Debian:13", "var/lib/dpkg/status"),
		finding("CVE-2", "x", "1.0", "Debian:12", "var/lib/dpkg/status"),
		finding("CVE-1", "y", "1.0", "PyPI", "usr/lib/python3.11/site-packages/y-1.0.dist-info/METADATA"),
		finding("CVE-1", "y", "1.1", "PyPI", "usr/lib/python3.12/site-packages/y-1.1.dist-info/METADATA"),
	})
	by := map[string][]string{}
	refs := map[string]bool{}
	for _, f := range fs {
		by[f.Fingerprint] = append(by[f.Fingerprint], f.ID+" "+f.Package.Name)
		refs[f.Ref] = true
	}
	if len(by) != 3 || len(refs) != 5 {
		t.Errorf("%d fingerprints and %d refs, want 3 and 5: %v", len(by), len(refs), by)
	}
	if Fingerprint("a", "b\nc") == Fingerprint("a\nb", "c") {
		t.Error("parts run into each other")
	}
}

// The order in which findings arrive changes nothing.
func TestIdentifyOrder(t *testing.T) {
	var fs []Finding
	for i := range 60 {
		fs = append(fs, Finding{Kind: "vulnerability", ID: "CVE-" + string(rune('a'+i%7)),
			Package: FoundPackage{Name: string(rune('a' + i%5)), Version: string(rune('0' + i%9)), Ecosystem: "npm"}})
	}
	want := Identify(append([]Finding{}, fs...))
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		r.Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
		if diff := cmp.Diff(want, Identify(append([]Finding{}, fs...))); diff != "" {
			t.Fatalf("another order (-want +got):\n%s", diff)
		}
	}
}

// Findings that nothing tells apart, as a package at two places of one class, stay in the order in which they came.
func TestIdentifyIsStable(t *testing.T) {
	var fs []Finding
	for _, p := range []string{"usr/lib/python3.12/x", "usr/lib/python3.11/x", "usr/lib/python3.13/x"} {
		fs = append(fs, Finding{Kind: "vulnerability", ID: "CVE-1",
			Package: FoundPackage{Name: "x", Version: "1", Ecosystem: "PyPI", Locations: []Location{{Path: p}}}})
	}
	got := Identify(slices.Clone(fs))
	for i, f := range got {
		if f.Ref != got[0].Ref {
			t.Fatalf("%s has a ref of its own", f.Package.Locations[0].Path)
		}
		if diff := cmp.Diff(fs[i].Package.Locations, f.Package.Locations); diff != "" {
			t.Errorf("place %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestSumsAreTheSame(t *testing.T) {
	all := Sums{MD5: "1", SHA1: "2", SHA256: "3"}
	for want, others := range map[bool][]Sums{
		true:  {all, {MD5: "1"}, {SHA256: "3"}},
		false: {{}, {MD5: "2"}, {MD5: "1", SHA1: "2", SHA256: "4"}},
	} {
		for _, o := range others {
			if all.Same(o) != want || o.Same(all) != want {
				t.Errorf("%+v and %+v: want %v", all, o, want)
			}
		}
	}
	if (Sums{MD5: "1"}).Same(Sums{SHA1: "2"}) {
		t.Error("without one algorithm in common nothing is known")
	}
}
