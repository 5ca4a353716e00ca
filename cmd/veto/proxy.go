package main

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// proxies are those of an environment, with the meaning that curl and Go's own programs give to HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
type proxies struct {
	https, http *url.URL // nil for none
	except      []exception
}

// exception is one entry of NO_PROXY.
type exception struct {
	all     bool
	network netip.Prefix
	domain  string // ".example.com": what ends so
	exact   bool   // the domain itself, too
	port    string // "" for every one
}

// readProxies takes the upper-case variables before the lower-case ones. Their values are never printed: they may hold passwords.
func readProxies(getenv func(string) string) (*proxies, error) {
	p := &proxies{}
	for _, v := range []struct {
		name string
		to   **url.URL
	}{{"HTTPS_PROXY", &p.https}, {"HTTP_PROXY", &p.http}} {
		name, value := v.name, getenv(v.name)
		if value == "" {
			name = strings.ToLower(v.name)
			value = getenv(name)
		}
		u, ok := parseProxy(value)
		if !ok {
			return nil, engine.Hint(engine.Usage("%s is no address of a proxy", name), "for example http://proxy.example.com:3128")
		}
		*v.to = u
	}
	except := getenv("NO_PROXY")
	if except == "" {
		except = getenv("no_proxy")
	}
	for _, entry := range strings.Split(except, ",") {
		if e, ok := parseException(strings.ToLower(strings.TrimSpace(entry))); ok {
			p.except = append(p.except, e)
		}
	}
	return p, nil
}

func parseProxy(value string) (*url.URL, bool) {
	if value == "" {
		return nil, true
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, false
	}
	return u, true
}

func parseException(s string) (exception, bool) {
	switch network, err := netip.ParsePrefix(s); {
	case s == "":
		return exception{}, false
	case s == "*":
		return exception{all: true}, true
	case err == nil:
		return exception{network: network.Masked()}, true
	}
	e := exception{exact: true}
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		host, e.port = h, port
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		e.network = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return e, true
	}
	if rest, ok := strings.CutPrefix(host, "*."); ok {
		host = "." + rest
	}
	if strings.HasPrefix(host, ".") {
		e.exact = false
	} else {
		host = "." + host
	}
	e.domain = host
	return e, host != "."
}

// of returns the proxy for a URL, nil for none. This machine is never reached through one.
func (p *proxies) of(u *url.URL) (*url.URL, error) {
	proxy := p.http
	if u.Scheme == "https" {
		proxy = p.https
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	addr, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && addr.Unmap().IsLoopback() {
		return nil, nil
	}
	if slices.ContainsFunc(p.except, func(e exception) bool { return e.matches(host, addr.Unmap(), port) }) {
		return nil, nil
	}
	return proxy, nil
}

// matches says whether a host is excepted; addr is the zero value for a name.
func (e exception) matches(host string, addr netip.Addr, port string) bool {
	switch {
	case e.all:
		return true
	case e.port != "" && e.port != port:
		return false
	case e.network.IsValid():
		return addr.IsValid() && e.network.Contains(addr)
	}
	return !addr.IsValid() && (strings.HasSuffix(host, e.domain) || e.exact && host == e.domain[1:])
}
