package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// askEverything opens a database and makes every kind of look-up. It returns the first error.
func askEverything(dir string) (err error) {
	d, err := Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	ctx := context.Background()
	for _, e := range d.Ecosystems() {
		if _, _, err := d.Shard(ctx, e); err != nil {
			return err
		}
		for _, name := range []string{"bash", "zlib", "curl", "lodash", "requests"} {
			if _, err := d.Affecting(ctx, e, name); err != nil {
				return err
			}
		}
	}
	if _, err := d.ByID(ctx, []string{"CVE-2026-1001"}); err != nil {
		return err
	}
	_, _, _, err = d.KEV(ctx, []string{"CVE-2026-1001"})
	return err
}

// mustFail checks that a use of the database fails, and that the error says which command mends it.
func mustFail(t *testing.T, dir, what string) {
	t.Helper()
	err := askEverything(dir)
	var hint *engine.HintError
	switch {
	case err == nil:
		t.Errorf("%s: no error", what)
	case !errors.As(err, &hint) || !strings.Contains(hint.Hint, "veto db update"):
		t.Errorf("%s: %v has no hint", what, err)
	case errors.As(err, new(*engine.UsageError)):
		t.Errorf("%s: %v is a usage error; the database's fault is not the caller's", what, err)
	}
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// shardFiles lists the files that the manifest refers to, by ecosystem.
func shardFiles(t testing.TB, dir string) map[string]string {
	t.Helper()
	m, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, s := range m.all() {
		files[s.Ecosystem] = filepath.Join(dir, s.file())
	}
	return files
}

// One changed byte in any page of any shard is an error; so is a shard that is cut, longer, empty, missing, a folder or another's.
func TestShardFaults(t *testing.T) {
	dir := buildSmall(t)
	if err := askEverything(dir); err != nil {
		t.Fatal(err)
	}
	files := shardFiles(t, dir)
	if len(files) != 7 { // Debian, Debian:11, Debian:12, PyPI, npm, ratings, kev
		t.Fatalf("shards %v", files)
	}
	pages := 0
	for ecosystem, path := range files {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, data []byte) {
			t.Helper()
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			mustFail(t, dir, ecosystem+": "+what)
		}
		for page := 0; page < len(good); page += pageSize {
			for _, at := range []int{page, page + 100, page + pageSize - 1} {
				bad := append([]byte{}, good...)
				bad[at] ^= 0x10
				try(fmt.Sprintf("byte %d flipped", at), bad)
			}
			try(fmt.Sprintf("cut at %d", page), good[:page])
			pages++
		}
		try("cut by one byte", good[:len(good)-1])
		try("one byte longer", append(append([]byte{}, good...), 0))
		for other, from := range files {
			if other != ecosystem {
				data, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				try("the bytes of "+other, data)
				break
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		mustFail(t, dir, ecosystem+": missing")
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		mustFail(t, dir, ecosystem+": a folder")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d pages", pages)
	if err := askEverything(dir); err != nil {
		t.Errorf("whole again: %v", err)
	}
}

// Any changed byte of the manifest is an error, wherever it is.
func TestManifestFaults(t *testing.T) {
	dir := buildSmall(t)
	path := filepath.Join(dir, manifestName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		mustFail(t, dir, what)
	}
	for at := range good {
		bad := append([]byte{}, good...)
		bad[at] ^= 1
		if _, err := parseManifest(bad); err == nil {
			t.Errorf("byte %d flipped: no error", at)
		}
		if at%67 == 0 {
			try(fmt.Sprintf("byte %d flipped", at), bad)
		}
	}
	for _, at := range []int{0, 1, len(good) / 2, len(good) - 1} {
		try(fmt.Sprintf("cut at %d", at), good[:at])
	}
	try("longer", append(append([]byte{}, good...), ' '))
	try("another version", []byte(strings.Replace(string(good), `"schema_version": 2`, `"schema_version": 3`, 1)))
	try("unknown key", []byte(strings.Replace(string(good), `{`, `{"more": 1,`, 1)))
	try("missing", nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustFail(t, dir, "missing")
}

// What a manifest says is checked also when its checksum is right.
func TestManifestChecks(t *testing.T) {
	dir := buildSmall(t)
	for what, change := range map[string]func(m *manifest){
		"path for a digest": func(m *manifest) { m.Shards[0].Digest = "sha256:../../../etc/passwd" },
		"no digest":         func(m *manifest) { m.Shards[0].Digest = "" },
		"negative size":     func(m *manifest) { m.Shards[0].Size = -1 },
		"no ecosystem":      func(m *manifest) { m.Shards[0].Ecosystem = "" },
		"twice":             func(m *manifest) { m.Shards[1] = m.Shards[0] },
		"order":             func(m *manifest) { m.Shards[0], m.Shards[1] = m.Shards[1], m.Shards[0] },
		"date":              func(m *manifest) { m.Shards[0].AsOf = "soon" },
		"no ratings":        func(m *manifest) { m.Ratings = nil },
		"retired":           func(m *manifest) { m.Retired = []retired{{"x", "y"}} },
		"another's shard":   func(m *manifest) { m.Shards[0].Digest, m.Shards[0].Size = m.Shards[1].Digest, m.Shards[1].Size },
	} {
		t.Run(what, func(t *testing.T) {
			dir := copyDir(t, dir)
			m, err := readManifest(dir)
			if err != nil {
				t.Fatal(err)
			}
			change(m)
			data, err := m.encode()
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, manifestName), data)
			mustFail(t, dir, what)
		})
	}
}

// A shard whose digest is right but whose content is wrong, as only an attacker makes it, is an error too.
func TestForgedShards(t *testing.T) {
	dir := buildSmall(t)
	m, err := readManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := headerPair("npm")
	lodash := func(record []byte, ids ...string) []pair {
		pairs := []pair{h, {keyPackage + "lodash", appendStrings(nil, ids)}}
		if record != nil {
			pairs = append(pairs, pair{keyRecord + "A", record})
		}
		return pairs
	}
	whole := encodeRecord(advisory.Advisory{ID: "A"})
	for what, pairs := range map[string][]pair{
		"no header":           {{keyPackage + "lodash", appendStrings(nil, []string{"A"})}},
		"header is no JSON":   {{keyHeader, []byte(`x`)}},
		"list is cut":         {h, {keyPackage + "lodash", []byte{1}}},
		"list is endless":     {h, {keyPackage + "lodash", []byte{0xff, 0xff, 0xff, 0xff, 0x7f}}},
		"names an absent one": lodash(nil, "A"),
		"record is empty":     lodash([]byte{}, "A"),
		"record is cut":       lodash(whole[:len(whole)-1], "A"),
		"record goes on":      lodash(append(whole[:len(whole):len(whole)], 0), "A"),
		"other record":        lodash(encodeRecord(advisory.Advisory{ID: "B"}), "A"),
	} {
		t.Run(what, func(t *testing.T) {
			dir := copyDir(t, dir)
			sortPairs(pairs)
			path := filepath.Join(dir, "new")
			if err := writeShardFile(path, pairs); err != nil {
				t.Fatal(err)
			}
			mustFailWith(t, dir, m, path)
		})
	}
	good, err := os.ReadFile(shardFiles(t, dir)["npm"])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(good); at += 397 { // pages that lie, behind a digest that is right: an error or the right answer, never a crash
		dir := copyDir(t, dir)
		bad := append([]byte{}, good...)
		bad[at] ^= 0xff
		path := filepath.Join(dir, "new")
		write(t, path, bad)
		listAsNPM(t, dir, m, path)
		_ = askEverything(dir)
	}
}

// listAsNPM makes the file at path npm's shard, in the manifest too.
func listAsNPM(t *testing.T, dir string, m *manifest, path string) {
	t.Helper()
	digest, size, err := hashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next := *m
	next.Shards = append([]ShardInfo{}, m.Shards...)
	for i := range next.Shards {
		if next.Shards[i].Ecosystem == "npm" {
			next.Shards[i].Digest, next.Shards[i].Size = digest, size
			if err := os.Rename(path, filepath.Join(dir, next.Shards[i].file())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writeManifest(dir, &next); err != nil {
		t.Fatal(err)
	}
}

// mustFailWith checks that a database fails that has path's bytes as npm's shard.
func mustFailWith(t *testing.T, dir string, m *manifest, path string) {
	t.Helper()
	listAsNPM(t, dir, m, path)
	mustFail(t, dir, "forged")
}

// What is no database is an error with the command that makes one.
func TestOpenFaults(t *testing.T) {
	empty, mirrored, other, twice, file := t.TempDir(), mirror(t, smallExports()), t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("x"))
	write(t, filepath.Join(other, "package.json"), []byte(`{"name":"x"}`))
	write(t, filepath.Join(twice, "a.json"), []byte(record("A", "npm", "a", "1")))
	write(t, filepath.Join(twice, "b.json"), []byte(record("A", "npm", "b", "1")))
	catalogues := copyDir(t, twice)
	if err := os.Remove(filepath.Join(catalogues, "b.json")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(catalogues, "kev.json"), []byte(`{"vulnerabilities":[]}`))
	write(t, filepath.Join(catalogues, "x", "known_exploited_vulnerabilities.json"), []byte(`{"vulnerabilities":[]}`))
	dated := t.TempDir()
	write(t, filepath.Join(dated, "a.json"), []byte(record("A", "npm", "a", "1")))
	write(t, filepath.Join(dated, asOfFile), []byte("yesterday\n"))
	for dir, want := range map[string]string{
		filepath.Join(empty, "absent"): "does not exist",
		empty:                          "no vulnerability database",
		mirrored:                       "exports to build one from",
		other:                          "package.json",
		twice:                          `holds the record "A" too`,
		catalogues:                     "two catalogues",
		dated:                          "is no date",
		file:                           "not a directory",
	} {
		d, err := Open(dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", dir, err, want)
		}
		if d != nil {
			t.Errorf("%s: a database with an error", dir)
		}
	}
	for _, dir := range []string{empty, mirrored, file, filepath.Join(empty, "absent")} {
		mustFail(t, dir, dir)
	}
}

func TestClosed(t *testing.T) {
	d, err := Open(buildSmall(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Affecting(context.Background(), "npm", "lodash"); err == nil {
		t.Error("a closed database answers")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := mustOpen(t, buildSmall(t)).Affecting(ctx, "npm", "lodash"); err == nil {
		t.Error("a cancelled look-up answers")
	}
}

// What bbolt does not accept never becomes a table, not even one that fails later.
func TestOpenShardOfGarbage(t *testing.T) {
	for what, data := range map[string][]byte{"empty": nil, "short": []byte("x"), "garbage": make([]byte, 4*pageSize)} {
		path := filepath.Join(t.TempDir(), "shard")
		write(t, path, data)
		if s, err := openShard(path); err == nil {
			t.Errorf("%s: opened as %v", what, s)
		}
	}
}

// A search that cannot read who else bears a name is an error, not a search that found nothing.
func TestSearchOfDamagedAliases(t *testing.T) {
	h := headerPair("npm")
	pairs := []pair{h, {keyOther + "CVE-2026-1", []byte{1}}}
	sortPairs(pairs)
	got, err := new(DB).searchShard(&memoryTable{pairs}, ShardInfo{Ecosystem: "npm"}, "CVE-2026-1")
	if err == nil || !strings.Contains(err.Error(), "CVE-2026-1") {
		t.Errorf("%v, %v", got, err)
	}
}

// A manifest that cannot be read is not the same as one that is damaged.
func TestUnreadableManifest(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, manifestName), 0o755); err != nil {
		t.Fatal(err)
	}
	if m, err := readManifest(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("%v, %v", m, err)
	}
}

func FuzzManifest(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(buildSmall(f), manifestName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema_version":2}`))
	f.Add([]byte(`{"schema_version":3,"more":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		for _, s := range m.all() {
			if strings.ContainsAny(s.file(), "/\\") {
				t.Fatalf("file %q", s.file())
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(encodeRecord(advisory.Advisory{ID: "A", Aliases: []string{"B", ""}, Severity: []advisory.Rating{{Type: "CVSS_V3", Score: "x"}},
		Affected: []advisory.Affected{{Ecosystem: "npm", Name: "a", Versions: []string{"1"},
			Ranges: []advisory.Range{{Type: "SEMVER", Events: []advisory.Event{{Introduced: "0"}, {Fixed: "1"}}}}}}}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeRecord(data)
		if err != nil {
			return
		}
		again, err := decodeRecord(encodeRecord(a))
		if diff := cmp.Diff(a, again); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}
