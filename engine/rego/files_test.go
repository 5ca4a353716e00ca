package rego_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/policies"
)

// seen returns the messages of the rules of a policy path for an empty input, or the error of loading it.
func seen(t *testing.T, path rego.PolicyPath) ([]string, error) {
	t.Helper()
	p, err := load(t, path)
	if err != nil {
		return nil, err
	}
	in := &engine.Input{}
	engine.Fill(in)
	rules, err := p.Decide(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rules {
		for _, one := range r.Results {
			out = append(out, one.Msg)
		}
	}
	return out, nil
}

// Policies and the data next to them are read; what only looks like it, or belongs to veto, is not.
func TestFilesThatAreRead(t *testing.T) {
	files := map[string]string{
		"pol/a.yaml":                 "from_yaml: 1\n",
		"pol/b.yml":                  "from_yml: 1\n",
		"pol/c.json":                 `{"from_json": 1}`,
		"pol/empty_folder/d.json":    `{"without_policy": 1}`,
		"pol/sub/more.rego":          "package sub\n\nhelper := 1\n",
		"pol/sub/e.json":             `{"from_sub": 1}`,
		"pol/veto.yaml":              "from_settings: 1\n",
		"pol/sub/veto-waivers.yaml":  "from_waivers: 1\n",
		"pol/.#edited.rego":          "not rego",
		"pol/.git/x.rego":            "not rego",
		"pol/.git/y.json":            "not json",
		"pol/notes.txt":              "not read",
		"pol/own_test.rego":          "not rego",
		"pol/only_tests/a_test.rego": "not rego",
		"pol/only_tests/f.json":      `{"with_tests": 1}`,
	}
	for root, read := range map[string]bool{
		"from_json": true, "from_yaml": true, "from_yml": true, "from_sub": true, "with_tests": true,
		"without_policy": false, "from_settings": false, "from_waivers": false,
	} {
		files["pol/own.rego"] = "package own\n\ndeny[\"one\"] contains \"x\" if data." + root + " == 1\n"
		got, err := seen(t, policyPath(t, "pol", files))
		if read && (err != nil || len(got) != 1) || !read && (err == nil || !strings.Contains(err.Error(), "nothing defines data."+root)) {
			t.Errorf("data.%s: %v, %v; want it read: %v", root, got, err, read)
		}
	}
	// The root of a file system is a folder like any other; of a single file the data next to it is not read.
	const policy = "package own\n\ndeny[\"one\"] contains \"x\" if data.top == 1\n"
	path := rego.PolicyPath{Name: "rules", FS: fstest.MapFS{"own.rego": {Data: []byte(policy)}, "a.yaml": {Data: []byte("top: 1\n")}},
		Path: "."}
	if got, err := seen(t, path); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	path.Path, path.Name = "own.rego", "rules/own.rego"
	if got, err := seen(t, path); err == nil {
		t.Errorf("the data next to a policy is read: %v", got)
	}
}

// A data file is one mapping, and numbers in it keep their value.
func TestDataFiles(t *testing.T) {
	for text, says := range map[string]string{
		`{"a": 9007199254740993}`: "",
		`{"a": 1} {"b": 2}`:       "d.json: more than one JSON document",
		`{"a": 1} x`:              "d.json: more than one JSON document",
		`{"a": `:                  "d.json: reading JSON: unexpected EOF",
		`[1]`:                     "d.json: a data file is a mapping",
		`{"a": 1e999}`:            "d.json: the number 1e999 is too large",
	} {
		const policy = "package own\n\ndeny[\"a\"] contains format_int(data.a, 10)\n"
		got, err := seen(t, policyPath(t, "pol", map[string]string{"pol/own.rego": policy, "pol/d.json": text}))
		if says == "" && (err != nil || len(got) != 1 || got[0] != "9007199254740993") ||
			says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, %v, want %q", text, got, err, says)
		}
	}
}

// Reports name policies as the user did, but never by a folder of this machine.
func TestNamesInReports(t *testing.T) {
	fsys := fstest.MapFS{"deep/pol/own.rego": {Data: []byte(onePolicy)},
		"deep/pol/sub/x.rego": {Data: []byte("package x\n\nwarn[\"x\"] contains \"x\"\n")}}
	for _, c := range []struct{ name, path, source, one, two string }{
		{"./pol/", "deep/pol", "pol", "pol/own.rego:5", "pol/sub/x.rego:3"},
		{"/home/me/pol", "deep/pol", "pol", "pol/own.rego:5", "pol/sub/x.rego:3"},
		{`C:\me\pol`, "deep/pol", "pol", "pol/own.rego:5", "pol/sub/x.rego:3"},
		{"../pol", "deep/pol", "../pol", "../pol/own.rego:5", "../pol/sub/x.rego:3"},
		{"pol/own.rego", "deep/pol/own.rego", "pol/own.rego", "pol/own.rego:5", ""},
		{"/abs/own.rego", "deep/pol/own.rego", "own.rego", "own.rego:5", ""},
	} {
		p, err := load(t, rego.PolicyPath{Name: c.name, FS: fsys, Path: c.path})
		if err != nil {
			t.Fatal(err)
		}
		rules := p.Rules()
		two := ""
		if len(rules) > 1 {
			two = rules[1].Source
		}
		if info := p.Info().Sources[0]; info.Name != c.source || rules[0].Source != c.one || two != c.two || info.Rules != len(rules) {
			t.Errorf("%s: %s with %d rules, %s, %s; want %s, %s, %s", c.name, info.Name, info.Rules, rules[0].Source, two, c.source, c.one, c.two)
		}
	}
}

