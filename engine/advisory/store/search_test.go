package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestSearchWithin(t *testing.T) {
	d := mustOpen(t, buildSmall(t))
	for _, c := range []struct{ query, ecosystem, want string }{
		{"bash", "Debian", "Debian:11/DSA-1 Debian:12/DEBIAN-CVE-2026-1001"},
		{"bash", "Debian:12", "Debian:12/DEBIAN-CVE-2026-1001"},
		{"bash", "npm", ""},
		{"CVE-2026-1001", "PyPI", "PyPI/GHSA-1"},
		{"bash", "Alpine", ""},
	} {
		hits, err := d.Search(t.Context(), c.query, c.ecosystem)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			if h.Shard.Ecosystem != h.Ecosystem || h.Shard.Digest == "" {
				t.Errorf("%+v", h.Shard)
			}
			got = append(got, h.Ecosystem+"/"+h.Advisory.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s in %s: %q, want %q", c.query, c.ecosystem, got, c.want)
		}
	}
	for ecosystem, want := range map[string]bool{"": true, "Debian": true, "Debian:12": true, "Debian:13": false,
		"npm": true, "Alpine": false} {
		if d.Has(ecosystem) != want {
			t.Errorf("has %q: %v", ecosystem, !want)
		}
	}
	for name, want := range map[string]string{"lodahs": "lodash", "Lodash": "lodash", "interface": "", "b": "", "bahs": "bash",
		"quite-another": ""} {
		near, err := d.SimilarNames(t.Context(), name, "", 3)
		if err != nil || strings.Join(near, " ") != want {
			t.Errorf("near %s: %q, %v, want %q", name, near, err, want)
		}
	}
}

// Similar names are those that differ in case or in what stands before them, then those a few letters away, no more than asked for.
func TestSimilarNames(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"parser", "Parser", "org/parser", "group:parser", "parsers", "parsley", "barser", "parserparser", "parse"} {
		write(t, filepath.Join(dir, fmt.Sprint(i, ".json")), []byte(record(fmt.Sprint("A-", i), "npm", name, "1")))
	}
	write(t, filepath.Join(dir, "x.json"), []byte(record("B-1", "PyPI", "parser", "1")))
	d := mustOpen(t, dir)
	for _, c := range []struct {
		name, ecosystem string
		limit           int
		want            string
	}{
		{"PARSER", "npm", 9, "Parser group:parser org/parser parser parse parsers parsley"},
		{"parser", "", 9, "Parser group:parser org/parser parser parse parsers parsley"},
		{"parser", "npm", 2, "Parser group:parser"}, {"parser", "PyPI", 9, "parser"}, {"parser", "Go", 9, ""},
		{"pa", "npm", 9, ""}, {"p", "npm", 9, ""},
		{"", "npm", 9, ""}, {"paser", "npm", 1, "Parser"}, {"parser", "npm", 0, ""},
	} {
		got, err := d.SimilarNames(t.Context(), c.name, c.ecosystem, c.limit)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q in %q, %d: %q, %v; want %q", c.name, c.ecosystem, c.limit, got, err, c.want)
		}
	}
}

// A search in a database that is damaged is an error, not a search that found nothing.
func TestSearchOfDamagedShards(t *testing.T) {
	dir := buildSmall(t)
	write(t, shardFiles(t, dir)["npm"], []byte("x"))
	d := mustOpen(t, dir)
	if hits, err := d.Search(t.Context(), "lodash", ""); err == nil || len(hits) > 0 {
		t.Errorf("search: %+v, %v", hits, err)
	}
	if names, err := d.SimilarNames(t.Context(), "lodash", "", 3); err == nil || len(names) > 0 {
		t.Errorf("similar names: %q, %v", names, err)
	}
	if hits, err := d.Search(t.Context(), "bash", "Debian:12"); err != nil || len(hits) != 1 {
		t.Errorf("in a shard that is whole: %+v, %v", hits, err)
	}
}
