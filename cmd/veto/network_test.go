package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Answers worked out by hand from what curl and Go's net/http say of the three variables.
func TestProxies(t *testing.T) {
	const p = "http://proxy.test:3128"
	for _, c := range []struct {
		environ, target, want string
	}{
		{"", "https://a.test", ""},
		{"HTTPS_PROXY=" + p, "https://a.test", p},
		{"https_proxy=" + p, "https://a.test", p},
		{"HTTPS_PROXY=" + p + " https_proxy=http://other.test:1", "https://a.test", p},
		{"HTTPS_PROXY=proxy.test:3128", "https://a.test", p},
		{"HTTPS_PROXY=socks5://proxy.test:1080", "https://a.test", "socks5://proxy.test:1080"},
		{"HTTPS_PROXY=" + p, "http://a.test", ""},
		{"HTTP_PROXY=" + p, "http://a.test", p},
		{"HTTP_PROXY=" + p, "https://a.test", ""},
		{"HTTPS_PROXY=" + p, "https://localhost:5000", ""},
		{"HTTPS_PROXY=" + p, "https://127.8.9.1", ""},
		{"HTTPS_PROXY=" + p, "https://[::1]:5000", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test", "https://a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test", "https://A.TEST:8443", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test", "https://x.a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test", "https://xa.test", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=.a.test", "https://a.test", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=.a.test", "https://x.a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=*.a.test", "https://x.a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=*.a.test", "https://a.test", p},
		{"HTTPS_PROXY=" + p + " no_proxy=x,a.test", "https://a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test:443", "https://a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=a.test:443", "https://a.test:8443", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=*", "https://a.test", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=,", "https://a.test", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=.", "https://a.test", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=192.0.2.1", "https://192.0.2.1", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=192.0.2.1", "https://192.0.2.2", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=192.0.2.1:443", "https://192.0.2.1:8443", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=192.0.2.0/24", "https://192.0.2.77", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=192.0.2.0/24", "https://192.0.3.77", p},
		{"HTTPS_PROXY=" + p + " NO_PROXY=[2001:db8::1]:443", "https://[2001:db8::1]", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=2001:db8::/32", "https://[2001:db8::1]", ""},
		{"HTTPS_PROXY=" + p + " NO_PROXY=2.1", "https://192.0.2.1", p},
	} {
		sys := &system{environ: strings.Fields(c.environ)}
		proxies, err := readProxies(sys.getenv)
		if err != nil {
			t.Errorf("%s: %v", c.environ, err)
			continue
		}
		target, err := url.Parse(c.target)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u, err := proxies(target); err != nil {
			t.Errorf("%s, %s: %v", c.environ, c.target, err)
		} else if u != nil {
			got = u.String()
		}
		if got != c.want {
			t.Errorf("%s, %s: proxy %q, want %q", c.environ, c.target, got, c.want)
		}
	}
	for _, bad := range []string{"ftp://proxy.test", "http://", "http://a b", "://x", "http://me:s3cret@proxy.test:x"} {
		sys := &system{environ: []string{"https_proxy=" + bad}}
		if _, err := readProxies(sys.getenv); codeOf(err) != exitUsage || !strings.Contains(err.Error(),
			"https_proxy") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestPrivateAuthority(t *testing.T) {
	t.Parallel()
	a, other := newAuthority(t, "registry.test"), newAuthority(t)
	f := &caseDir{t, t.TempDir()}
	address := serveTLS(t, a, goodRegistry(t))
	f.write("ca.pem", string(a.pem))
	f.write("other.pem", string(other.pem))
	f.write("key.pem", string(a.key))
	f.write("trusted/ca.pem", string(a.pem))
	f.write("home/.docker/certs.d/"+address+"/ca.crt", string(a.pem))
	f.write("broken/.docker/certs.d/"+address+"/ca.crt", "hello")
	f.write("trusted/veto.yaml", "version: 1\nrules: {database-stale: warn}\n")
	abs := filepath.Join(f.dir, "ca.pem")
	for _, c := range []struct {
		name    string
		args    []string
		environ []string
		code    int
		says    []string
	}{
		{"nobody vouches", nil, nil, exitUndecided,
			[]string{"certificate signed by unknown authority", "--ca-file FILE", "/etc/docker/certs.d/" + address + "/ca.crt"}},
		{"--ca-file", []string{"--ca-file", "ca.pem"}, nil, exitPass, nil},
		{"VETO_CA_FILE", nil, []string{"VETO_CA_FILE=" + abs}, exitPass, nil},
		{"another authority", []string{"--ca-file", "other.pem"}, nil, exitUndecided, []string{"--ca-file"}},
		{"certs.d", nil, []string{"HOME=" + filepath.Join(f.dir, "home")}, exitPass, nil},
		{"certs.d that is broken", nil, []string{"HOME=" + filepath.Join(f.dir, "broken")}, exitUndecided,
			[]string{"holds no certificate in PEM form", "*.crt are authorities"}},
		{"no file", []string{"--ca-file", "none.pem"}, nil, exitUsage, []string{"none.pem"}},
		{"no certificate", []string{"--ca-file", "key.pem"}, nil, exitUsage, []string{"--ca-file key.pem: it holds no certificate"}},
		{"a directory", []string{"--ca-file", f.dir}, nil, exitUsage, []string{"--ca-file", f.dir}},
		{"inside what is trusted", []string{"--trust", "./trusted", "--ca-file", "ca.pem"}, nil, exitPass, nil},
		{"outside what is trusted", []string{"--trust", "./trusted", "--ca-file", "../ca.pem"}, nil, exitUsage, []string{"leads out"}},
		{"the machine's", []string{"--trust", "./trusted", "--ca-file", abs}, nil, exitPass, nil},
		{"a proxy that is none", nil, []string{"HTTPS_PROXY=ftp://x"}, exitUsage, []string{"HTTPS_PROXY is no address of a proxy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := vetoIn(t, f.dir, c.environ, f.scan(append(c.args, address+"/shop/web:1")...)...)
			if code != c.code {
				t.Fatalf("exit %d, want %d:\n%s%s", code, c.code, stdout, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stdout+stderr, s) {
					t.Errorf("it does not say %q:\n%s%s", s, stdout, stderr)
				}
			}
		})
	}
}

func TestProxyStory(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "registry.test", "feeds.test")
	f := &caseDir{t, t.TempDir()}
	f.write("ca.pem", string(a.pem))
	proxy, asked := connectProxy(t, serveTLS(t, a, goodRegistry(t)))
	args := f.scan("--ca-file", "ca.pem", "registry.test/shop/web:1")
	code, stdout, stderr := vetoIn(t, f.dir, []string{"HTTPS_PROXY=" + proxy}, args...)
	if got := asked(); code != exitPass || !slices.Equal(got, []string{"CONNECT registry.test:443"}) {
		t.Fatalf("exit %d, the proxy was asked for %q:\n%s%s", code, got, stdout, stderr)
	}
	other, unasked := connectProxy(t, "127.0.0.1:1")
	code, stdout, stderr = vetoIn(t, f.dir, []string{"HTTPS_PROXY=" + other, "NO_PROXY=.test", "VETO_REGISTRY_TIMEOUT=2s"}, args...)
	if code != exitUndecided || len(unasked()) != 0 {
		t.Errorf("with NO_PROXY: exit %d, the proxy was asked for %q:\n%s%s", code, unasked(), stdout, stderr)
	}
	code, stdout, stderr = vetoIn(t, f.dir, []string{"HTTPS_PROXY=" + other}, args...)
	if code != exitUndecided || !strings.Contains(stdout+stderr, "HTTPS_PROXY") || len(unasked()) == 0 {
		t.Errorf("with a proxy that leads nowhere: exit %d:\n%s%s", code, stdout, stderr)
	}
}

// Advisories come the same way as images.
func TestFeedsBehindProxy(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "feeds.test")
	f := &caseDir{t, t.TempDir()}
	f.write("ca.pem", string(a.pem))
	files := map[string][]byte{"/osv/ecosystems.txt": []byte("npm\n"), "/osv/npm/all.zip": advisoryZip(t)}
	address := serveTLS(t, a, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
		w.Write(b)
	}))
	proxy, asked := connectProxy(t, address)
	update := func(source string, more ...string) (int, string) {
		args := append([]string{"db", "update", "--db", "db", "--source", source, "--ecosystem", "npm", "--now", clock}, more...)
		code, stdout, stderr := vetoIn(t, f.dir, []string{"https_proxy=" + proxy}, args...)
		return code, stdout + stderr
	}
	if code, out := update("https://" + address + "/osv"); code != exitUndecided || !strings.Contains(out, "--ca-file FILE") {
		t.Errorf("without the authority: exit %d: %s", code, out)
	}
	if code, out := update("https://"+address+"/osv", "--ca-file", "ca.pem"); code != exitPass || len(asked()) != 0 {
		t.Errorf("with the authority: exit %d, the proxy was asked for %q: %s", code, asked(), out)
	}
	if code, out := update("https://feeds.test/osv", "--ca-file", "ca.pem"); code != exitPass || !slices.Equal(asked(),
		[]string{"CONNECT feeds.test:443"}) {
		t.Errorf("through the proxy: exit %d, it was asked for %q: %s", code, asked(), out)
	}
	if code, out := update("https://feeds.test/osv", "--ca-file", "none.pem"); code != exitUsage || !strings.Contains(out, "none.pem") {
		t.Errorf("without the file: exit %d: %s", code, out)
	}
}

func advisoryZip(t *testing.T) []byte {
	t.Helper()
	const text = `{"id":"GHSA-test-0001","modified":"2026-11-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"x"},` +
		`"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]}]}]}`
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("GHSA-test-0001.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A real registry behind a private authority and a proxy: the same image as on disk, or none.
func TestRealRegistryBehindProxy(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "registry.test")
	f := &caseDir{t, t.TempDir()}
	layout := f.image("oci", goodImage)
	f.write("ca.pem", string(a.pem))
	f.write("cert.pem", string(a.cert))
	f.write("key.pem", string(a.key))
	data := t.TempDir()
	pushLayout(t, startRegistry(t, data, ""), "shop/web", "1", filepath.Join(f.dir, layout))
	address := startRegistry(t, data, fmt.Sprintf(", tls: {certificate: %s, key: %s}", filepath.Join(f.dir, "cert.pem"),
		filepath.Join(f.dir, "key.pem")))
	proxy, asked := connectProxy(t, address)
	scan := func(environ []string, args ...string) (int, string) {
		code, stdout, stderr := vetoIn(t, f.dir, environ, f.scan(args...)...)
		return code, stdout + stderr
	}
	if code, out := scan(nil, address+"/shop/web:1"); code != exitUndecided || !strings.Contains(out, "--ca-file FILE") {
		t.Errorf("without the authority: exit %d:\n%s", code, out)
	}
	if code, out := scan(nil, layout); code != exitPass {
		t.Fatalf("on disk: exit %d:\n%s", code, out)
	}
	local := readRun(t, filepath.Join(f.dir, "run.json"))
	for _, c := range []struct {
		environ []string
		ref     string
		proxied bool
	}{{nil, address + "/shop/web:1", false}, {[]string{"HTTPS_PROXY=" + proxy}, address + "/shop/web:1",
		false}, {[]string{"HTTPS_PROXY=" + proxy}, "registry.test/shop/web:1", true}} {
		if code, out := scan(c.environ, "--ca-file", "ca.pem", c.ref); code != exitPass || (len(asked()) > 0) != c.proxied {
			t.Fatalf("%s: exit %d, the proxy was asked for %q:\n%s", c.ref, code, asked(), out)
		}
		sameFacts(t, local, readRun(t, filepath.Join(f.dir, "run.json")))
	}
}
