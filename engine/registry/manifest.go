package registry

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/vetoci/veto/engine"
)

// Manifest is a manifest or index as the registry keeps it.
type Manifest struct {
	Bytes  []byte
	Digest engine.Digest // of Bytes: the one that was asked for or that the registry promises, else their sha256
	// MediaType is what the registry says; empty when that says nothing about a manifest ("application/json").
	MediaType string
}

// Manifest reads a manifest or index of this repository, at most engine.MaxManifest bytes, and checks its digest.
func (r *Repository) Manifest(ctx context.Context, d engine.Digest) (*Manifest, error) {
	m, err := r.readManifest(ctx, string(d))
	if err != nil {
		return nil, r.failure(ctx, fmt.Sprintf("the manifest %s of %s/%s", d.Short(), r.host(), r.repo.RepositoryStr()), err)
	}
	return m, nil
}

// accepted lists the media types of manifests, for an Accept header. Docker's obsolete schema 1 is among them, because registries would
// otherwise say that such an image does not exist.
func accepted() string {
	return strings.Join([]string{
		string(types.OCIManifestSchema1), string(types.OCIImageIndex), string(types.DockerManifestSchema2), string(types.DockerManifestList),
		string(types.DockerManifestSchema1Signed), string(types.DockerManifestSchema1),
	}, ", ")
}

// readManifest reads the manifest of a tag or digest, again when the connection is cut.
func (r *Repository) readManifest(ctx context.Context, identifier string) (*Manifest, error) {
	ctx, cancel := context.WithTimeout(ctx, totalTimeouts*r.client.options.Timeout)
	defer cancel()
	return retryTruncated(ctx, r.client.options, func() (*Manifest, error) { return r.readManifestOnce(ctx, identifier) })
}

// retryTruncated calls ask again as long as its answer is truncated, up to attempts times in all.
func retryTruncated[T any](ctx context.Context, o Options, ask func() (T, error)) (T, error) {
	for attempt := 1; ; attempt++ {
		answer, err := ask()
		if cut := (*truncatedError)(nil); err == nil || attempt >= attempts || ctx.Err() != nil || !errors.As(err, &cut) {
			return answer, err
		}
		if err := o.Sleep(ctx, firstPause<<(2*(attempt-1))); err != nil {
			return answer, err
		}
	}
}

// truncatedError is a body whose connection was cut.
type truncatedError struct{ err error }

func (e *truncatedError) Error() string { return e.err.Error() }
func (e *truncatedError) Unwrap() error { return e.err }

func (r *Repository) readManifestOnce(ctx context.Context, identifier string) (m *Manifest, err error) {
	resp, err := r.get(ctx, "manifests/"+identifier, http.Header{"Accept": {accepted()}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, readStatus(resp)
	}
	b, err := readBody(resp)
	if err != nil {
		return nil, err
	}
	m = &Manifest{Bytes: b, MediaType: mediaType(resp.Header.Get("Content-Type"))}
	want := engine.Digest(identifier)
	if !strings.Contains(identifier, ":") {
		want = engine.Digest(resp.Header.Get("Docker-Content-Digest"))
		if !strings.HasPrefix(string(want), "sha256:") {
			want = digestOf("sha256", b) // the registry does not say which digest the tag has
		}
	}
	algorithm, _, _ := strings.Cut(string(want), ":")
	m.Digest = digestOf(algorithm, b)
	if m.Digest != want {
		return nil, engine.Hint(fmt.Errorf("it has the digest %s, not %s", m.Digest, want),
			"the registry, or a proxy before it, sends something else than it was asked for")
	}
	return m, nil
}

// readBody reads the body of an answer, at most engine.MaxManifest bytes.
func readBody(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > engine.MaxManifest {
		return nil, &engine.LimitError{What: "size of the manifest", Limit: engine.MaxManifest}
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, engine.MaxManifest+1))
	switch {
	case err != nil:
		return nil, &truncatedError{err}
	case len(b) > engine.MaxManifest:
		return nil, &engine.LimitError{What: "size of the manifest", Limit: engine.MaxManifest}
	}
	return b, nil
}

// mediaType returns the media type of a Content-Type, without parameters; empty when it is not one of a vendor's and so says nothing about
// a manifest.
func mediaType(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(t, "application/vnd.") {
		return ""
	}
	return t
}

// digestOf returns the digest of b; empty for an algorithm that image-spec does not register (descriptor.md, "Registered Algorithms").
func digestOf(algorithm string, b []byte) engine.Digest {
	var h hash.Hash
	switch algorithm {
	case "sha256":
		h = sha256.New()
	case "sha512":
		h = sha512.New()
	default:
		return ""
	}
	h.Write(b)
	return engine.Digest(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}

// get requests a path below the repository's. The caller checks the status and closes the body.
func (r *Repository) get(ctx context.Context, what string, header http.Header) (*http.Response, error) {
	return r.send(ctx, r.address(what), header)
}

// address is the URL of a path below the repository's.
func (r *Repository) address(what string) *url.URL {
	return &url.URL{Scheme: r.repo.Scheme(), Host: r.repo.RegistryStr(), Path: "/v2/" + r.repo.RepositoryStr() + "/" + what}
}

// send requests a URL. The caller checks the status and closes the body.
func (r *Repository) send(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	return r.http.Do(req)
}
