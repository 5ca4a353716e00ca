package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// scanSeveral scans in a folder and returns the exit code, the run, and what stood on standard error.
func scanSeveral(t *testing.T, dir, db string, args ...string) (int, *engine.Run, string) {
	t.Helper()
	var stderr bytes.Buffer
	sys := &system{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr, dir: dir, now: time.Now, width: 100}
	out := filepath.Join(dir, "run.json")
	for i, a := range args {
		if strings.HasPrefix(a, "./") {
			args[i] = filepath.Join(dir, a)
		}
	}
	args = append([]string{"scan", "-q", "-o", "json=" + out, "--now", clock, "--db", db, "--no-cache"}, args...)
	code := run(t.Context(), args, sys)
	r := &engine.Run{}
	if b, err := os.ReadFile(out); err == nil {
		if err := json.Unmarshal(b, r); err != nil {
			t.Fatal(err)
		}
	}
	return code, r, stderr.String()
}

// Of a source that holds several images for one platform each has a report, in the order of the index, and the worst verdict counts. A
// source that is a mistake leaves the reports of the others; alone it is a mistake, of which nothing is written.
func TestSeveralImagesAndSources(t *testing.T) {
	db, dir := kindsDatabase(t), t.TempDir()
	variant := func(version, platform string) imagetest.Image {
		return imagetest.Image{Name: "example.test/app:1", Group: "app", Platform: platform, Compression: imagetest.Gzip,
			Config: map[string]any{"User": "app"}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
				imagetest.File("srv/node_modules/bad/package.json", `{"name":"bad","version":"`+version+`"}`)}}}}
	}
	for name, images := range map[string][]imagetest.Image{
		"clean.tar": {variant("2.0.0", "linux/amd64")},
		"mixed.tar": {variant("2.0.0", "linux/amd64"), variant("1.0.0", "linux/amd64/v3")},
	} {
		var b bytes.Buffer
		if err := imagetest.WriteOCIArchive(&b, images...); err != nil {
			t.Fatal(err)
		}
		writeText(t, filepath.Join(dir, name), b.String())
	}
	const pass, undecided = engine.Pass, engine.Undecided
	for name, c := range map[string]struct {
		args    []string
		code    int
		reports []engine.Verdict
	}{
		"one":                   {[]string{"./clean.tar"}, exitPass, []engine.Verdict{pass}},
		"the second variant":    {[]string{"./mixed.tar"}, exitDenied, []engine.Verdict{pass, engine.Denied}},
		"every platform":        {[]string{"./mixed.tar", "--platform", "all"}, exitDenied, []engine.Verdict{pass, engine.Denied}},
		"chosen":                {[]string{"./mixed.tar", "--platform", "linux/amd64/v1"}, exitPass, []engine.Verdict{pass}},
		"a mistake":             {[]string{"./none.tar"}, exitUsage, nil},
		"mistakes only":         {[]string{"./none.tar", "./neither.tar"}, exitUsage, nil},
		"a mistake beside":      {[]string{"./none.tar", "./clean.tar"}, exitUndecided, []engine.Verdict{undecided, pass}},
		"a mistake and denied":  {[]string{"./mixed.tar", "./none.tar"}, exitDenied, []engine.Verdict{pass, engine.Denied, undecided}},
		"a mistake, everywhere": {[]string{"./none.tar", "./clean.tar", "--platform", "all"}, exitUndecided, []engine.Verdict{undecided, pass}},
	} {
		_ = os.Remove(filepath.Join(dir, "run.json"))
		code, r, said := scanSeveral(t, dir, db, c.args...)
		var got []engine.Verdict
		for _, report := range r.Reports {
			got = append(got, report.Decision.Verdict)
		}
		if code != c.code || !slices.Equal(got, c.reports) {
			t.Errorf("%s: exit %d, %v, want %d, %v: %s", name, code, got, c.code, c.reports, said)
		}
	}
}
