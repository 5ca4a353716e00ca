package main

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/vetoci/veto/engine"
)

// proxyFunc returns the proxy for an address, nil for none. This machine is never reached through one.
type proxyFunc func(*url.URL) (*url.URL, error)

// readProxies reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as curl and Go's own programs do; a lower-case name stands in where the
// upper-case one is not set. What is no address is an error, and not no proxy as httpproxy has it. Values are never printed: they may
// hold passwords.
func readProxies(getenv func(string) string) (proxyFunc, error) {
	get := func(name string) (string, string) {
		if v := getenv(name); v != "" {
			return v, name
		}
		name = strings.ToLower(name)
		return getenv(name), name
	}
	var c httpproxy.Config
	for name, to := range map[string]*string{"HTTPS_PROXY": &c.HTTPSProxy, "HTTP_PROXY": &c.HTTPProxy} {
		value, name := get(name)
		if value != "" && !isProxyAddress(value) {
			return nil, engine.Hint(engine.Usage("%s is no address of a proxy", name), "for example http://proxy.example.com:3128")
		}
		*to = value
	}
	c.NoProxy, _ = get("NO_PROXY")
	return c.ProxyFunc(), nil
}

func isProxyAddress(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}
