package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// A directory has its scores under any of FIRST's names, in gzip or not, at any depth, and one list of them.
func TestDirectoryScores(t *testing.T) {
	for _, name := range []string{"epss.csv", "epss.csv.gz", "epss_scores-current.csv", "epss_scores-2026-11-26.csv.gz", "sub/epss.csv"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
		write(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(scoresText))
		if _, shard, ok, err := mustOpen(t, dir).EPSS(t.Context(), nil); err != nil || !ok || shard.Advisories != 3 {
			t.Errorf("%s: %+v, %v, %v", name, shard, ok, err)
		}
		write(t, filepath.Join(dir, "epss_scores-2026-11-01.csv"), []byte(scoresText))
		if d, err := Open(dir); err == nil {
			t.Errorf("%s and another list: %+v", name, d.manifest)
		}
	}
	without := t.TempDir()
	write(t, filepath.Join(without, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	if _, _, ok, err := mustOpen(t, without).EPSS(t.Context(), nil); err != nil || ok {
		t.Errorf("without scores: %v, %v", ok, err)
	}
}

// A file of a directory that cannot be read, or is not what its name says, fails the directory: a part of the data looks like all of it.
func TestDirectoryFaults(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"scores":               {"epss.csv", "not scores", "epss.csv"},
		"record, other case":   {"B.JSON", "{}", "B.JSON looks like a record"},
		"record, no ending":    {"sub/GHSA-3", " {}", "GHSA-3 looks like a record"},
		"record, a mark":       {"b.txt", "\xef\xbb\xbf{}", "b.txt looks like a record"},
		"records, packed":      {"npm/all.zip", "PK\x03\x04", "packed records"},
		"records, gzip":        {"b.json.gz", "\x1f\x8b", "packed records"},
		"record in YAML":       {"b.yaml", "id: PYSEC-1\n", "a record in YAML"},
		"catalogue, case":      {"KEV.Json", "{}", "KEV.Json looks like"},
		"scores, other name":   {"scores.txt", "#model_version:v1", "FIRST's scores"},
		"scores, other case":   {"EPSS.csv", "#model_version:v1", "FIRST's scores"},
		"scores of no CVE":     {"epss.csv", strings.Replace(scoresText, "CVE-2026-1001,", "CVE-2026-01001,", 1), "epss.csv"},
		"scores, a folder":     {"epss.csv/x", "", "epss.csv"},
		"catalogue":            {"kev.json", "{}", "kev.json"},
		"catalogue, a folder":  {"kev.json/x.json", "{}", "x.json"},
		"record":               {"b.json", "{", "b.json"},
		"record, too large":    {"b.json", `{"id":"B"}` + strings.Repeat(" ", engine.MaxAdvisory), "over the limit"},
		"record about nothing": {"b.json", `{"id":"B"}`, "is about no package"},
		"record about null":    {"b.json", `{"id":"B","affected":null}`, "b.json"},
		"record, hidden":       {".hidden/b.json", "{", "b.json"},
		"a range in versions": {"b.json", `{"id":"B","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["<2.0.0"]}]}`,
			"is no version"},
		"null in versions": {"b.json", `{"id":"B","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":[null]}]}`,
			"is no version"},
		"record, twice in it": {"b.json", `{"id":"GHSA-2"}`, "holds the record"},
		"date":                {asOfFile, "soon", asOfFile},
		"date, too long":      {asOfFile, strings.Repeat(" ", 1025), "over the limit"},
		"date, a folder":      {asOfFile + "/x", "", "as_of.txt is a folder"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
		write(t, filepath.Join(dir, filepath.FromSlash(c.file)), []byte(c.text))
		if d, err := Open(dir); err == nil || d != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	if err := os.Symlink(filepath.Join(dir, "absent"), filepath.Join(dir, "b.json")); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(dir); err == nil {
		t.Errorf("a link to nothing: %+v", d.manifest)
	}
}

// The date of a directory is that of its file, a day or a time in any zone.
func TestDirectoryDate(t *testing.T) {
	for text, want := range map[string]string{"2026-11-20\n": "2026-11-20T00:00:00Z", " 2026-11-20T01:00:00+02:00 ": "2026-11-19T23:00:00Z",
		"2026-11-20T00:00:00Z" + strings.Repeat("\n", 1004): "2026-11-20T00:00:00Z"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
		write(t, filepath.Join(dir, asOfFile), []byte(text))
		write(t, filepath.Join(dir, "README.md"), []byte("not read"))
		write(t, filepath.Join(dir, ".git", "c.json"), []byte("not read"))
		if s, ok, err := mustOpen(t, dir).Shard(t.Context(), "npm"); err != nil || !ok || s.AsOf != want || s.Advisories != 1 {
			t.Errorf("%q: %+v, %v, %v", text, s, ok, err)
		}
	}
}

// Links to folders are followed, each folder once: a ConfigMap whose keys have folders is made of them.
func TestDirectoryLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "..data", "npm", "a.json"), []byte(record("GHSA-2", "npm", "lodash", "4.17.21")))
	write(t, filepath.Join(dir, "README.md"), []byte("not read"))
	for name, target := range map[string]string{"npm": filepath.Join("..data", "npm"), "again": filepath.Join("..data", "npm"), "up": "."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if s, ok, err := mustOpen(t, dir).Shard(t.Context(), "npm"); err != nil || !ok || s.Advisories != 1 {
		t.Errorf("%+v, %v, %v", s, ok, err)
	}
}
