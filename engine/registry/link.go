package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// nextPage returns the URL of the next page of a list, as the answer to a request for at names it; nil when there is none. A URL outside of
// the registry's API is an error.
func nextPage(at *url.URL, h http.Header) (*url.URL, error) {
	for _, value := range h.Values("Link") {
		target, ok := nextLink(value)
		if !ok {
			continue
		}
		next, err := at.Parse(target)
		if err != nil || next.Scheme != at.Scheme || next.Host != at.Host || !strings.HasPrefix(next.Path, "/v2/") {
			return nil, fmt.Errorf("the list goes on at %.100q, which is elsewhere", target)
		}
		return next, nil
	}
	return nil, nil
}

// nextLink returns the target of the relation "next" in a Link header (RFC 8288, 3): <target>; rel="next", <target>; rel=…
func nextLink(value string) (string, bool) {
	for {
		_, rest, ok := strings.Cut(value, "<")
		if !ok {
			return "", false
		}
		target, rest, ok := strings.Cut(rest, ">")
		if !ok {
			return "", false
		}
		params, others := cutUnquoted(rest, ',')
		value = others
		for params != "" {
			var p string
			p, params = cutUnquoted(params, ';')
			k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
			if strings.EqualFold(strings.TrimSpace(k), "rel") && slices.Contains(strings.Fields(strings.ToLower(strings.Trim(v, `" `))), "next") {
				return target, true
			}
		}
	}
}

// cutUnquoted cuts at the first separator outside of quotes.
func cutUnquoted(s string, separator byte) (before, after string) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
