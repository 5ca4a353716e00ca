package registry

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.8.8.8": true, "[::1]:5000": true, "localhost": true, "localhost:80": true,
		"10.0.0.1:5000": false, "192.168.1.1": false, "x.localhost": false, "localhost.example.com": false, "ghcr.io": false, "0.0.0.0:5000": false, "127.0.0.1.example.com": false,
	} {
		if got := New(Options{}).plain(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
		if !New(Options{PlainHTTP: true}).plain(host) {
			t.Errorf("%s is refused though plain HTTP was asked for", host)
		}
	}
	// What a redirect or a token service leads to goes the same way.
	w := &wire{inner: http.DefaultTransport, options: New(Options{}).options}
	for _, u := range []string{"http://127.0.0.1:1/", "ftp://127.0.0.1:1/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := w.RoundTrip(req); !errors.Is(err, errPlain) {
			t.Errorf("%s: %v", u, err)
			resp.Body.Close()
		}
	}
}

func TestClean(t *testing.T) {
	r := &Repository{client: New(Options{User: "u", Password: "hunter2"})}
	for in, want := range map[string]string{
		"dial tcp: refused":                            "dial tcp: refused",
		`Get "https://cdn.example/x?sig=abc&b=c": EOF`: `Get "https://cdn.example/x": EOF`,
		"proxy http://me:pw@proxy:3128 refused":        "proxy http://proxy:3128 refused",
		"a\nb\x1b[31m hunter2":                         "a b [31m …",
	} {
		if got := r.clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("bytes 5-9/10", "120", "text/html")
	f.Add("bytes 5-9/*", "Mon, 23 Nov 2026 12:00:30 GMT", "application/vnd.oci.image.index.v1+json; charset=utf-8")
	f.Add("bytes */10", "-1", ";")
	f.Fuzz(func(t *testing.T, span, after, kind string) {
		if (&blob{at: 5, end: 10, size: 10}).checkRange(span) == nil && !strings.Contains(span, "5-9/") {
			t.Errorf("the range %q passes", span)
		}
		if d, ok := retryAfter(http.Header{"Retry-After": {after}, "Date": {"Mon, 23 Nov 2026 12:00:00 GMT"}}); d < 0 || !ok && d != 0 {
			t.Errorf("Retry-After %q is %s", after, d)
		}
		if got := mediaType(kind); got != "" && !strings.HasPrefix(got, "application/vnd.") {
			t.Errorf("%q is %q", kind, got)
		}
		r := &Repository{client: New(Options{})}
		if got := r.clean(span + after + kind); strings.ContainsAny(got, "\n\x1b") || len(got) > 410 {
			t.Errorf("%q is not clean", got)
		}
	})
}

func FuzzReferrers(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:`+strings.Repeat("0", 64)+`","size":1,"annotations":{"predicateType":"x"}}]}`), `</v2/x?n=1>; rel="next"`)
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a/b"},"layers":[{"annotations":{"predicateType":"x"}}]}`), `<a>; rel=prev, <b,c>; title="d, e"; rel="x next"`)
	f.Fuzz(func(t *testing.T, b []byte, link string) {
		list, err := parseList(b, SourceAPI)
		if a, e := artifactOf(&Manifest{Bytes: b, Digest: digestOf("sha256", b)}); e == nil {
			list, err = append(list, a), nil
		}
		for _, a := range list {
			if err == nil && (!validDigest(a.Digest) || a.Size < 0 || strings.ContainsAny(a.MediaType+a.ArtifactType, "\n\x1b")) {
				t.Errorf("%+v passes", a)
			}
		}
		at := &url.URL{Scheme: "https", Host: "registry.test", Path: "/v2/a/referrers/x"}
		next, err := nextPage(at, http.Header{"Link": {link}})
		if err == nil && next != nil && (next.Scheme != "https" || next.Host != at.Host || !strings.HasPrefix(next.Path, "/v2/")) {
			t.Errorf("%q leads to %s", link, next)
		}
	})
}
