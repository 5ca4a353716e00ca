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

// The values of engine.Referrer.Source for what a registry lists.
const (
	sourceAPI    = "api"        // distribution-spec 1.1, "Listing Referrers"
	sourceTag    = "tag"        // distribution-spec 1.1, "Referrers Tag Schema"
	sourceCosign = "cosign-tag" // sigstore's tags sha256-….sig, .att and .sbom, which are older than both
)

// Limits of the list of one manifest's referrers: engine.MaxReferrers of them fit when each page has 16, of 4 KiB
// each.
const (
	maxPages = 256
	maxList  = 16 << 20 // bytes of all pages
)

// Referrers lists what refers to the manifest d, sorted by digest and source. An artifact that is found in two ways is listed twice. Where
// the registry has no API for it, the tag that holds the list is read. An artifact that is not there is not listed; any other fault is an
// error, and so are more than engine.MaxReferrers artifacts.
func (r *Repository) Referrers(ctx context.Context, d engine.Digest) ([]engine.Referrer, error) {
	out, err := r.referrers(ctx, d)
	if err != nil {
		return nil, r.failure(ctx, fmt.Sprintf("what refers to %s in %s/%s", d.Short(), r.host(), r.repo.RepositoryStr()), err)
	}
	return out, nil
}

func (r *Repository) referrers(ctx context.Context, d engine.Digest) ([]engine.Referrer, error) {
	if !validDigest(d) { // it becomes part of a URL
		return nil, fmt.Errorf("%.100q is no digest", d)
	}
	out, known, err := r.listReferrers(ctx, d)
	if err == nil && !known {
		out, err = r.taggedReferrers(ctx, d)
	}
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{".sig", ".att", ".sbom"} {
		m, err := r.manifestIfAny(ctx, tagOf(d)+suffix)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		a, err := cosignReferrer(m)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	for i := range out {
		out[i].Subject = d
	}
	slices.SortStableFunc(out, func(a, b engine.Referrer) int {
		if c := strings.Compare(string(a.Digest), string(b.Digest)); c != 0 {
			return c
		}
		return strings.Compare(a.Source, b.Source)
	})
	return out, nil
}

// listReferrers asks the API, page after page. known is false when the registry has none.
func (r *Repository) listReferrers(ctx context.Context, d engine.Digest) (out []engine.Referrer, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeouts*r.client.options.Timeout)
	defer cancel()
	at, size := r.address("referrers/"+string(d)), 0
	for n := 1; at != nil; n++ {
		if n > maxPages {
			return nil, false, &engine.LimitError{What: "number of pages", Limit: maxPages}
		}
		p, err := retryTruncated(ctx, r.client.options, func() (*page, error) { return r.page(ctx, at) })
		switch {
		case err != nil:
			return nil, false, err
		case p == nil && n == 1:
			return nil, false, nil
		case p == nil:
			return nil, false, fmt.Errorf("page %d of the list is not there", n)
		}
		if out = append(out, p.referrers...); len(out) > engine.MaxReferrers {
			return nil, false, &engine.LimitError{What: "number of artifacts", Limit: engine.MaxReferrers}
		}
		if size += p.size; size > maxList {
			return nil, false, &engine.LimitError{What: "size of the list", Limit: maxList}
		}
		at = p.next
	}
	return out, true, nil
}

// page is one page of the list.
type page struct {
	referrers []engine.Referrer
	size      int      // bytes
	next      *url.URL // nil for the last page
}

// page reads a page of the list; nil when the registry has none there.
func (r *Repository) page(ctx context.Context, at *url.URL) (_ *page, err error) {
	resp, err := r.send(ctx, at, http.Header{"Accept": {string(types.OCIImageIndex)}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
		return nil, nil // the specification has 404 alone; older registries answer with one of the others
	default:
		return nil, readStatus(resp)
	}
	switch kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case err != nil, kind != string(types.OCIImageIndex) && kind != "application/json":
		return nil, nil // a server that answers every path with a page for people
	}
	b, err := readBody(resp)
	if err != nil {
		return nil, err
	}
	p := &page{size: len(b)}
	if p.referrers, err = parseReferrers(b, sourceAPI); err != nil {
		return nil, err
	}
	p.next, err = nextPage(at, resp.Header)
	return p, err
}

// taggedReferrers reads the tag that holds the list where there is no API.
func (r *Repository) taggedReferrers(ctx context.Context, d engine.Digest) ([]engine.Referrer, error) {
	m, err := r.manifestIfAny(ctx, tagOf(d))
	if m == nil || err != nil {
		return nil, err
	}
	return parseReferrers(m.Bytes, sourceTag)
}

// manifestIfAny reads the manifest of a tag; nil when there is none.
func (r *Repository) manifestIfAny(ctx context.Context, tag string) (*Manifest, error) {
	m, err := r.readManifest(ctx, tag)
	if status := (*statusError)(nil); errors.As(err, &status) && status.status == http.StatusNotFound {
		return nil, nil
	}
	return m, err
}

