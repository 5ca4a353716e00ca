// Package registry is the transport to OCI registries.
package registry

// Options say how registries are talked to.
type Options struct {
	User, Password string
	PlainHTTP      bool
	UserAgent      string
}

// Client talks to registries.
type Client struct{}

// New makes a client.
func New(Options) *Client { return &Client{} }
