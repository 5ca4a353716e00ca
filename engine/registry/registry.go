// Package registry is the transport to OCI registries (distribution-spec 1.1): names, authentication, manifests, and blobs as
// streams that survive a cut connection. It knows nothing of what is in them.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/vetoci/veto/engine"
)

// Options say how registries are talked to. The zero value uses what docker or podman login left for this user.
type Options struct {
	// User and Password, when set, go to every registry that asks for some, in place of the user's own keychain.
	User, Password string
	// PlainHTTP allows HTTP without TLS beyond loopback, for a registry that offers nothing else.
	PlainHTTP bool
	// CAs are the authorities that vouch for registries; nil is the system's.
	CAs *x509.CertPool
	// CertDirs are folders as /etc/docker/certs.d: HOST[:PORT]/ in one of them holds what is trusted, and shown, for that registry
	// besides.
	CertDirs []string
	// Proxy returns the proxy for a URL, or nil; nil uses none.
	Proxy func(*url.URL) (*url.URL, error)
	// UserAgent is "program/version".
	UserAgent string
	// Timeout bounds connecting, the TLS handshake, waiting for a response, and one read that brings nothing; 0 is 30 s.
	Timeout time.Duration
	// Sleep pauses between attempts; nil waits for d or until ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error
}

// defaultTimeout is what Docker's own client allows a registry for connecting.
const defaultTimeout = 30 * time.Second

// Client talks to registries. It may be used by several goroutines.
type Client struct {
	options Options
	inner   *http.Transport
	mu      sync.Mutex
	own     map[string]*http.Transport // by registry; inner for those without certificates of their own
}

// New makes a client. It connects to nothing yet.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	var proxy func(*http.Request) (*url.URL, error)
	if o.Proxy != nil {
		proxy = func(r *http.Request) (*url.URL, error) { return o.Proxy(r.URL) }
	}
	return &Client{options: o, inner: &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.CAs},
		DialContext:            (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  o.Timeout,
		IdleConnTimeout:        o.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		MaxIdleConnsPerHost:    8,       // layers are pulled side by side
		ReadBufferSize:         1 << 16, // bytes
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // digests are over the bytes as stored
	}}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Repository is a repository of a registry, after authentication. Whoever resolved it closes it, after the last blob.
type Repository struct {
	client *Client
	repo   name.Repository
	inner  *http.Transport
	http   *http.Client
}

// Resolve finds what a reference such as nginx:1.27, ghcr.io/x/y@sha256:… or 127.0.0.1:5000/a/b:t names: its repository, and its
// manifest or index. A reference that cannot be one is an engine.UsageError.
func (c *Client) Resolve(ctx context.Context, reference string) (*Repository, *Manifest, error) {
	ref, err := c.parse(reference)
	if err != nil {
		return nil, nil, err
	}
	r := &Repository{client: c, repo: ref.Context()}
	what := "the manifest of " + reference
	if err := r.connect(ctx); err != nil {
		return nil, nil, errors.Join(r.failure(ctx, what, err), r.Close())
	}
	m, err := r.get(ctx, ref.Identifier())
	if err != nil {
		return nil, nil, errors.Join(r.failure(ctx, what, err), r.Close())
	}
	return r, m, nil
}

func (c *Client) parse(reference string) (name.Reference, error) {
	var options []name.Option
	ref, err := name.ParseReference(reference)
	if err == nil && c.plain(ref.Context().RegistryStr()) {
		options = append(options, name.Insecure)
		ref, err = name.ParseReference(reference, options...)
	}
	if err != nil {
		return nil, engine.Hint(engine.Usage("%q is not a valid image reference", reference),
			"a reference is [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], the repository in lower case: ghcr.io/example/app:1.2")
	}
	return ref, nil
}

// plain says whether a registry may be spoken to without TLS.
func (c *Client) plain(host string) bool {
	return c.options.PlainHTTP || loopback(host)
}

func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// patience is how many timeouts everything small may take together, pauses included: a registry that answers one byte at a time
// must not hold a gate for ever.
const patience = 10

// connect finds out how the registry wants to be asked, and logs in.
func (r *Repository) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience*r.client.options.Timeout)
	defer cancel()
	auth, err := r.client.credentials(ctx, r.repo)
	if err != nil {
		return err
	}
	if r.inner, err = r.client.transport(r.host()); err != nil {
		return err
	}
	w := &wire{inner: r.inner, options: r.client.options, plain: r.client.plain(r.repo.RegistryStr())}
	t, err := transport.NewWithContext(ctx, r.repo.Registry, auth, w, []string{r.repo.Scope(transport.PullScope)})
	if err != nil && w.greeting != nil && wantsClient(w.greeting) {
		return w.greeting
	}
	if err != nil {
		return err
	}
	r.http = &http.Client{Transport: t}
	return nil
}

func (c *Client) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	switch o := c.options; {
	case o.User != "" && o.Password != "":
		return &authn.Basic{Username: o.User, Password: o.Password}, nil
	case o.User != "" || o.Password != "":
		return nil, engine.Usage("of a registry's user and password only one is set: VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD go together")
	}
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	answers := make(chan answer, 1) // a credential helper is a program that knows nothing of ctx, and may hang
	go func() {
		auth, err := authn.Resolve(ctx, authn.DefaultKeychain, repo)
		answers <- answer{auth, err}
	}()
	select {
	case <-ctx.Done():
		return nil, &keychainError{ctx.Err()}
	case a := <-answers:
		if a.err != nil {
			return nil, &keychainError{a.err}
		}
		return a.auth, nil
	}
}

// keychainError is a failure of the user's own store of credentials.
type keychainError struct{ err error }

func (e *keychainError) Error() string {
	return fmt.Sprintf("reading the stored credentials: %v", e.err)
}
func (e *keychainError) Unwrap() error { return e.err }

// Close frees the connections that nobody uses any more.
func (r *Repository) Close() error {
	if r.inner != nil {
		r.inner.CloseIdleConnections()
	}
	return nil
}

// host is the registry as users write it.
func (r *Repository) host() string {
	if h := r.repo.RegistryStr(); h != name.DefaultRegistry {
		return h
	}
	return "docker.io"
}
