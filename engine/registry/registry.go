// Package registry is the transport to OCI registries.
package registry

// Client talks to registries.
type Client struct{}
