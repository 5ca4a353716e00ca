package rego

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/schema"
)

func mapFS(name, text string) fs.FS { return fstest.MapFS{name: &fstest.MapFile{Data: []byte(text)}} }

// sample is an input with every kind of field set and unset.
func sample() *engine.Input {
	score, days := 9.8, 3
	in := &engine.Input{Facts: engine.Facts{
		SchemaVersion: "1", Now: "2026-11-23T10:00:00Z", Platform: engine.Platform{OS: "linux", Architecture: "amd64"},
		Config: engine.Config{User: "app", Labels: map[string]string{"a": "1", "b": ""}, Env: []string{"PATH=/bin"}},
		Layers: []engine.LayerInfo{{Index: 1, DiffID: "sha256:aa", Size: 1 << 40}},
		OS:     &engine.OS{ID: "debian"},
		Packages: []engine.Package{{Name: "a", Version: "1", Type: "deb", Source: engine.Source{Name: "s", Version: "2"}},
			{Name: "b", Layer: "sha256:aa", Main: true}},
		Findings: []engine.Finding{
			{ID: "CVE-2026-0001", CVEs: []string{"CVE-2026-0001"}, Ref: "v1", Severity: engine.Severity{Level: engine.High, Score: &score}},
			{ID: "CVE-2026-0002", Ref: "v2"},
		},
		Gaps:     []engine.Gap{{Kind: engine.GapLimit, Ref: "c1", Count: 2}},
		Database: engine.Database{State: "ok", Shards: []engine.Shard{{Ecosystem: "npm", AgeDays: &days}}},
	}, Weakened: []engine.Relaxation{{What: "--now"}}}
	in.Index = engine.NewIndex(&in.Facts)
	engine.Fill(in)
	return in
}

func TestInputEqualsItsJSON(t *testing.T) {
	in := sample()
	got, err := newInputBuilder().build(in, &readSet{all: true})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ast.ValueFromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" || want.Compare(got) != 0 {
		t.Errorf("-JSON +built:\n%s", diff)
	}
}

func TestInputBuildsWhatIsRead(t *testing.T) {
	r := &readSet{}
	r.addSection("now")
	r.addSection("index")
	r.addView("packages_by_type")
	got, err := newInputBuilder().build(sample(), r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"index": {"packages_by_type": {"": [1], "deb": [0]}}, "now": "2026-11-23T10:00:00Z"}`
	if got.String() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLibraryReadsAFewSections(t *testing.T) {
	schema, err := json.Marshal(schema.Of(reflect.TypeFor[engine.Input]()))
	if err != nil {
		t.Fatal(err)
	}
	const a = `package a

import input.config as c

deny["aliased"] contains "x" if c.user == "y"

deny["closure"] contains "x" if count([p | some p in input.packages; late(p)]) > 0

late(p) if input.os.id == p.name

deny["dynamic"] contains data.b[k] if some k in ["shown"]
`
	const b = `package b

shown := input.now

deny["b"] contains "x" if input.platform.os == "y"
`
	p, err := Load(t.Context(), Options{At: time.Unix(1, 0), Schema: schema, Paths: []PolicyPath{
		{Name: "a.rego", FS: mapFS("a.rego", a), Path: "a.rego"}, {Name: "b.rego", FS: mapFS("b.rego", b), Path: "b.rego"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]bool{}
	for _, r := range p.rules {
		got[r.id] = r.reads.sections
		if r.reads.all {
			t.Errorf("%s reads everything", r.id)
		}
	}
	want := map[string]map[string]bool{"aliased": {"config": true}, "closure": {"packages": true, "os": true},
		"dynamic": {"now": true, "platform": true}, "b": {"platform": true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A type that has no form in Rego is an error wherever it stands: what a policy cannot see must not look absent to it.
func TestTypesWithoutForm(t *testing.T) {
	type inner struct {
		C chan int `json:"c"`
	}
	type outer struct {
		OK    int               `json:"ok"`
		Inner *inner            `json:"inner"`
		List  []inner           `json:"list"`
		Map   map[string]inner  `json:"map"`
		Ptrs  map[string]*inner `json:"ptrs"`
	}
	b := inputBuilder{}
	b.addType(reflect.TypeFor[outer]())
	for name, v := range map[string]outer{
		"pointer": {Inner: &inner{}}, "list": {List: []inner{{}}}, "map": {Map: map[string]inner{"a": {}}},
		"pointers": {Ptrs: map[string]*inner{"a": nil, "b": {}}},
	} {
		if got, err := b.toTerm(reflect.ValueOf(v)); err == nil || !strings.Contains(err.Error(), "a chan int has no JSON form here") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	got, err := b.toTerm(reflect.ValueOf(outer{OK: 1, Ptrs: map[string]*inner{"a": nil}}))
	if want := `{"inner": null, "list": [], "map": {}, "ok": 1, "ptrs": {"a": null}}`; err != nil || got.String() != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

// The fields of a value are those of its JSON: untagged and hidden ones are not, and those of an embedded struct are its own.
func TestFieldsOfJSON(t *testing.T) {
	type Embedded struct {
		A string `json:"a"`
	}
	type Named struct {
		B string `json:"b"`
	}
	type recursive struct {
		Embedded
		Named    `json:"named"`
		C        string       `json:"c,omitempty"`
		D        string       `json:"-"`
		E        string       // without a tag
		f        string       // not exported
		Children []*recursive `json:"children"`
	}
	b := inputBuilder{}
	b.addType(reflect.TypeFor[recursive]())
	v := recursive{Embedded: Embedded{"1"}, Named: Named{"2"}, C: "3", D: "4", E: "5", f: "6", Children: []*recursive{{C: "7"}}}
	got, err := b.toTerm(reflect.ValueOf(v))
	want := `{"a": "1", "c": "3", "children": [{"a": "", "c": "7", "children": [], "named": {"b": ""}}], "named": {"b": "2"}}`
	if err != nil || got.String() != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}
