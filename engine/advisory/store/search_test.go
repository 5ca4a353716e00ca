package store

import (
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
