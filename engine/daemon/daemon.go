// Package daemon gets images from the container engine of this machine, over the API that Docker and Podman serve (Docker Engine API,
// "Image"). It knows nothing of what is in them.
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
	// Host is where it listens: unix:///path, http+unix:///path (also with its slashes as %2F) or tcp://host:port. When it is empty, Sockets
	// are tried.
	Host string
	// From is the environment variable that sets Host, for messages: DOCKER_HOST.
	From string
	// Sockets are paths. The first that exists is the daemon's, whether or not it answers.
	Sockets []string
	// CA, Cert and Key are paths of PEM files, for tcp://: the authority of the daemon's certificate, and the certificate and key of this
	// client. All are empty for a connection without TLS.
	CA, Cert, Key string
	// PlainHTTP allows tcp:// without TLS beyond loopback.
	PlainHTTP bool
	// UserAgent is "program/version".
	UserAgent string
	// Timeout bounds connecting and each small answer; 0 is 30 s. For the next bytes of an archive a daemon may take twenty times as long:
	// Podman packs the whole archive before it sends the first.
	Timeout time.Duration
}

const (
	defaultTimeout = 30 * time.Second
	exportTimeouts = 20 // how many timeouts a daemon may take to describe or pack an image
)

// Client asks one daemon. It may be used by several goroutines.
type Client struct {
	options  Options
	endpoint endpoint
	http     *http.Client
	prefix   string // of every path: "/v1.41", or nothing
}

// Open finds the daemon and checks that it answers. The caller closes the client. A malformed Host is an engine.UsageError, and so are
// certificates that are none; no daemon, or one that does not answer, is another error.
func Open(ctx context.Context, o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	p, err := o.endpoint()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: o.Timeout}).DialContext(ctx, p.network, p.address)
		},
		TLSHandshakeTimeout:    o.Timeout,
		ResponseHeaderTimeout:  exportTimeouts * o.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		ReadBufferSize:         1 << 16, // bytes
		DisableCompression:     true,    // an archive is taken as it is
	}
	if p.tls {
		if transport.TLSClientConfig, err = o.tls(); err != nil {
			return nil, err
		}
	}
	c := &Client{options: o, endpoint: p, http: &http.Client{
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
func (c *Client) Where() string { return c.options.Program + " at " + c.endpoint.String() }

const (
	maxPing        = 1 << 10  // bytes of the answer to a ping, which is "OK"
	maxErrorAnswer = 64 << 10 // bytes of an answer that is an error, of which one message is shown
)

// apiVersion is the form of a version of the API that a daemon may announce, and then accepts. Which one it is does not matter: what is
// read of the answers is the same in all of them.
var apiVersion = regexp.MustCompile(`^1\.[0-9]{1,3}$`)

// ping checks that a daemon answers, and sets the prefix of its API's version.
func (c *Client) ping(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	resp, err := c.get(ctx, "/_ping")
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPing))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "OK" {
		err := fmt.Errorf("what answers at %s is no %s daemon: %d, %q",
			c.endpoint, c.options.Program, resp.StatusCode, shorten(string(body), 40))
		return engine.Hint(err, "%s", c.options.startHint())
	}
	if v := resp.Header.Get("Api-Version"); apiVersion.MatchString(v) {
		c.prefix = "/v" + v
	}
	return nil
}

// get requests a path of the API. The caller checks the status and closes the body.
func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: c.endpoint.authority, Path: c.prefix + path}
	if c.endpoint.tls {
		u.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.options.UserAgent)
	return c.http.Do(req)
}
