package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The environment's credentials go to one registry: the one that is named, or that of the first image; never to another image's or to that
// of a base.
func TestCredentialsGoToOneRegistry(t *testing.T) {
	t.Parallel()
	type asked struct {
		address string
		given   atomic.Bool
	}
	registry := func() *asked {
		a := &asked{}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); ok {
				a.given.Store(true)
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		t.Cleanup(s.Close)
		a.address = strings.TrimPrefix(s.URL, "http://")
		return a
	}
	dir := t.TempDir()
	if err := packImage("save", dir+"/app.tar", quickstartImage(t)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args, host    string // $A and $B are the registries
		first, second bool   // which of them gets the credentials
		code          int
		says          string
	}{
		"one image":           {args: "$A/x:1", first: true, code: exitUndecided, says: "docker login $A"},
		"two images":          {args: "$A/x:1 $B/x:1", first: true, code: exitUndecided, says: "are for $A alone"},
		"two of one registry": {args: "$A/x:1 $A/y:1", first: true, code: exitUndecided},
		"a file first":        {args: "./app.tar registry:$B/x:1 $A/x:1", second: true, code: exitDenied, says: "are for $B alone"},
		"the host":            {args: "$A/x:1 $B/x:1", host: "$B", second: true, code: exitUndecided, says: "are for $B alone"},
		"another host":        {args: "$A/x:1 $B/x:1", host: "ghcr.io", code: exitUndecided, says: "are for ghcr.io alone"},
		"a base":              {args: "./app.tar --base $B/x:1", code: exitUndecided, says: "are for no registry alone"},
		"a base elsewhere":    {args: "$A/x:1 --base $B/x:1", first: true, code: exitUndecided},
		"a base's host":       {args: "./app.tar --base $B/x:1", host: "$B", second: true, code: exitUndecided},
		"no host":             {args: "$A/x:1", host: "https://$A", code: exitUsage, says: "VETO_REGISTRY_HOST: "},
		"a repository":        {args: "$A/x:1", host: "$A/x", code: exitUsage, says: "is not the name of a registry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := registry(), registry()
			put := strings.NewReplacer("$A", a.address, "$B", b.address)
			environ := []string{"VETO_REGISTRY_USER=gate", "VETO_REGISTRY_PASSWORD=s3cret-word"}
			if c.host != "" {
				environ = append(environ, "VETO_REGISTRY_HOST="+put.Replace(c.host))
			}
			args := append([]string{"scan", "--db", "none", "--no-cache"}, strings.Fields(put.Replace(c.args))...)
			code, stdout, stderr := vetoIn(t, dir, environ, args...)
			text := strings.Join(strings.Fields(stdout+stderr), " ")
			if code != c.code || !strings.Contains(text, put.Replace(c.says)) || strings.Contains(text, "s3cret") {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, c.code, put.Replace(c.says), stdout, stderr)
			}
			if a.given.Load() != c.first || b.given.Load() != c.second {
				t.Errorf("credentials: A %v, B %v; want %v, %v", a.given.Load(), b.given.Load(), c.first, c.second)
			}
		})
	}
}
