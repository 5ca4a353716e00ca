// Package registry is the client of OCI registries (distribution-spec 1.1): references, authentication, manifests, what refers to them, and
// blobs as streams that survive a cut connection. It knows nothing of what is in them.
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
	// User and Password, when set, are sent to the registry Host (HOST[:PORT], docker.io) when it asks for credentials, in place of those that
	// the user has stored, and to no other one: a second image, or a base, may be anybody's.
	User, Password, Host string
	// PlainHTTP allows HTTP without TLS beyond loopback, for a registry that offers nothing else.
	PlainHTTP bool
	// CAs are the authorities that may certify registries; nil is the system's.
	CAs *x509.CertPool
	// CertDirs are folders such as /etc/docker/certs.d: HOST[:PORT]/ in one of them holds further authorities for that registry, and the
	// certificates that this client shows it.
	CertDirs []string
	// Proxy returns the proxy for a URL, or nil; nil uses none.
	Proxy func(*url.URL) (*url.URL, error)
	// UserAgent is "program/version".
	UserAgent string
	// Timeout bounds connecting, the TLS handshake, waiting for a response, and waiting for the next bytes of it; 0 is 30 s.
	Timeout time.Duration
	// Sleep pauses between attempts: it waits for d or until ctx ends, whose error it returns. nil does that.
	Sleep func(ctx context.Context, d time.Duration) error
}

// defaultTimeout is how long Docker's client waits for a connection to a registry.
const defaultTimeout = 30 * time.Second

// Client talks to registries. It may be used by several goroutines.
type Client struct {
	options    Options
	transport  *http.Transport
	mu         sync.Mutex
	transports map[string]*http.Transport // by registry: transport, or one with the registry's own certificates
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
	return &Client{options: o, transport: &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.CAs},
		DialContext:            (&net.Dialer{Timeout: o.Timeout}).DialContext,
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  o.Timeout,
		IdleConnTimeout:        o.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		MaxIdleConnsPerHost:    8,       // layers are pulled in parallel
		ReadBufferSize:         1 << 16, // bytes
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // digests are of the bytes as stored
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

// Repository is a repository of a registry, after authentication. It may be used by several goroutines. Whoever resolved it closes it,
// after the last blob.
type Repository struct {
	client *Client
	repo   name.Repository
	inner  *http.Transport
	http   *http.Client
}

// Resolve returns what a reference such as nginx:1.27, ghcr.io/x/y@sha256:… or 127.0.0.1:5000/a/b:t names: the repository, which the
// caller closes, and the manifest or index. A malformed reference is an engine.UsageError.
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
	m, err := r.readManifest(ctx, ref.Identifier())
	if err != nil {
		return nil, nil, errors.Join(r.failure(ctx, what, err), r.Close())
	}
	return r, m, nil
}

// masked shows a text that should be a reference as people may see it: who takes an address for one may type a password or a token.
func masked(reference string) string {
	if user, rest, ok := strings.Cut(reference, "@"); ok && strings.Contains(user, ":") && strings.Contains(rest, "/") {
		reference = "***@" + rest
	}
	if path, query, ok := strings.Cut(reference, "?"); ok && strings.Contains(query, "=") {
		reference = path + "?***"
	}
	return reference
}

func (c *Client) parse(reference string) (name.Reference, error) {
	var options []name.Option
	ref, err := name.ParseReference(reference)
	if err == nil && c.allowsPlain(ref.Context().RegistryStr()) {
		options = append(options, name.Insecure)
		ref, err = name.ParseReference(reference, options...)
	}
	if err != nil {
		return nil, engine.Hint(engine.Usage("%q is not a valid image reference", masked(reference)),
			"a reference is [HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], the repository in lower case: ghcr.io/example/app:1.2")
	}
	return ref, nil
}

// allowsPlain reports whether a registry may be spoken to without TLS.
func (c *Client) allowsPlain(host string) bool {
	return c.options.PlainHTTP || loopback(host)
}

// loopback reports whether a host, with or without a port, is this machine by its name alone.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// totalTimeouts is how many timeouts one small thing may take in all, with pauses and retries: a registry that answers one byte at a time
// must not hold a gate for ever.
const totalTimeouts = 10

// connect pings the registry, and logs in as it wants (distribution-spec, "Determining Support").
func (r *Repository) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, totalTimeouts*r.client.options.Timeout)
	defer cancel()
	auth, err := r.client.credentials(ctx, r.repo)
	if err != nil {
		return err
	}
	if r.inner, err = r.client.transportFor(r.host()); err != nil {
		return err
	}
	w := &retryTransport{inner: r.inner, options: r.client.options, plain: r.client.allowsPlain(r.repo.RegistryStr())}
	t, err := transport.NewWithContext(ctx, r.repo.Registry, auth, w, []string{r.repo.Scope(transport.PullScope)})
	if err != nil && w.pingErr != nil && wantsClientCert(w.pingErr) {
		return w.pingErr
	}
	if err != nil {
		return err
	}
	r.http = &http.Client{Transport: t}
	return nil
}

// credentials returns what to log in to a registry with: the options' user and password, or what this user has stored for it.
func (c *Client) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	switch o := c.options; {
	case o.User != "" && o.Password != "":
		if c.given(repo) {
			return &authn.Basic{Username: o.User, Password: o.Password}, nil
		}
	case o.User != "" || o.Password != "":
		return nil, engine.Usage("of a registry's user and password only one is set: " +
			"VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD go together")
	}
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	// A credential helper is a program that may hang, and authn does not end it with ctx; so the goroutine may outlive this call.
	answers := make(chan answer, 1)
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

// given says whether the options' user and password are for the registry of a repository.
func (c *Client) given(repo name.Repository) bool {
	return c.options.User != "" && c.options.Host == hostOf(repo.Registry)
}

// keychainError is a failure to read the credentials that the user has stored.
type keychainError struct{ err error }

func (e *keychainError) Error() string {
	return fmt.Sprintf("reading the stored credentials: %v", e.err)
}
func (e *keychainError) Unwrap() error { return e.err }

// Close closes the connections that are idle.
func (r *Repository) Close() error {
	if r.inner != nil {
		r.inner.CloseIdleConnections()
	}
	return nil
}

// host is the registry's name as users write it.
func (r *Repository) host() string { return hostOf(r.repo.Registry) }

func hostOf(r name.Registry) string {
	if h := r.RegistryStr(); h != name.DefaultRegistry {
		return h
	}
	return "docker.io"
}

// HostOf returns the registry that a reference names, as Options.Host wants it: "docker.io" for nginx:1.27. A malformed reference is an
// engine.UsageError.
func HostOf(reference string) (string, error) {
	ref, err := new(Client).parse(reference)
	if err != nil {
		return "", err
	}
	return hostOf(ref.Context().Registry), nil
}

// ParseHost reads the name of a registry, HOST[:PORT], and returns it as Options.Host wants it. A malformed one is an engine.UsageError.
func ParseHost(host string) (string, error) {
	r, err := name.NewRegistry(host, name.StrictValidation)
	if err != nil {
		return "", engine.Hint(engine.Usage("%.200q is not the name of a registry", host),
			"it is HOST[:PORT]: ghcr.io, registry.corp.example:5000")
	}
	return hostOf(r), nil
}
