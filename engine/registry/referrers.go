package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/vetoci/veto/engine"
)

// Referrer is an artifact that refers to a manifest: a signature, an attestation, an SBOM. That it is there is all that is known.
type Referrer struct {
	Digest       engine.Digest
	MediaType    string
	ArtifactType string   // of a manifest without one the type of its configuration; may be empty
	Predicates   []string // of attestations, where annotations name them; sorted
	Size         int64    // bytes of its manifest
	Annotations  map[string]string
	Source       string // SourceAPI, SourceTag or SourceCosign
}

// Where a referrer was found.
const (
	SourceAPI    = "api"        // distribution-spec 1.1, "Listing Referrers"
	SourceTag    = "tag"        // distribution-spec 1.1, "Referrers Tag Schema"
	SourceCosign = "cosign-tag" // sigstore's tags sha256-….sig, .att and .sbom, which are older than both
)

// Limits of the list of one manifest's referrers.
const (
	maxPages = 256
	maxList  = 16 << 20 // bytes of all pages
)

// Referrers lists what refers to the manifest d, sorted by digest and source; the same artifact may be found in two ways. Where the
// registry does not know the API, the tag that stands for it is read. What is not there is not listed; whatever else goes wrong is
// an error, and so is more than engine.MaxReferrers.
func (r *Repository) Referrers(ctx context.Context, d engine.Digest) ([]Referrer, error) {
	out, err := r.referrers(ctx, d)
	if err != nil {
		return nil, r.failure(ctx, fmt.Sprintf("what refers to %s in %s/%s", d.Short(), r.host(), r.repo.RepositoryStr()), err)
	}
	return out, nil
}

func (r *Repository) referrers(ctx context.Context, d engine.Digest) ([]Referrer, error) {
	if !validDigest(d) { // it becomes a part of addresses
		return nil, fmt.Errorf("%.100q is no digest", d)
	}
	out, known, err := r.listed(ctx, d)
	if err == nil && !known {
		out, err = r.tagged(ctx, d)
	}
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		m, err := r.find(ctx, tagOf(d)+suffix)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		a, err := artifactOf(m)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b Referrer) int {
		if c := strings.Compare(string(a.Digest), string(b.Digest)); c != 0 {
			return c
		}
		return strings.Compare(a.Source, b.Source)
	})
	return out, nil
}

// listed asks the API, page after page. known is false when the registry has none.
func (r *Repository) listed(ctx context.Context, d engine.Digest) (out []Referrer, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience*r.client.options.Timeout)
	defer cancel()
	at, size := r.address("referrers/"+string(d)), 0
	for n := 1; at != nil; n++ {
		if n > maxPages {
			return nil, false, &engine.LimitError{What: "number of pages", Limit: maxPages}
		}
		p, err := whole(ctx, r.client.options, func() (*page, error) { return r.page(ctx, at) })
		switch {
		case err != nil:
			return nil, false, err
		case p == nil && n == 1:
			return nil, false, nil
		case p == nil:
			return nil, false, fmt.Errorf("page %d of the list is not there", n)
		}
		if out = append(out, p.list...); len(out) > engine.MaxReferrers {
			return nil, false, &engine.LimitError{What: "number of artifacts", Limit: engine.MaxReferrers}
		}
		if size += p.size; size > maxList {
			return nil, false, &engine.LimitError{What: "size of the list", Limit: maxList}
		}
		at = p.next
	}
	return out, true, nil
}

// page is a part of the list, and where the next part is; nil when this was the last.
type page struct {
	list []Referrer
	size int // bytes
	next *url.URL
}

// page returns nil when the registry does not know what it is asked for.
func (r *Repository) page(ctx context.Context, at *url.URL) (_ *page, err error) {
	resp, err := r.send(ctx, at, http.Header{"Accept": {string(types.OCIImageIndex)}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
		return nil, nil // the specification has 404 alone; registries of before it say the others
	default:
		return nil, statusOf(resp)
	}
	switch kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case err != nil, kind != string(types.OCIImageIndex) && kind != "application/json":
		return nil, nil // a page for people, from a server that has an answer to everything
	}
	b, err := read(resp)
	if err != nil {
		return nil, err
	}
	p := &page{size: len(b)}
	if p.list, err = parseList(b, SourceAPI); err != nil {
		return nil, err
	}
	p.next, err = nextPage(at, resp.Header)
	return p, err
}

// tagged reads the tag that holds the list where there is no API.
func (r *Repository) tagged(ctx context.Context, d engine.Digest) ([]Referrer, error) {
	m, err := r.find(ctx, tagOf(d))
	if m == nil || err != nil {
		return nil, err
	}
	return parseList(m.Bytes, SourceTag)
}

