package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

const (
	indexType = "application/vnd.oci.image.index.v1+json"
	sbomType  = "application/vnd.example.sbom+json"
)

func digestN(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// listOf is an index of descriptors with these digests.
func listOf(numbers ...int) string {
	entries := []string{}
	for _, n := range numbers {
		entries = append(entries, fmt.Sprintf(`{"mediaType":%q,"artifactType":%q,"digest":%q,"size":%d,"annotations":{"n":"%d"}}`, manifestType,
			sbomType, digestN(n), n, n))
	}
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, indexType, strings.Join(entries, ","))
}

func referrerN(n int, source string) engine.Referrer {
	return engine.Referrer{Digest: engine.Digest(digestN(n)), Subject: digest(manifest), MediaType: manifestType, ArtifactType: sbomType,
		Size: int64(n), Source: source}
}

func index(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", indexType)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		fmt.Fprint(w, body)
	}
}

func referrers(t *testing.T, f fault) ([]engine.Referrer, *requests, error) {
	t.Helper()
	address, seen := serve(t, f)
	r, m, err := registry.New(options()).Resolve(t.Context(), address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, err := r.Referrers(t.Context(), m.Digest)
	return out, seen, err
}

func tag() string { return strings.Replace(string(digest(manifest)), ":", "-", 1) }

func TestReferrersAPI(t *testing.T) {
	pages := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != indexType {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		switch r.URL.Query().Get("page") {
		case "":
			index(listOf(3, 1), "Link", `</v2/other>; rel="prev", <`+r.URL.Path+`?page=2&x=<a,b>; title="a, b"; rel="last next"`)(w, r)
		case "2":
			index(listOf(), "Link", `<?page=3>;rel=next`)(w, r)
		default:
			index(listOf(2), "Link", `</v2/x>; rel="prev"`)(w, r)
		}
	}
	got, seen, err := referrers(t, always("/referrers/", pages))
	want := []engine.Referrer{referrerN(1, "api"), referrerN(2, "api"), referrerN(3, "api")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if n := seen.of("/referrers/" + string(digest(manifest))); n != 3 || seen.of("/manifests/"+tag()) != 3 {
		t.Errorf("%d pages, %d tags", n, seen.of("/manifests/"+tag()))
	}
	got, _, err = referrers(t, always("/referrers/", index(listOf())))
	if err != nil || len(got) != 0 {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	got, seen, err = referrers(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		return always("/referrers/", func(w http.ResponseWriter, r *http.Request) {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			body := listOf(1)
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			index(body[:len(body)-len(body)*(3-min(n, 3))/2])(w, r)
		})(w, r, n)
	})
	if diff := cmp.Diff([]engine.Referrer{referrerN(1, "api")}, got); err != nil || diff != "" || seen.of("/referrers/") != 3 {
		t.Errorf("after a failure and a cut: %v after %d requests, -want +got:\n%s", err, seen.of("/referrers/"), diff)
	}
}

// Without the API there is a tag, and without the tag nothing.
func TestReferrersTag(t *testing.T) {
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>")
	}
	for what, absent := range map[string]http.HandlerFunc{"404": status(404), "400": status(400), "405": status(405), "406": status(406),
		"501": status(501), "html": html} {
		t.Run(what, func(t *testing.T) {
			got, _, err := referrers(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
				return always("/referrers/", absent)(w, r, n) || always("/manifests/"+tag(), func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, tag()) {
						index(listOf(2, 1))(w, r)
						return
					}
					w.WriteHeader(http.StatusNotFound)
				})(w, r, n)
			})
			if diff := cmp.Diff([]engine.Referrer{referrerN(1, "tag"), referrerN(2, "tag")}, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
			if got, _, err = referrers(t, always("/referrers/", absent)); err != nil || len(got) != 0 {
				t.Errorf("without the tag: %v, %v", got, err)
			}
		})
	}
}

