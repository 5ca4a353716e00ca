package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestPlain(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:5000": true, "127.8.8.8": true, "[::1]:5000": true, "localhost": true, "localhost:80": true,
		"10.0.0.1:5000": false, "192.168.1.1": false, "x.localhost": false, "localhost.example.com": false, "ghcr.io": false,
		"0.0.0.0:5000": false, "127.0.0.1.example.com": false,
	} {
		if got := New(Options{}).allowsPlain(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
		if !New(Options{PlainHTTP: true}).allowsPlain(host) {
			t.Errorf("%s is refused though plain HTTP was asked for", host)
		}
	}
	// What a redirect or a token service leads to goes the same way.
	w := &retryTransport{inner: http.DefaultTransport, options: New(Options{}).options}
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
		if got := r.sanitize(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("bytes 5-9/10", "120", "text/html")
	f.Add("bytes 5-9/*", "Mon, 23 Nov 2026 12:00:30 GMT", "application/vnd.oci.image.index.v1+json; charset=utf-8")
	f.Add("bytes */10", "-1", ";")
	f.Fuzz(func(t *testing.T, span, after, kind string) {
		if (&blob{offset: 5, end: 10, size: 10}).checkRange(span) == nil && !strings.Contains(span, "5-9/") {
			t.Errorf("the range %q passes", span)
		}
		if d, ok := retryAfter(http.Header{"Retry-After": {after}, "Date": {"Mon, 23 Nov 2026 12:00:00 GMT"}}); d < 0 || !ok && d != 0 {
			t.Errorf("Retry-After %q is %s", after, d)
		}
		if got := mediaType(kind); got != "" && !strings.HasPrefix(got, "application/vnd.") {
			t.Errorf("%q is %q", kind, got)
		}
		r := &Repository{client: New(Options{})}
		if got := r.sanitize(span + after + kind); strings.ContainsAny(got, "\n\x1b") || len(got) > 410 {
			t.Errorf("%q is not clean", got)
		}
	})
}

func FuzzReferrers(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:`+strings.Repeat("0",
		64)+`","size":1,"annotations":{"predicateType":"x"}}]}`), `</v2/x?n=1>; rel="next"`)
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a/b"},"layers":[{"annotations":{"predicateType":"x"}}]}`),
		`<a>; rel=prev, <b,c>; title="d, e"; rel="x next"`)
	f.Fuzz(func(t *testing.T, b []byte, link string) {
		list, err := parseReferrers(b, sourceAPI)
		if a, e := cosignReferrer(&Manifest{Bytes: b, Digest: digestOf("sha256", b)}); e == nil {
			list, err = append(list, a), nil
		}
		for _, a := range list {
			if err == nil && (!validDigest(a.Digest) || a.Size < 0 || strings.ContainsAny(a.MediaType+string(a.ArtifactType), "\n\x1b")) {
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

func TestCertDirNames(t *testing.T) {
	dir := t.TempDir()
	write := func(path ...string) {
		name := filepath.Join(append([]string{dir}, path...)...)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("no certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("certs.d", "a.test", "ca.crt")
	write("certs.d", "b.test:5000", "ca.crt")
	write("certs.d", "c.test") // a file
	write("x.crt")
	c := New(Options{CertDirs: []string{filepath.Join(dir, "x.crt"), filepath.Join(dir, "certs.d")}})
	for host, read := range map[string]bool{"a.test": true, "a.test:443": true, "a.test:5000": false, "b.test:5000": true, "b.test": false,
		"c.test": false, "..": false, "../x": false, "": false} {
		if _, err := c.readCerts(host); (err != nil) != read {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestArtifacts(t *testing.T) {
	layers := func(n, size int) string {
		var l []string
		for i := range n {
			l = append(l, fmt.Sprintf(`{"annotations":{"predicateType":"%d%s"}}`, i, strings.Repeat("x", size)))
		}
		return `{"schemaVersion":2,"layers":[` + strings.Join(l, ",") + `]}`
	}
	for text, says := range map[string]string{
		layers(maxPredicates, 0):                        "",
		layers(maxPredicates+1, 0):                      "limit of 256",
		layers(maxPredicates+1, 512):                    "", // nothing that names a type
		`{"mediaType":"x"}`:                             "no media type",
		`{"config":{"mediaType":"x"}}`:                  "no media type",
		`{"layers":{}}`:                                 "no JSON",
		`{"annotations":{"a":1}}`:                       "no JSON",
		`{"config":{"size":-1},"layers":[{"size":-1}]}`: "",
	} {
		b := []byte(text)
		_, err := cosignReferrer(&Manifest{Bytes: b, Digest: digestOf("sha256", b)})
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, want %q", text, err, says)
		}
	}
	if got := tagOf(engine.Digest("sha512:" + strings.Repeat("ab", 64))); got != "sha512-"+strings.Repeat("ab", 32) {
		t.Errorf("the tag of a long digest is %s", got)
	}
	for link, want := range map[string]string{`<a>; rel="next"`: "a", `<a>; rel=prev, <b>; REL="Next last"`: "b", `<a`: "",
		`a; rel=next`: "", `<a>`: "", `<a>; title="rel=next"`: "",
		`<a>; rel="prev"; x="<b>; rel=next"`: "", `,<c>;rel=next`: "c"} {
		if got, ok := nextLink(link); got != want || ok != (want != "") {
			t.Errorf("%s leads to %q", link, got)
		}
	}
}
