package feed

import (
	"archive/zip"
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

// In the shape of cvelistV5's files and of the NVD's answers.
const (
	cveList = `{"dataType":"CVE_RECORD","dataVersion":"5.1",
		"cveMetadata":{"cveId":"CVE-2026-1001","state":"PUBLISHED","datePublished":"2026-01-02T03:04:05.678Z"},
		"containers":{"cna":{"providerMetadata":{"shortName":"debian"},
			"metrics":[{"cvssV3_1":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},{"other":{"type":"ssvc"}}],
			"problemTypes":[{"descriptions":[{"cweId":"CWE-79","lang":"en"},{"lang":"en","description":"n/a"}]}]},
		"adp":[{"providerMetadata":{"shortName":"CISA-ADP"},
			"metrics":[{"cvssV4_0":{"vectorString":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}}]},
			{"providerMetadata":{"shortName":"CVE"},"title":"CVE Program Container"}]}}`
	nvd = `{"resultsPerPage":2,"format":"NVD_CVE","version":"2.0","timestamp":"2026-11-22T00:00:00.123","vulnerabilities":[
		{"cve":{"id":"CVE-2026-1001","published":"2026-01-03T00:00:00.000","vulnStatus":"Analyzed",
			"metrics":{"cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary",
					"cvssData":{"vectorString":"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
				{"source":"security@debian.org","type":"Secondary","cvssData":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],
				"cvssMetricV2":[{"source":"nvd@nist.gov","cvssData":{"vectorString":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}}]},
			"weaknesses":[{"source":"nvd@nist.gov","description":[{"lang":"en","value":"NVD-CWE-noinfo"},{"lang":"en","value":"CWE-787"}]}]}},
		{"cve":{"id":"CVE-2026-1002","published":"2026-01-03T00:00:00.000","vulnStatus":"Rejected","metrics":{}}}]}`
)

func cveFolder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			data = packed(t, text)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAssessments(t *testing.T) {
	const (
		v2     = "AV:N/AC:L/Au:N/C:P/I:P/A:P"
		v31    = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
		v31nvd = "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
		v4     = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
	)
	adp := advisory.Assessment{By: "CISA-ADP", Ratings: []advisory.Rating{{Type: "CVSS_V4", Score: v4}}}
	cna := advisory.Assessment{By: "CNA", Ratings: []advisory.Rating{{Type: "CVSS_V3", Score: v31}}, CWEs: []string{"CWE-79"}}
	byNVD := advisory.Assessment{By: "NVD", Ratings: []advisory.Rating{{Type: "CVSS_V3", Score: v31nvd}, {Type: "CVSS_V2", Score: v2}},
		CWEs: []string{"CWE-787"}}
	both := []advisory.CVERecord{{CVE: "CVE-2026-1001", Published: "2026-01-02T03:04:05Z",
		Assessments: []advisory.Assessment{adp, cna, byNVD}}}
	files := map[string]string{"cves/2026/1xxx/CVE-2026-1001.json": cveList, "nvdcve-2.0-2026.json.gz": nvd, "README.md": "no record",
		"cves/delta.json": `{"fetchTime":"2026-11-21T08:00:00.000Z","new":[]}`, "cves/deltaLog.json": "[]",
		"cves/2026/1xxx/CVE-2026-1003.json": `{"cveMetadata":{"cveId":"CVE-2026-1003","state":"REJECTED"}}`}
	dir := cveFolder(t, files)
	got, err := ReadCVEs(t.Context(), dir, Options{})
	if diff := cmp.Diff(&CVEs{Name: dir, AsOf: "2026-11-22T00:00:00Z", Records: both}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	one := filepath.Join(dir, "cves", "2026", "1xxx", "CVE-2026-1001.json")
	got, err = ReadCVEs(t.Context(), one, Options{})
	if err != nil || got.AsOf != "" || !cmp.Equal(got.Records[0].Assessments, []advisory.Assessment{adp, cna}) {
		t.Errorf("%+v, %v", got, err)
	}
	z := filepath.Join(t.TempDir(), "cves.zip")
	f, err := os.Create(z)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, name := range []string{"cves/2026/1xxx/CVE-2026-1001.json", "cves/delta.json"} {
		e, err := w.Create(name)
		if err == nil {
			_, err = e.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got, err = ReadCVEs(t.Context(), z, Options{})
	if err != nil || got.AsOf != "2026-11-21T08:00:00Z" || len(got.Records) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAssessmentsFail(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"empty":              {"CVE-2026-1001.json", "", "not JSON"},
		"cut":                {"CVE-2026-1001.json", cveList[:100], "not JSON"},
		"cut NVD":            {"nvd.json", nvd[:100], "not JSON"},
		"other JSON":         {"x.json", "{}", "no cveMetadata.cveId"},
		"an advisory":        {"x.json", `{"id":"GHSA-1"}`, "no cveMetadata.cveId"},
		"no CVE":             {"x.json", strings.Replace(cveList, "CVE-2026-1001", "CVE-1", 1), "no CVE id"},
		"no CVE of NVD":      {"x.json", strings.Replace(nvd, "CVE-2026-1002", "CVE-1", 1), "vulnerabilities[1]"},
		"no time":            {"x.json", strings.Replace(cveList, "2026-01-02T03:04:05.678Z", "today", 1), "datePublished"},
		"no date":            {"x.json", strings.Replace(nvd, "2026-11-22T00:00:00.123", "today", 1), "timestamp"},
		"deep":               {"x.json", strings.Repeat("[", engine.MaxJSONDepth+1), "depth"},
		"NVD's date":         {"x.json", strings.Replace(nvd, "2026-01-03T00:00:00.000", "today", 1), "published"},
		"no date of changes": {"delta.json", `{"fetchTime":"today"}`, "is no time"},
		"no JSON of changes": {"delta.json", `{`, "not JSON"},
		"bad gzip":           {"x.json", "\x1f\x8b", "inflating"},
		"changes alone":      {"delta.json", `{"fetchTime":"2026-11-21T08:00:00.000Z"}`, "there is none"},
		"no CVE of the list": {"CVE-2026-1001.json", `{"cveMetadata":{"cveId":"CVE-1","state":"REJECTED"}}`, "no CVE id"},
		"rejected":           {"x.json", `{"cveMetadata":{"cveId":"CVE-2026-1003","state":"REJECTED"}}`, "there is none"},
		"bad zip":            {"x.zip", "PK", "opening"},
	} {
		dir := cveFolder(t, map[string]string{c.file: c.text})
		if _, err := ReadCVEs(t.Context(), filepath.Join(dir, c.file), Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	for _, where := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent"), "https://example.test/cves.zip"} {
		if got, err := ReadCVEs(t.Context(), where, Options{}); err == nil {
			t.Errorf("%s: %+v", where, got)
		}
	}
}

// What several files say of a CVE is joined by who says it, each rating and weakness once, and of several dates the newest counts.
func TestReadCVEsJoins(t *testing.T) {
	metric := func(source, vector string) string {
		return fmt.Sprintf(`{"source":%q,"cvssData":{"vectorString":%q}}`, source, vector)
	}
	const cisa = "134c704f-9b21-4f2e-91b3-4a467353bcc0"
	export := func(at, metrics, weaknesses string) string {
		return fmt.Sprintf(`{"format":"NVD_CVE","timestamp":%q,
			"vulnerabilities":[{"cve":{"id":"CVE-2026-1001","published":"2026-01-03T00:00:00.000",
			"vulnStatus":"Analyzed","metrics":{%s},"weaknesses":[%s]}}]}`, at, metrics, weaknesses)
	}
	weakness := func(source string, cwes ...string) string {
		var values []string
		for _, c := range cwes {
			values = append(values, fmt.Sprintf(`{"lang":"en","value":%q}`, c))
		}
		return fmt.Sprintf(`{"source":%q,"description":[%s]}`, source, strings.Join(values, ","))
	}
	dir := cveFolder(t, map[string]string{
		"a.json": export("2026-11-20T00:00:00", `"cvssMetricV30":[`+metric("nvd@nist.gov", "V30")+`],"cvssMetricV40":[`+metric(cisa, "V40")+`]`,
			weakness("nvd@nist.gov", "CWE-2", "CWE-1")+","+weakness("x@example.test", "CWE-3", "NVD-CWE-other")),
		"b.json": export("2026-11-22T00:00:00", `"cvssMetricV30":[`+metric("nvd@nist.gov",
			"V30")+`],"cvssMetricV31":[`+metric("nvd@nist.gov", "V31")+","+
			metric("x@example.test", "")+`]`, weakness("nvd@nist.gov", "CWE-1", "CWE-0")),
		"c.json.gz":        export("2026-11-21T00:00:00", "", ""),
		".git/hidden.json": "not JSON",
	})
	got, err := ReadCVEs(t.Context(), dir, Options{})
	want := &CVEs{Name: dir, AsOf: "2026-11-22T00:00:00Z",
		Records: []advisory.CVERecord{{CVE: "CVE-2026-1001", Published: "2026-01-03T00:00:00Z",
			Assessments: []advisory.Assessment{
				{By: "CISA-ADP", Ratings: []advisory.Rating{{Type: "CVSS_V4", Score: "V40"}}},
				{By: "CNA", CWEs: []string{"CWE-3"}},
				{By: "NVD", Ratings: []advisory.Rating{{Type: "CVSS_V3", Score: "V30"}, {Type: "CVSS_V3", Score: "V31"}},
					CWEs: []string{"CWE-0", "CWE-1", "CWE-2"}},
			}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A folder is read by what it has, not by what its links lead to, and a run that is cancelled reads no further.
func TestReadCVEsFolder(t *testing.T) {
	outside := cveFolder(t, map[string]string{"CVE-2026-1001.json": cveList})
	dir := cveFolder(t, map[string]string{"CVE-2026-1001.json": cveList})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := ReadCVEs(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	if err := os.Symlink(filepath.Join(outside, "CVE-2026-1001.json"), filepath.Join(dir, "CVE-2026-1002.json")); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCVEs(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "CVE-2026-1002.json") {
		t.Errorf("a link out of the folder: %+v, %v", got, err)
	}
}

// A zip says how far its reading is, at the end that it is done.
func TestReadCVEsZip(t *testing.T) {
	path := save(t, pack(t, file{"CVE-2026-1001.json", cveList, zip.Store}, file{"nvd.json", nvd, zip.Store}))
	var steps []Progress
	got, err := ReadCVEs(t.Context(), path, Options{Progress: func(p Progress) { steps = append(steps, p) }})
	if want := []Progress{{"read", "CVE", 2, 2}}; err != nil || len(got.Records) != 1 || !cmp.Equal(want, steps) {
		t.Errorf("%+v, %v, progress %+v", got, err, steps)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := ReadCVEs(ctx, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	broken := save(t, pack(t, file{"CVE-2026-1001.json", cveList, zip.Store}, file{"CVE-2026-1002.json", "{", zip.Store}))
	if got, err := ReadCVEs(t.Context(), broken, Options{}); err == nil || !strings.Contains(err.Error(), `"CVE-2026-1002.json"`) {
		t.Errorf("one record that does not parse: %+v, %v", got, err)
	}
}

func FuzzCVE(f *testing.F) {
	f.Add("CVE-2026-1001.json", []byte(cveList))
	f.Add("nvd.json", []byte(nvd))
	f.Add("delta.json", []byte(`{"fetchTime":"2026-11-21T08:00:00.000Z"}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		r := &cveReader{byCVE: map[string]*advisory.CVERecord{}}
		if r.readDocument(name, data) != nil {
			return
		}
		for cve, a := range r.byCVE {
			if !cveID.MatchString(cve) || len(a.Assessments) == 0 {
				t.Fatalf("%+v", a)
			}
		}
	})
}
