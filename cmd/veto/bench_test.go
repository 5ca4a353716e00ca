package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// BenchmarkScan is a whole scan of a real image in this process, with SARIF and JUnit written: a plain archive without a cache, and a
// compressed layout whose layers the cache knows. A process of its own takes some 10 ms more.
func BenchmarkScan(b *testing.B) {
	db := databaseDir(b)
	for _, c := range []struct{ image, cache string }{{"web.tar", "none"}, {"web-oci", "warm"}} {
		source, dir := filepath.Join(images(b), c.image), b.TempDir()
		scan := func() {
			var out bytes.Buffer
			sys := &system{stdin: strings.NewReader(""), stdout: &out, stderr: &out, environ: []string{"VETO_CACHE=" + filepath.Join(dir, "cache")},
				dir: dir, now: time.Now, width: 100}
			args := []string{"scan", source, "--db", db, "--now", clock, "-q", "-o", "sarif=" + filepath.Join(dir, "x.sarif"), "-o",
				"junit=" + filepath.Join(dir, "x.xml")}
			if c.cache == "none" {
				args = append(args, "--no-cache")
			}
			if code := run(b.Context(), args, sys); code != exitDenied {
				b.Fatalf("exit %d: %s", code, &out)
			}
		}
		scan()
		b.Run(c.image+" cache "+c.cache, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				scan()
			}
		})
	}
}
