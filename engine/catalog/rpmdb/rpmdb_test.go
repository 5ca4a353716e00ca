package rpmdb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	if err := Read(context.Background(), f, info.Size(), func(b []byte) error {
		h, err := Parse(b)
		if err != nil {
			return err
		}
		words := []string{h.Text(Name), h.Text(Version) + "-" + h.Text(Release), h.Text(Arch), h.Text(SourceRPM)}
		for _, tag := range []Tag{BaseNames, RequireName, ProvideName} {
			list, err := h.Texts(tag)
			if err != nil {
				return err
			}
			words = append(words, fmt.Sprintf("%d:%s", len(list), strings.Join(append(slices.Clone(list), ""), ",")))
		}
		out = append(out, strings.Join(words, " "))
		return nil
	}); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	slices.Sort(out)
	return out
}

// realDatabases is a folder of real databases in all three formats, which a Go module holds.
func realDatabases(t *testing.T) string {
	t.Helper()
	if os.Getenv("VETO_ORACLES") != "1" {
		t.Skip("VETO_ORACLES=1 fetches real databases")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/anchore/go-rpmdb@v0.2.2")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("they cannot be fetched: %v", err)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(m.Dir, "pkg", "testdata")
}

// Of real databases as many packages are read as rpm itself lists, where it reads the format: SQLite and Berkeley DB.
func TestRealDatabases(t *testing.T) {
	dir := realDatabases(t)
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, p := range paths {
		base := filepath.Base(p)
		if base != "Packages" && base != "Packages.db" && base != "rpmdb.sqlite" {
			continue
		}
		got := read(t, p)
		kinds[base]++
		t.Logf("%s: %d packages", filepath.Base(filepath.Dir(p)), len(got))
		if len(got) < 1 {
			t.Errorf("%s has %d packages", p, len(got))
		}
		backend := map[string]string{"Packages": "bdb_ro", "rpmdb.sqlite": "sqlite"}[base]
		if _, err := exec.LookPath("rpm"); err != nil || backend == "" {
			continue
		}
		db := t.TempDir()
		body, err := os.ReadFile(p)
		if err == nil {
			err = os.WriteFile(filepath.Join(db, base), body, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		const format = `%{NAME} %{VERSION}-%{RELEASE} %|ARCH?{%{ARCH}}| %|SOURCERPM?{%{SOURCERPM}}|` +
			` %|BASENAMES?{%{BASENAMES:arraysize}:[%{BASENAMES},]}:{0:}|` +
			` %|REQUIRENAME?{%{REQUIRENAME:arraysize}:[%{REQUIRENAME},]}:{0:}|` +
			` %|PROVIDENAME?{%{PROVIDENAME:arraysize}:[%{PROVIDENAME},]}:{0:}|\n`
		out, err := exec.CommandContext(t.Context(), "rpm", "--dbpath", db, "--define", "_db_backend "+backend,
			"-qa", "--nodigest", "--nosignature", "--qf", format).Output()
		if err != nil {
			t.Errorf("rpm -qa of %s: %v", p, err)
			continue
		}
		want := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d packages, rpm says %d\n%q\n%q", p, len(got), len(want), got[:min(3, len(got))], want[:min(3, len(want))])
		}
	}
	if t.Log(kinds); kinds["Packages"] == 0 || kinds["Packages.db"] == 0 || kinds["rpmdb.sqlite"] == 0 {
		t.Errorf("a format has no real database: %v", kinds)
	}
}