func TestReferrersCosign(t *testing.T) {
	const config = "application/vnd.oci.image.config.v1+json"
	att := `{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{"mediaType":"` + config + `","digest":"x","size":1},"layers":[
		{"annotations":{"predicateType":"https://slsa.dev/provenance/v1"}},{"annotations":{"predicateType":"https://cyclonedx.org/bom"}},
		{"annotations":{"predicateType":"https://cyclonedx.org/bom"}},{"annotations":null},{}],"annotations":{"a":"b"}}`
	sig := `{"schemaVersion":2,"config":{"mediaType":"` + config + `"},"artifactType":"application/vnd.example.sig"}`
	got, _, err := referrers(t, func(w http.ResponseWriter, r *http.Request, n int) bool {
		for suffix, body := range map[string]string{".att": att, ".sig": sig} {
			if strings.HasSuffix(r.URL.Path, "/manifests/"+tag()+suffix) {
				w.Header().Set("Content-Type", manifestType)
				fmt.Fprint(w, body)
				return true
			}
		}
		return always("/referrers/", index(listOf(1)))(w, r, n)
	})
	want := []engine.Referrer{referrerN(1, "api"),
		{Digest: digest([]byte(att)), Subject: digest(manifest), MediaType: manifestType, ArtifactType: config, Size: int64(len(att)),
			Predicates: []string{"https://cyclonedx.org/bom", "https://slsa.dev/provenance/v1"}, Source: "cosign-tag"},
		{Digest: digest([]byte(sig)), Subject: digest(manifest), MediaType: manifestType, ArtifactType: "application/vnd.example.sig",
			Size: int64(len(sig)), Source: "cosign-tag"}}
	slices.SortFunc(want, func(a, b engine.Referrer) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// Whatever goes wrong but absence is an error, with what was asked for.
func TestReferrersFaults(t *testing.T) {
	many := make([]int, engine.MaxReferrers+1)
	annotated := func(n int) string {
		b, err := json.Marshal(map[string]string{"in-toto.io/predicate-type": strings.Repeat("x", n)})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":1,"annotations":%s}]}`, manifestType, digestN(1),
			b)
	}
	entry := func(s string) string { return `{"schemaVersion":2,"manifests":[` + s + `]}` }
	endless := func(w http.ResponseWriter, r *http.Request) { index(listOf(), "Link", `<?again>; rel="next"`)(w, r) }
	cut := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", indexType)
		cutAfter([]byte("{"), 100)(w, r)
	}
	heavy := func(w http.ResponseWriter, r *http.Request) {
		index(listOf(), "Link", `<?again>; rel="next"`)(w, r)
		fmt.Fprint(w, strings.Repeat(" ", 3<<20))
	}
	for what, c := range map[string]struct {
		f    fault
		says string
	}{
		"403":              {always("/referrers/", status(403)), "403 Forbidden"},
		"500":              {always("/referrers/", status(500)), "500 Internal"},
		"tag refused":      {always("/manifests/"+tag(), status(403)), "403 Forbidden"},
		"cosign refused":   {always("/manifests/"+tag()+".att", status(401)), "401"},
		"cut":              {always("/referrers/", cut), "unexpected EOF"},
		"no JSON":          {always("/referrers/", index("{")), "no JSON"},
		"no index":         {always("/referrers/", index("{}")), "no index"},
		"another version":  {always("/referrers/", index(`{"schemaVersion":1,"manifests":[]}`)), "no index"},
		"tag is no index":  {always("/manifests/"+tag(), send(manifest)), "no index"},
		"depth":            {always("/referrers/", index(strings.Repeat("[", 200))), "depth of JSON"},
		"number":           {always("/referrers/", index(listOf(many...))), "limit of 4096"},
		"size":             {always("/referrers/", index(strings.Repeat(" ", engine.MaxManifest+1))), "limit of 4194304"},
		"pages":            {always("/referrers/", endless), "limit of 256"},
		"size of pages":    {always("/referrers/", heavy), "limit of 16777216"},
		"annotations":      {always("/referrers/", index(annotated(engine.MaxAnnotations))), "limit of 65536"},
		"no digest":        {always("/referrers/", index(entry(`{"digest":"sha256:../x"}`))), "artifact 1 of the list"},
		"size below zero":  {always("/referrers/", index(entry(`{"digest":"`+digestN(1)+`","size":-1}`))), "its size is -1"},
		"no media type":    {always("/referrers/", index(entry(`{"digest":"`+digestN(1)+`","mediaType":"a\nb/c"}`))), "no media type"},
		"no artifact type": {always("/referrers/", index(entry(`{"digest":"`+digestN(1)+`","artifactType":"x"}`))), "no media type"},
		"elsewhere":        {always("/referrers/", index(listOf(), "Link", `<https://192.0.2.1/v2/x>; rel="next"`)), "which is elsewhere"},
		"another page":     {always("/referrers/", index(listOf(), "Link", `</admin>; rel="next"`)), "which is elsewhere"},
		"no address":       {always("/referrers/", index(listOf(), "Link", `<http://%zz>; rel="next"`)), "which is elsewhere"},
		"a page missing": {always("/referrers/", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "" {
				w.WriteHeader(404)
				return
			}
			index(listOf(1), "Link", `<?page=2>; rel="next"`)(w, r)
		}), "page 2 of the list is not there"},
		"cosign's is no JSON": {always("/manifests/"+tag()+".sig", send([]byte("x"))), "no JSON"},
	} {
		t.Run(what, func(t *testing.T) {
			f := func(w http.ResponseWriter, r *http.Request, n int) bool {
				return c.f(w, r, n) || always("/referrers/", status(404))(w, r, n)
			}
			_, _, err := referrers(t, f)
			check(t, err, c.says, "")
			if !strings.Contains(err.Error(), "what refers to "+digest(manifest).Short()) {
				t.Errorf("it does not say what was asked: %v", err)
			}
		})
	}
	address, _ := serve(t, nil)
	r, _, err := registry.New(options()).Resolve(t.Context(), address+"/shop/web:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []engine.Digest{"", "sha256:x", "md5:00", "../x"} {
		if _, err := r.Referrers(t.Context(), d); err == nil || errors.Is(err, registry.ErrNoRanges) {
			t.Errorf("%q: %v", d, err)
		}
	}
}
