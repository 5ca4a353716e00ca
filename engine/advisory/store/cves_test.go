package store

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

func TestCVERecords(t *testing.T) {
	dir := buildSmall(t)
	if _, _, ok, err := mustOpen(t, dir).CVERecords(t.Context(), []string{"CVE-2026-1001"}); ok || err != nil {
		t.Errorf("records that were never loaded: %v, %v", ok, err)
	}
	path := filepath.Join(t.TempDir(), "CVE-2026-1001.json")
	write(t, path, []byte(`{"cveMetadata":{"cveId":"CVE-2026-1001","state":"PUBLISHED","datePublished":"2026-01-02T03:04:05Z"},
		"containers":{"cna":{
		"metrics":[{"cvssV3_1":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],
		"problemTypes":[{"descriptions":[{"cweId":"CWE-79"}]}]}}}`))
	o := options(dir, "")
	o.CataloguesOnly, o.CVE = true, path
	if s := mustUpdate(t, o); s.CVE == nil || s.CVE.AsOf != "2026-11-22T00:00:00Z" || s.CVE.Advisories != 1 {
		t.Errorf("%+v", s)
	}
	d := mustOpen(t, dir)
	entries, shard, ok, err := d.CVERecords(t.Context(), []string{"CVE-2026-1001", "CVE-2026-1002", "CVE-2026-1001"})
	want := []advisory.CVERecord{{CVE: "CVE-2026-1001", Published: "2026-01-02T03:04:05Z", Assessments: []advisory.Assessment{
		{By: "CNA", Ratings: []advisory.Rating{{Type: "CVSS_V3", Score: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
			CWEs: []string{"CWE-79"}}}}}
	if diff := cmp.Diff(want, entries); diff != "" || !ok || err != nil || shard.Ecosystem != "cve" {
		t.Errorf("%v %+v %v\n%s", ok, shard, err, diff)
	}
	status, err := ContentsOf(t.Context(), dir, clock())
	if err != nil || status.CVE == nil || status.CVE.Age == nil {
		t.Errorf("%+v, %v", status, err)
	}
	if a, err := decodeCVERecord("CVE-2026-1001", []byte{1}); err == nil {
		t.Errorf("a value that is cut: %+v", a)
	}
}
