package feed

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine/advisory"
)

const epss = "#model_version:v2025.03.14,score_date:2026-11-22T12:55:00Z\ncve,epss,percentile\n" +
	"CVE-2026-1001,0.00043,0.12345\nCVE-1999-0001,0.97,1\n"

func packed(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEPSS(t *testing.T) {
	want := &EPSS{AsOf: "2026-11-22T12:55:00Z", Scores: []advisory.EPSSScore{{CVE: "CVE-1999-0001", Score: 0.97, Percentile: 1},
		{CVE: "CVE-2026-1001", Score: 0.00043, Percentile: 0.12345}}}
	_, bare, _ := strings.Cut(epss, "\n")
	for name, c := range map[string]struct {
		data []byte
		asOf string
	}{
		"plain":              {[]byte(epss), want.AsOf},
		"gzip":               {packed(t, epss), want.AsOf},
		"lines of Windows":   {[]byte(strings.ReplaceAll(epss, "\n", "\r\n")), want.AsOf},
		"zone without colon": {[]byte(strings.Replace(epss, "12:55:00Z", "12:55:00+0000", 1)), want.AsOf},
		"day":                {[]byte(strings.Replace(epss, "T12:55:00Z", "", 1)), "2026-11-22T00:00:00Z"},
		"before 2022":        {[]byte(bare), ""},
		"no date":            {[]byte(strings.Replace(epss, ",score_date:2026-11-22T12:55:00Z", "", 1)), ""},
	} {
		want.AsOf = c.asOf
		got, err := ParseEPSS(c.data)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(name, err, diff)
		}
	}
	for name, c := range map[string]struct{ data, want string }{
		"empty":            {"", "not the columns"},
		"page":             {"<html>\n", "not the columns"},
		"no score":         {"cve,epss,percentile\n", "no scores"},
		"other columns":    {strings.Replace(epss, "epss,percentile", "percentile,epss", 1), "line 2"},
		"cut":              {strings.TrimSuffix(epss, "\n"), "line 4 has no end"},
		"cut gzip":         {string(packed(t, epss)[:40]), "inflating"},
		"more after gzip":  {string(packed(t, epss)) + "x", "inflating"},
		"no CVE":           {strings.Replace(epss, "CVE-1999-0001", "CVE-1", 1), "line 4"},
		"no CVE, undated":  {strings.Replace(bare, "CVE-1999-0001", "CVE-1", 1), "line 3"},
		"above one":        {strings.Replace(epss, "0.97", "1.01", 1), "no number"},
		"NaN":              {strings.Replace(epss, "0.97", "NaN", 1), "no number"},
		"below nothing":    {strings.Replace(epss, "0.97", "-0.1", 1), "no number"},
		"empty percentile": {strings.Replace(epss, "0.97,1", "0.97,", 1), "no number"},
		"more columns":     {strings.Replace(epss, "0.97,1", "0.97,1,2", 1), "not a CVE with"},
		"empty line":       {epss + "\n", "line 5"},
		"twice":            {epss + "CVE-1999-0001,0.97,1\n", "twice"},
		"no date":          {strings.Replace(epss, "2026-11-22T12:55:00Z", "today", 1), "no time"},
	} {
		if _, err := ParseEPSS([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// A score and a percentile are from 0 to 1, both included.
func TestParseScore(t *testing.T) {
	for line, want := range map[string]advisory.EPSSScore{"CVE-2026-1001,0,0": {CVE: "CVE-2026-1001"},
		"CVE-2026-1001,1,1":       {CVE: "CVE-2026-1001", Score: 1, Percentile: 1},
		"CVE-2026-1001,0.5,1e-05": {CVE: "CVE-2026-1001", Score: 0.5, Percentile: 1e-05}} {
		if got, err := parseScore(line); err != nil || got != want {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{"CVE-2026-1001,0.5", "CVE-2026-1001,0.5,0.5,", "CVE-2026-1001,,0.5", "CVE-2026-1001,0.5,x",
		"CVE-2026-1001,1.1,1",
		"CVE-2026-1001,1,-0.1", "CVE-2026-1001,NaN,1", "CVE-2026-1001,1,+Inf", "CVE-1,1,1", ""} {
		if got, err := parseScore(line); err == nil {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestScores(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", lastModified)
		_, undated, _ := strings.Cut(epss, "\n")
		if _, err := w.Write(packed(t, undated)); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	e, err := FetchEPSS(t.Context(), strings.Replace(s.URL, "://", "://u:secret@", 1)+"/x.csv.gz", Options{})
	if err != nil || len(e.Scores) != 2 || e.AsOf == "" || strings.Contains(e.Name, "secret") {
		t.Errorf("%+v, %v", e, err)
	}
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte(epss), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err = FetchEPSS(t.Context(), path, Options{}); err != nil || e.Name != path || len(e.Scores) != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, bad := range []string{path + "x", "ftp://example.test/x", "://"} {
		if e, err := FetchEPSS(t.Context(), bad, Options{}); err == nil {
			t.Errorf("%s: %+v", bad, e)
		}
	}
}

func FuzzEPSS(f *testing.F) {
	f.Add([]byte(epss))
	f.Add(packed(f, epss))
	f.Add([]byte(fmt.Sprintf("%s%s", epss, "CVE-2026-1,a,b\n")))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEPSS(data)
		if err != nil {
			return
		}
		for i, s := range e.Scores {
			inRange := s.Score >= 0 && s.Score <= 1 && s.Percentile >= 0 && s.Percentile <= 1
			if !cveID.MatchString(s.CVE) || !inRange || i > 0 && e.Scores[i-1].CVE >= s.CVE {
				t.Fatalf("%+v", s)
			}
		}
	})
}
