package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// The same image in every wrapping gives the same packages and findings, but for the digests of compressed layers.
func TestEveryWrappingGivesTheSame(t *testing.T) {
	t.Parallel()
	dir := images(t)
	var want *engine.Report
	for _, name := range []string{"web.tar", "web-oci", "web-gz.tar", "web-zstd"} {
		run, code := scanReal(t, filepath.Join(dir, name))
		if code != exitDenied || len(run.Reports) != 1 {
			t.Fatalf("%s: exit %d, %d reports; errors %+v", name, code, len(run.Reports), run.Reports[0].Errors)
		}
		r := &run.Reports[0]
		if len(r.Findings) < 100 || len(r.Packages) < 450 {
			t.Errorf("%s: %d findings in %d packages: too few to be this image", name, len(r.Findings), len(r.Packages))
		}
		t.Logf("%s: %d packages, %d findings, %d gaps", name, len(r.Packages), len(r.Findings), len(r.Gaps))
		if want == nil {
			want = r
			continue
		}
		for what, pair := range map[string][2]any{"packages": {want.Packages, r.Packages}, "findings": {want.Findings, r.Findings},
			"gaps": {want.Gaps, r.Gaps}, "os": {want.OS, r.OS}} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Errorf("%s: %s differ from web.tar's (-web.tar +%s):\n%.3000s", name, what, name, diff)
			}
		}
	}
}