// The digest of policies is that of their names and texts: tests, and the folder that they are in, are not of them.
func TestDigestOfPolicies(t *testing.T) {
	digest := func(files map[string]string) engine.Digest {
		t.Helper()
		p, err := load(t, policyPath(t, "DIR/pol", files))
		if err != nil {
			t.Fatal(err)
		}
		return p.Info().Sources[0].Digest
	}
	base := digest(map[string]string{"pol/own.rego": onePolicy})
	for name, c := range map[string]struct {
		files map[string]string
		same  bool
	}{
		"again":        {map[string]string{"pol/own.rego": onePolicy}, true},
		"with a test":  {map[string]string{"pol/own.rego": onePolicy, "pol/own_test.rego": "package own_test\n"}, true},
		"other name":   {map[string]string{"pol/other.rego": onePolicy}, false},
		"in a folder":  {map[string]string{"pol/sub/own.rego": onePolicy}, false},
		"other text":   {map[string]string{"pol/own.rego": onePolicy + "\n"}, false},
		"another file": {map[string]string{"pol/own.rego": onePolicy, "pol/more.rego": "package more\n\nx := 1\n"}, false},
		"data":         {map[string]string{"pol/own.rego": onePolicy, "pol/d.json": "{}"}, false},
	} {
		if got := digest(c.files); (got == base) != c.same {
			t.Errorf("%s: the digest is the same: %v", name, got == base)
		}
	}
}

// Files that cannot be read are errors with the user's name for them, never policies that are left out.
func TestFilesThatCannotBeRead(t *testing.T) {
	linked := policyPath(t, "pol", map[string]string{"pol/a.rego": "package a\n\nx := 1\n", "real.rego": onePolicy, "real.txt": onePolicy})
	dir := filepath.Join(fmt.Sprint(linked.FS), "pol")
	if err := os.Symlink("../real.rego", filepath.Join(dir, "link.rego")); err != nil {
		t.Fatal(err)
	}
	p, err := load(t, linked)
	if err != nil || len(p.Rules()) != 1 {
		t.Errorf("a link to a policy: %v", err)
	}
	if err := os.Symlink("gone.rego", filepath.Join(dir, "broken.rego")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, linked); err == nil || !strings.Contains(err.Error(), "pol: following the link broken.rego: ") {
		t.Errorf("a broken link: %v", err)
	}
	for name, c := range map[string]struct {
		fsys fs.FS
		says string
	}{
		"open": {failingFS{fstest.MapFS{"pol/own.rego": {Data: []byte(onePolicy)}}, "pol/own.rego"}, "pol/own.rego: cannot open"},
		"folder": {failingFS{fstest.MapFS{"pol/own.rego": {Data: []byte(onePolicy)}, "pol/sub/x.txt": {}}, "pol/sub"},
			"pol: reading pol/sub: cannot open"},
		"hidden folder": {fstest.MapFS{"pol/own.rego": {Data: []byte(onePolicy)}, "pol/.team/x.rego": {Data: []byte(onePolicy)}},
			".team/x.rego is hidden"},
		"hidden file": {fstest.MapFS{"pol/own.rego": {Data: []byte(onePolicy)}, "pol/.x.rego": {Data: []byte(onePolicy)}}, ".x.rego is hidden"},
	} {
		_, err := load(t, rego.PolicyPath{Name: "pol", FS: c.fsys, Path: "pol"})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// failingFS cannot open one of its files.
type failingFS struct {
	fstest.MapFS
	name string
}

func (f failingFS) Open(name string) (fs.File, error) {
	if name == f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errCannotOpen}
	}
	return f.MapFS.Open(name)
}

func (f failingFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errCannotOpen}
	}
	return f.MapFS.ReadDir(name)
}

// A policy as large as the limit is read.
func TestLargestPolicy(t *testing.T) {
	text := onePolicy + "#" + strings.Repeat("x", engine.MaxPolicyFile-len(onePolicy)-1)
	if _, err := load(t, policyPath(t, "own.rego", map[string]string{"own.rego": text})); err != nil {
		t.Errorf("%v", err)
	}
}

// Of a folder with more files than the limit none is read: some of them may be the policies that matter.
func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{"own.rego": {Data: []byte(onePolicy)}}
	const others = engine.MaxPolicyEntries - 2 // besides the folder itself and the policy
	for i := range others {
		fsys[string([]rune{'a' + rune(i%20), 'a' + rune(i/20%20), 'a' + rune(i/400%20), 'a' + rune(i/8000)})] = &fstest.MapFile{}
	}
	path := rego.PolicyPath{Name: "pol", FS: fsys, Path: "."}
	if _, err := load(t, path); err != nil {
		t.Errorf("as many files as the limit: %v", err)
	}
	fsys["one-more"] = &fstest.MapFile{}
	if _, err := load(t, path); err == nil || !strings.Contains(err.Error(), "number of files") {
		t.Errorf("more files than the limit: %v", err)
	}
}

// Without what it needs, nothing is loaded.
func TestOptionsThatAreNeeded(t *testing.T) {
	own := policyPath(t, "own.rego", map[string]string{"own.rego": onePolicy})
	for _, c := range []struct {
		o    rego.Options
		says string
	}{
		{rego.Options{At: clock(), Paths: []rego.PolicyPath{own}}, "the schema of the input is missing"},
		{rego.Options{At: clock(), Schema: []byte("{"), Paths: []rego.PolicyPath{own}}, "reading the schema of the input"},
		{rego.Options{Schema: policies.InputSchema(), Paths: []rego.PolicyPath{own}}, "the clock is missing"},
	} {
		if _, err := rego.Load(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

var errCannotOpen = errors.New("cannot open")
