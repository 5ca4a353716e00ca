package feed

import (
	"context"
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

const kev = `{"title":"t","dateReleased":"2025-08-25T17:04:19.9796Z","count":2,"vulnerabilities":[
	{"cveID":"CVE-2025-48384","dateAdded":"2025-08-25","product":"Git"},{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10"}]}`

func TestKEV(t *testing.T) {
	want := &KEV{AsOf: "2025-08-25T17:04:19Z", Entries: []advisory.KEVEntry{{CVE: "CVE-2021-44228", Added: "2021-12-10"},
		{CVE: "CVE-2025-48384", Added: "2025-08-25"}}}
	got, err := ParseKEV([]byte(kev))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for name, c := range map[string]struct{ data, want string }{
		"empty":            {"", "not JSON"},
		"page":             {"<html>", "not JSON"},
		"cut":              {kev[:100], "not JSON"},
		"other JSON":       {"{}", `no "vulnerabilities"`},
		"null":             {"null", `no "vulnerabilities"`},
		"list":             {"[]", "not JSON"},
		"more after":       {kev + "{}", "follows"},
		"wrong count":      {strings.Replace(kev, `"count":2`, `"count":3`, 1), "has 2"},
		"no CVE":           {strings.Replace(kev, "CVE-2021-44228", "CVE-44228", 1), "no CVE id"},
		"no day":           {strings.Replace(kev, "2021-12-10", "yesterday", 1), "no day"},
		"twice":            {strings.Replace(kev, "CVE-2021-44228", "CVE-2025-48384", 1), "twice"},
		"no date of its":   {strings.Replace(kev, "2025-08-25T17:04:19.9796Z", "today", 1), "no time"},
		"number for a CVE": {strings.Replace(kev, `"CVE-2021-44228"`, "1", 1), "not JSON"},
	} {
		if _, err := ParseKEV([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestCatalogue(t *testing.T) {
	ctx := context.Background()
	undated := strings.Replace(kev, `"dateReleased":"2025-08-25T17:04:19.9796Z",`, "", 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kev.json":
			w.Header().Set("Last-Modified", lastModified)
			fmt.Fprint(w, kev)
		case "/undated.json":
			w.Header().Set("Last-Modified", lastModified)
			fmt.Fprint(w, undated)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	for path, want := range map[string]string{"/kev.json": "2025-08-25T17:04:19Z", "/undated.json": "2026-11-22T08:00:00Z"} {
		k, err := FetchKEV(ctx, s.URL+path, Options{})
		if err != nil || k.AsOf != want || len(k.Entries) != 2 {
			t.Errorf("%s: %+v, %v", path, k, err)
		}
	}
	path := filepath.Join(t.TempDir(), "kev.json")
	if err := os.WriteFile(path, []byte(undated), 0o644); err != nil {
		t.Fatal(err)
	}
	if k, err := FetchKEV(ctx, path, Options{}); err != nil || k.AsOf != "" || k.Name != path {
		t.Errorf("%+v, %v", k, err)
	}
	for _, location := range []string{s.URL + "/absent", path + "x", "http://example.test/kev.json"} {
		if _, err := FetchKEV(ctx, location, Options{}); err == nil {
			t.Errorf("%s: no error", location)
		}
	}
}

// A catalogue that cannot be read whole is an error, although its first part might parse.
func TestUnreadableCatalogue(t *testing.T) {
	if k, err := FetchKEV(t.Context(), t.TempDir(), Options{}); err == nil {
		t.Errorf("a directory reads as %+v", k)
	}
}

// The real catalogue parses whole.
func TestRealKEV(t *testing.T) {
	dir := os.Getenv("VETO_TESTDATA")
	if dir == "" {
		t.Skip("no VETO_TESTDATA")
	}
	k, err := FetchKEV(context.Background(), filepath.Join(dir, "kev", "known_exploited_vulnerabilities.json"), Options{})
	if err != nil || len(k.Entries) < 1000 || k.AsOf == "" {
		t.Errorf("%+v, %v", k, err)
	}
}

func FuzzKEV(f *testing.F) {
	f.Add([]byte(kev))
	f.Add([]byte(`{"vulnerabilities":[]}`))
	f.Add([]byte(`{"vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10"}],"count":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseKEV(data)
		if err != nil {
			return
		}
		for i, e := range k.Entries {
			if !cveID.MatchString(e.CVE) || e.Added == "" || i > 0 && k.Entries[i-1].CVE >= e.CVE {
				t.Fatalf("entry %d is %+v", i, e)
			}
		}
	})
}