// find reads a manifest, or returns nil when there is none.
func (r *Repository) find(ctx context.Context, tag string) (*Manifest, error) {
	m, err := r.get(ctx, tag)
	if status := (*statusError)(nil); errors.As(err, &status) && status.status == http.StatusNotFound {
		return nil, nil
	}
	return m, err
}

var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	// typeForm is a media type (RFC 6838, 4.2), bounded, or nothing.
	typeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(;[ -~]{0,255})?$`)
)

func validDigest(d engine.Digest) bool { return digestForm.MatchString(string(d)) }

// tagOf is the tag that stands for a digest: the algorithm, and at most 64 digits.
func tagOf(d engine.Digest) string {
	algorithm, digits, _ := strings.Cut(string(d), ":")
	return algorithm + "-" + digits[:min(len(digits), 64)]
}

// entry is a descriptor (image-spec descriptor.md) or the head of a manifest.
type entry struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Digest       engine.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations"`
}

// parseList reads an index of referrers.
func parseList(b []byte, source string) ([]Referrer, error) {
	var index struct {
		SchemaVersion int      `json:"schemaVersion"`
		Manifests     *[]entry `json:"manifests"`
	}
	if err := parse(b, &index); err != nil {
		return nil, err
	}
	if index.SchemaVersion != 2 || index.Manifests == nil {
		return nil, errors.New("the list of them is no index")
	}
	if len(*index.Manifests) > engine.MaxReferrers {
		return nil, &engine.LimitError{What: "number of artifacts", Limit: engine.MaxReferrers}
	}
	out := make([]Referrer, 0, len(*index.Manifests))
	for i, e := range *index.Manifests {
		a, err := e.referrer(source)
		if err != nil {
			return nil, fmt.Errorf("artifact %d of the list: %w", i+1, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// artifactOf makes a referrer of a manifest that cosign's name for it led to.
func artifactOf(m *Manifest) (Referrer, error) {
	var doc struct {
		entry
		Config entry   `json:"config"`
		Layers []entry `json:"layers"`
	}
	if err := parse(m.Bytes, &doc); err != nil {
		return Referrer{}, err
	}
	doc.Digest, doc.Size = m.Digest, int64(len(m.Bytes))
	if doc.ArtifactType == "" {
		doc.ArtifactType = doc.Config.MediaType
	}
	if doc.MediaType == "" {
		doc.MediaType = m.MediaType
	}
	a, err := doc.referrer(SourceCosign)
	if err != nil {
		return Referrer{}, err
	}
	for _, l := range doc.Layers {
		if p := predicate(l.Annotations); p != "" {
			a.Predicates = append(a.Predicates, p)
		}
	}
	slices.Sort(a.Predicates)
	a.Predicates = slices.Compact(a.Predicates)
	if len(a.Predicates) > maxPredicates {
		return Referrer{}, &engine.LimitError{What: "number of predicates", Limit: maxPredicates}
	}
	return a, nil
}

const maxPredicates = 256 // of one artifact

func parse(b []byte, v any) error {
	if err := engine.CheckDepth(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("it is no JSON of an artifact: %w", err)
	}
	return nil
}

// referrer checks what somebody wrote about an artifact.
func (e entry) referrer(source string) (Referrer, error) {
	size := 0
	for k, v := range e.Annotations {
		size += len(k) + len(v)
	}
	switch {
	case !validDigest(e.Digest):
		return Referrer{}, fmt.Errorf("%.100q is no digest", e.Digest)
	case e.Size < 0:
		return Referrer{}, fmt.Errorf("its size is %d", e.Size)
	case e.MediaType != "" && !typeForm.MatchString(e.MediaType), e.ArtifactType != "" && !typeForm.MatchString(e.ArtifactType):
		return Referrer{}, fmt.Errorf("%.100q or %.100q is no media type", e.MediaType, e.ArtifactType)
	case size > engine.MaxAnnotations:
		return Referrer{}, &engine.LimitError{What: "size of its annotations", Limit: engine.MaxAnnotations}
	}
	a := Referrer{Digest: e.Digest, MediaType: e.MediaType, ArtifactType: e.ArtifactType, Size: e.Size, Annotations: e.Annotations, Source: source}
	if p := predicate(e.Annotations); p != "" {
		a.Predicates = []string{p}
	}
	return a, nil
}

// predicate is what an attestation says it states: in BuildKit's words, those of sigstore's bundles, and cosign's older ones.
func predicate(annotations map[string]string) string {
	for _, key := range []string{"in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"} {
		if p := annotations[key]; p != "" && len(p) <= 512 {
			return p
		}
	}
	return ""
}
