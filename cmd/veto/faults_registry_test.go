package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// registryFaults are registries that answer, but not as they should. Each is a real server on loopback.
func registryFaults() []fault {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" && code != http.StatusUnauthorized {
				return
			}
			w.Header().Set("Retry-After", "0")
			if code == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			}
			w.WriteHeader(code)
		}
	}
	serve := func(handler http.HandlerFunc) func(*caseDir) []string {
		return func(f *caseDir) []string {
			s := httptest.NewServer(handler)
			f.t.Cleanup(s.CloseClientConnections)
			f.t.Cleanup(s.Close)
			return f.scan(strings.TrimPrefix(s.URL, "http://") + "/shop/web:1")
		}
	}
	// image serves a good image from a layout, with a fault on the way of its layer.
	image := func(fault func(w http.ResponseWriter, body []byte)) func(*caseDir) []string {
		return func(f *caseDir) []string {
			f.image("oci", goodImage)
			path, m := f.manifest()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
				switch {
				case r.URL.Path == "/v2/":
				case strings.Contains(r.URL.Path, "/manifests/"):
					w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
					fmt.Fprint(w, f.read(path))
				default:
					b, err := os.ReadFile(filepath.Join(f.dir, blobPath(name)))
					if err != nil {
						w.WriteHeader(http.StatusNotFound)
						return
					}
					if name == m.Layers[0].Digest {
						fault(w, b)
						return
					}
					w.Write(b)
				}
			}))
			f.t.Cleanup(s.CloseClientConnections)
			f.t.Cleanup(s.Close)
			return f.scan(strings.TrimPrefix(s.URL, "http://") + "/shop/web:1")
		}
	}
	cut := func(w http.ResponseWriter, body []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	out := []fault{
		{name: "401", prepare: serve(status(401)), code: 3, says: "VETO_REGISTRY_USER"},
		{name: "403", prepare: serve(status(403)), code: 3, says: "docker login"},
		{name: "404", prepare: serve(status(404)), code: 3, says: "docker save"},
		{name: "429", prepare: serve(status(429)), code: 3, says: "429"},
		{name: "500", prepare: serve(status(500)), code: 3, says: "500"},
		{name: "nobody listens", prepare: func(f *caseDir) []string { return f.scan("127.0.0.1:1/shop/web:1") }, code: 3, says: "127.0.0.1:1"},
		{name: "a manifest that is no JSON", prepare: serve(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>") }), code: 3,
			says: "manifest"},
		{name: "a manifest without an end", prepare: serve(func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < 1<<10 && r.URL.Path != "/v2/"; i++ {
				if _, err := w.Write(make([]byte, 1<<14)); err != nil {
					return
				}
			}
		}), code: 3, says: "limit"},
		{name: "another manifest than the digest asked for", prepare: func(f *caseDir) []string {
			args := image(func(w http.ResponseWriter, b []byte) { w.Write(b) })(f)
			last := len(args) - 1
			args[last] = strings.TrimSuffix(args[last], ":1") + "@sha256:" + strings.Repeat("0", 64)
			return args
		}, code: 3, says: "digest"},
		{name: "a layer with other content", prepare: image(func(w http.ResponseWriter, b []byte) { b[len(b)/2] ^= 1; w.Write(b) }), code: 3,
			says: "layer 1"},
		{name: "a layer that is cut every time", prepare: image(cut), code: 3, says: "layer 1"},
		{name: "a layer that is missing", prepare: image(func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }), code: 3,
			says: "404"},
		{name: "no such platform", prepare: func(f *caseDir) []string {
			return append(image(func(w http.ResponseWriter, b []byte) { w.Write(b) })(f), "--platform", "linux/s390x")
		}, code: 3, says: "linux/s390x"},
		{name: "it hangs", prepare: serve(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		}), code: 3, says: "VETO_REGISTRY_TIMEOUT", environ: []string{"VETO_REGISTRY_TIMEOUT=500ms"}},
	}
	trickle := func(w http.ResponseWriter, body []byte) {
		for i := range body {
			if _, err := w.Write(body[i : i+1]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	}
	out = append(out,
		fault{name: "it trickles", prepare: func(f *caseDir) []string { return append(image(trickle)(f), "--timeout", "1s") }, code: 3,
			says: "it waited for the first layer"},
		fault{name: "the time for a pull is over", prepare: func(f *caseDir) []string { return append(image(trickle)(f), "--timeout", "1s") },
			code: 3, says: "the pull took longer than 1s in all"},
		fault{name: "no time for a pull", prepare: func(f *caseDir) []string { return append(image(trickle)(f), "--timeout", "0s") }, code: 2,
			says: "--timeout 0s"})
	for i := range out {
		out[i].class = "registry"
	}
	return out
}

func pathFaults() []fault {
	out := []fault{
		{name: "no such file", prepare: func(f *caseDir) []string { return f.scan("./missing.tar") }, code: 2, says: "missing.tar"},
		{name: "no such folder", prepare: func(f *caseDir) []string { return f.scan("oci:missing") }, code: 2, says: "missing"},
		{name: "a source tree", prepare: func(f *caseDir) []string { f.write("src/main.go", "package main\n"); return f.scan("./src") }, code: 2,
			says: "hint:"},
		{name: "the working directory", prepare: func(f *caseDir) []string { f.write("Dockerfile", "FROM scratch\n"); return f.scan(".") },
			code: 2, says: "hint:"},
		{name: "a text file", prepare: func(f *caseDir) []string { return f.scan("./" + f.write("notes.txt", "hello\n")) }, code: 3,
			says: "notes.txt"},
		{name: "a daemon that is not there", prepare: func(f *caseDir) []string { return f.scan("docker:nginx") }, code: 3,
			says: "no docker daemon"},
		{name: "no source at all", prepare: func(f *caseDir) []string { return f.scan() }, code: 2, says: "SOURCE"},
		{name: "a name that no registry allows", prepare: func(f *caseDir) []string { return f.scan("Nginx:UPPER/case") }, code: 2,
			says: "Nginx"},
		{name: "an output folder that is not there",
			prepare: func(f *caseDir) []string { return append(f.scan(f.good()), "-o", "sarif=no/such/x.sarif") }, code: 2, says: "no/such"},
	}
	for i := range out {
		out[i].class = "no image there"
	}
	return out
}

func wordFaults() []fault {
	settings := func(text string) func(*caseDir) []string {
		return func(f *caseDir) []string { f.write("veto.yaml", "version: 1\n"+text); return f.bare(f.good()) }
	}
	args := func(more ...string) func(*caseDir) []string {
		return func(f *caseDir) []string { return append(f.scan(f.good()), more...) }
	}
	out := []fault{
		{name: "flag", prepare: args("--quite"), code: 2, says: `"quiet"`},
		{name: "format", prepare: args("-o", "sariff=x"), code: 2, says: `"sarif"`},
		{name: "command", prepare: func(*caseDir) []string { return []string{"scna"} }, code: 2, says: `"scan"`},
		{name: "sub-command", prepare: func(*caseDir) []string { return []string{"db", "updaet"} }, code: 2, says: `"update"`},
		{name: "key", prepare: settings("ruels: {}\n"), code: 2, says: `"rules"`},
		{name: "key, with its line", prepare: settings("\n\nruels: {}\n"), code: 2, says: "veto.yaml:4"},
		{name: "key twice", prepare: settings("rules: {user-root: deny}\nrules: {}\n"), code: 2, says: "twice"},
		{name: "rule", prepare: settings("rules: {user-rooot: off}\n"), code: 2, says: `"user-root"`},
		{name: "action", prepare: settings("rules: {user-root: denyy}\n"), code: 2, says: `"deny"`},
		{name: "parameter", prepare: settings("params: {database-stale: {max_age_dys: 3}}\n"), code: 2, says: `"max_age_days"`},
		{name: "parameter of another type", prepare: settings("params: {database-stale: {max_age_days: often}}\n"), code: 2,
			says: "max_age_days"},
		{name: "version of the settings", prepare: func(f *caseDir) []string { f.write("veto.yaml", "version: 2\n"); return f.bare(f.good()) },
			code: 2, says: "version"},
		{name: "ecosystem", prepare: func(f *caseDir) []string {
			return []string{"db", "update", "--db", "db", "--source", filepath.Join(root(f.t), "examples"), "--ecosystem", "Debain"}
		}, code: 2, says: `"Debian"`},
		{name: "variable", prepare: args(), code: 2, says: `"VETO_TRUST"`, environ: []string{"VETO_TURST=main"}},
		{name: "variable with a bad value", prepare: args(), code: 2, says: "VETO_NOW", environ: []string{"VETO_NOW=tomorrow"}},
		{name: "platform", prepare: args("--platform", "linux"), code: 2, says: "linux"},
		{name: "detail", prepare: args("--detail", "ful"), code: 2, says: `"full"`},
		{name: "clock", prepare: args("--now", "yesterday"), code: 2, says: "2026-11-23"},
		{name: "database update mode", prepare: args("--db-update", "nevr"), code: 2, says: `"never"`},
	}
	for i := range out {
		out[i].class = "unknown words"
	}
	return out
}
