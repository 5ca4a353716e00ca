package store

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

func quickstart(t testing.TB) string {
	return filepath.Join(root(t), "examples", "quickstart", "advisories")
}

// The starter set is a database by itself, and each of its files is an OSV record under its own name.
func TestQuickstart(t *testing.T) {
	dir := quickstart(t)
	d := mustOpen(t, dir)
	records := map[string]bool{}
	bases := map[string]int{}
	for _, s := range d.manifest.Shards {
		if s.AsOf == "" {
			t.Errorf("%s has no date", s.Ecosystem)
		}
		base, _ := engine.SplitEcosystem(s.Ecosystem)
		bases[base] += s.Advisories
	}
	for _, base := range realEcosystems() {
		if bases[base] < 5 {
			t.Errorf("%d records of %s", bases[base], base)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cves []string
	for _, path := range files {
		if filepath.Base(path) == "kev.json" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a, err := advisory.ParseOSV(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if a.ID+".json" != filepath.Base(path) || a.Summary == "" || a.Published == "" {
			t.Errorf("%s: id %s, summary %q, published %q", path, a.ID, a.Summary, a.Published)
		}
		records[a.ID] = true
		cves = append(cves, append(a.Aliases, a.Upstream...)...)
	}
	if len(records) < 45 {
		t.Errorf("only %d records", len(records))
	}
	entries, _, ok, err := d.KEV(context.Background(), cves)
	if err != nil || !ok || len(entries) != d.manifest.KEV.Advisories {
		t.Errorf("%d of the catalogue's %d entries concern the records; %v, %v", len(entries), d.manifest.KEV.Advisories, ok, err)
	}
}

// The starter set is valid by OSV's own schema.
func TestQuickstartSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(testdata(t), "schemas", "osv.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(quickstart(t), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if filepath.Base(path) == "kev.json" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
