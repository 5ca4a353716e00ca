// Package daemon asks a container engine on this machine for its images, over the Docker-compatible API that both Docker and Podman
// serve (Docker Engine API, "Image"). It knows nothing of what is in them.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// Options say which daemon is asked, and how.
type Options struct {
	// Program is what messages call the daemon, and the command that starts their hints: docker or podman.
	Program string
	// Host is where it listens: unix:///path, http+unix:///path (also with its slashes as %2F) or tcp://host:port. When it is empty
	// Sockets are looked at.
	Host string
	// From says where Host comes from: DOCKER_HOST.
	From string
	// Sockets are paths; the first that exists is the daemon, whether or not it answers.
	Sockets []string
	// CA, Cert and Key are PEM files for tcp://: the authority of the daemon's certificate, and what it knows this client by.
	// All are empty for a connection without TLS.
	CA, Cert, Key string
	// PlainHTTP allows tcp:// without TLS beyond loopback.
	PlainHTTP bool
	// UserAgent is "program/version".
	UserAgent string
	// Timeout bounds connecting and each small answer; 0 is 30 s. A daemon may take twenty times as long for the next bytes of an
	// archive: Podman packs the whole of it before it sends the first.
	Timeout time.Duration
}

const (
	defaultTimeout = 30 * time.Second
	packing        = 20 // timeouts
)

// Client asks one daemon. It may be used by several goroutines.
type Client struct {
	options Options
	place   place
	http    *http.Client
	prefix  string // of every path: "/v1.41", or nothing
}

// Open finds the daemon and checks that it answers. The caller closes the client. A host that cannot be one is an engine.UsageError.
func Open(ctx context.Context, o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	p, err := o.find()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: o.Timeout}).DialContext(ctx, p.network, p.address)
		},
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  packing * o.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         1 << 16, // bytes
		DisableCompression:     true,    // an archive is taken as it is
	}
	if p.tls {
		if transport.TLSClientConfig, err = o.tls(); err != nil {
			return nil, err
		}
	}
	c := &Client{options: o, place: p, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if err := c.ping(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close frees the connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Where says which daemon it is: "docker at unix:///var/run/docker.sock".
func (c *Client) Where() string { return c.options.Program + " at " + c.place.String() }

const (
	maxGreeting = 1 << 10  // bytes of the answer to a ping, which is "OK"
	maxRefusal  = 64 << 10 // bytes of an answer that is an error
)

// apiVersion is what a daemon may announce; what it announces it also accepts. Which one it is does not matter: what is read of the
// answers has been the same since the API has versions.
var apiVersion = regexp.MustCompile(`^1\.[0-9]{1,3}$`)

// ping checks that a daemon answers, and learns the version of its API.
func (c *Client) ping(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	resp, err := c.get(ctx, "/_ping")
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxGreeting))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "OK" {
		return engine.Hint(fmt.Errorf("what answers at %s is no %s daemon: %d, %q", c.place, c.options.Program, resp.StatusCode, shorten(string(body), 40)),
			"%s", c.options.elsewhere())
	}
	if v := resp.Header.Get("Api-Version"); apiVersion.MatchString(v) {
		c.prefix = "/v" + v
	}
	return nil
}

// get asks for a path. The caller looks at the status and closes the body.
func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: c.place.authority, Path: c.prefix + path}
	if c.place.tls {
		u.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.options.UserAgent)
	return c.http.Do(req)
}