var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	// mediaTypeForm is a media type of bounded length, with parameters (RFC 6838, 4.2).
	mediaTypeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(;[ -~]{0,255})?$`)
)

func validDigest(d engine.Digest) bool { return digestForm.MatchString(string(d)) }

// tagOf is the tag that stands for a digest in the Referrers Tag Schema: the algorithm, and at most 64 digits.
func tagOf(d engine.Digest) string {
	algorithm, digits, _ := strings.Cut(string(d), ":")
	return algorithm + "-" + digits[:min(len(digits), 64)]
}

// descriptor is a descriptor (image-spec descriptor.md), or those fields of a manifest that are also a descriptor's.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Digest       engine.Digest     `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations"`
}

// parseReferrers reads an index of referrers. The caller sets their Subject.
func parseReferrers(b []byte, source string) ([]engine.Referrer, error) {
	var index struct {
		SchemaVersion int           `json:"schemaVersion"`
		Manifests     *[]descriptor `json:"manifests"`
	}
	if err := parseJSON(b, &index); err != nil {
		return nil, err
	}
	if index.SchemaVersion != 2 || index.Manifests == nil {
		return nil, errors.New("the list of them is no index")
	}
	if len(*index.Manifests) > engine.MaxReferrers {
		return nil, &engine.LimitError{What: "number of artifacts", Limit: engine.MaxReferrers}
	}
	out := make([]engine.Referrer, 0, len(*index.Manifests))
	for i, e := range *index.Manifests {
		a, err := e.referrer(source)
		if err != nil {
			return nil, fmt.Errorf("artifact %d of the list: %w", i+1, err)
		}
		out = append(out, a)
	}
	return out, nil
}

// cosignReferrer makes a referrer of a manifest that one of cosign's tags names. The caller sets its Subject.
func cosignReferrer(m *Manifest) (engine.Referrer, error) {
	var doc struct {
		descriptor
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	if err := parseJSON(m.Bytes, &doc); err != nil {
		return engine.Referrer{}, err
	}
	doc.Digest, doc.Size = m.Digest, int64(len(m.Bytes))
	if doc.ArtifactType == "" {
		doc.ArtifactType = doc.Config.MediaType
	}
	if doc.MediaType == "" {
		doc.MediaType = m.MediaType
	}
	a, err := doc.referrer(sourceCosign)
	if err != nil {
		return engine.Referrer{}, err
	}
	for _, l := range doc.Layers {
		if p := predicateType(l.Annotations); p != "" {
			a.Predicates = append(a.Predicates, p)
		}
	}
	slices.Sort(a.Predicates)
	a.Predicates = slices.Compact(a.Predicates)
	if len(a.Predicates) > maxPredicates {
		return engine.Referrer{}, &engine.LimitError{What: "number of predicates", Limit: maxPredicates}
	}
	return a, nil
}

// maxPredicates is how many types of predicates one artifact may name: cosign writes one for each layer of an attestation.
const maxPredicates = 256

// parseJSON reads JSON of limited depth into v.
func parseJSON(b []byte, v any) error {
	if err := engine.CheckDepth(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("it is no JSON of an artifact: %w", err)
	}
	return nil
}

// referrer checks a descriptor of an artifact, which anybody may have written, and makes a referrer of it. The caller sets its Subject.
func (e descriptor) referrer(source string) (engine.Referrer, error) {
	size := 0
	for k, v := range e.Annotations {
		size += len(k) + len(v)
	}
	switch {
	case !validDigest(e.Digest):
		return engine.Referrer{}, fmt.Errorf("%.100q is no digest", e.Digest)
	case e.Size < 0:
		return engine.Referrer{}, fmt.Errorf("its size is %d", e.Size)
	case e.MediaType != "" && !mediaTypeForm.MatchString(e.MediaType), e.ArtifactType != "" && !mediaTypeForm.MatchString(e.ArtifactType):
		return engine.Referrer{}, fmt.Errorf("%.100q or %.100q is no media type", e.MediaType, e.ArtifactType)
	case size > engine.MaxAnnotations:
		return engine.Referrer{}, &engine.LimitError{What: "size of its annotations", Limit: engine.MaxAnnotations}
	}
	a := engine.Referrer{Digest: e.Digest, MediaType: e.MediaType, ArtifactType: engine.Maybe(e.ArtifactType), Size: e.Size, Source: source}
	if p := predicateType(e.Annotations); p != "" {
		a.Predicates = []string{p}
	}
	return a, nil
}

// predicateType returns the type of what an attestation states, from the annotation that BuildKit, sigstore's bundles or older versions of
// cosign use for it; empty when there is none.
func predicateType(annotations map[string]string) string {
	for _, key := range []string{"in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"} {
		if p := annotations[key]; p != "" && len(p) <= 512 {
			return p
		}
	}
	return ""
}
