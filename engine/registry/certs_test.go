package registry_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vetoci/veto/engine/registry"
)

// authority is a private one.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key = a.newKey()
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// issue makes a certificate and its key, as PEM, for servers of these names and as many clients.
func (a *authority) issue(names ...string) (cert, key []byte) {
	k := a.newKey()
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, NotBefore: a.cert.NotBefore,
		NotAfter: a.cert.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(a.pem)
	return p
}

// secure puts TLS before the registry of serve. It returns its address.
func secure(t *testing.T, a *authority, names []string, config *tls.Config) string {
	t.Helper()
	plain, _ := serve(t, nil)
	pair, err := tls.X509KeyPair(a.issue(names...))
	if err != nil {
		t.Fatal(err)
	}
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{pair}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+plain+r.URL.RequestURI(), nil)
		if err != nil {
			panic(err)
		}
		req.Header = r.Header
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}))
	s.TLS, s.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "https://")
}

func writeFile(t *testing.T, b []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateAuthority(t *testing.T) {
	a := newAuthority(t)
	address := secure(t, a, []string{"registry.test"}, nil)
	dir := t.TempDir()
	writeFile(t, a.pem, dir, address, "ca.crt")
	writeFile(t, []byte("not read"), dir, address, "README")
	other := t.TempDir()
	writeFile(t, a.pem, other, "127.0.0.1:1", "ca.crt")
	for what, c := range map[string]struct {
		change func(*registry.Options)
		says   string
	}{
		"nobody vouches":             {func(*registry.Options) {}, "certificate signed by unknown authority"},
		"a pool":                     {func(o *registry.Options) { o.CAs = a.pool() }, ""},
		"a folder":                   {func(o *registry.Options) { o.CertDirs = []string{other, "/nonexistent", dir} }, ""},
		"another's folder":           {func(o *registry.Options) { o.CertDirs = []string{other} }, "unknown authority"},
		"another's pool":             {func(o *registry.Options) { o.CAs = newAuthority(t).pool() }, "unknown authority"},
		"another's pool, its folder": {func(o *registry.Options) { o.CAs, o.CertDirs = newAuthority(t).pool(), []string{dir} }, ""},
	} {
		t.Run(what, func(t *testing.T) {
			o := options()
			c.change(&o)
			b, _, err := pull(o, address+"/shop/web:1")
			if c.says != "" {
				check(t, err, c.says, "--ca-file FILE, or FILE as /etc/docker/certs.d/"+address+"/ca.crt")
			} else if err != nil || !bytes.Equal(b, layer) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue("gate")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		address := secure(t, a, []string{"registry.test"},
			&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool(), MaxVersion: version})
		o := options()
		o.CAs, o.CertDirs = a.pool(), []string{t.TempDir()}
		_, _, err := pull(o, address+"/shop/web:1")
		if err == nil {
			t.Fatal("the registry wants no certificate")
		}
		if version == tls.VersionTLS13 {
			check(t, err, "certificate required", "/etc/docker/certs.d/"+address+"/client.cert")
		}
		writeFile(t, cert, o.CertDirs[0], address, "client.cert")
		writeFile(t, key, o.CertDirs[0], address, "client.key")
		if b, _, err := pull(o, address+"/shop/web:1"); err != nil || !bytes.Equal(b, layer) {
			t.Errorf("TLS %x: %d bytes, %v", version, len(b), err)
		}
	}
}

func TestFaultyCertificates(t *testing.T) {
	a := newAuthority(t)
	address, _ := serve(t, nil)
	cert, key := a.issue("gate")
	for what, c := range map[string]struct {
		files map[string][]byte
		says  string
	}{
		"no certificate": {map[string][]byte{"ca.crt": []byte("hello")}, "ca.crt: it holds no certificate"},
		"half a certificate": {map[string][]byte{"ca.crt": append(bytes.Clone(a.pem), a.pem[:200]...)},
			"ca.crt: after 1 certificates comes one that is not whole"},
		"a wrong certificate": {map[string][]byte{"ca.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})},
			"ca.crt: certificate 1 of it cannot be read"},
		"a key alone":          {map[string][]byte{"ca.crt": key}, "ca.crt: it holds no certificate"},
		"no key":               {map[string][]byte{"client.cert": cert}, "client.key: no such file"},
		"another's key":        {map[string][]byte{"client.cert": a.pem, "client.key": key}, "client.cert with "},
		"too large":            {map[string][]byte{"ca.crt": make([]byte, 1<<20+1)}, "limit of 1048576"},
		"a directory for file": {map[string][]byte{"ca.crt/x": nil}, "ca.crt: is a directory"},
	} {
		t.Run(what, func(t *testing.T) {
			o := options()
			o.CertDirs = []string{t.TempDir()}
			for name, b := range c.files {
				writeFile(t, b, o.CertDirs[0], address, name)
			}
			_, _, err := pull(o, address+"/shop/web:1")
			check(t, err, c.says, "")
			if !strings.Contains(err.Error(), o.CertDirs[0]) {
				t.Errorf("it does not say which file: %v", err)
			}
		})
	}
	o := options()
	o.CertDirs = []string{t.TempDir()}
	for i := range 257 {
		writeFile(t, nil, o.CertDirs[0], address, fmt.Sprint(i))
	}
	_, _, err := pull(o, address+"/shop/web:1")
	check(t, err, "limit of 256", "")
}

// proxy speaks CONNECT and nothing else, leads every name to one address, and counts. With a status it refuses.
type proxy struct {
	to     string
	status int
	seen   atomic.Int64
	hosts  chan string
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.seen.Add(1)
	p.hosts <- r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization")
	if p.status != 0 {
		w.WriteHeader(p.status)
		return
	}
	up, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		panic(err)
	}
	defer up.Close()
	down, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer down.Close()
	fmt.Fprint(down, "HTTP/1.1 200 Connected\r\n\r\n")
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(down, up)
		done <- errors.Join(err, down.Close())
	}()
	io.Copy(up, io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), down))
	up.Close()
	<-done
}

var _ http.Handler = (*proxy)(nil)

func startProxy(t *testing.T, to string, status int) (*proxy, *url.URL) {
	t.Helper()
	p := &proxy{to: to, status: status, hosts: make(chan string, 100)}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return p, u
}

func TestProxy(t *testing.T) {
	a := newAuthority(t)
	address := secure(t, a, []string{"registry.test"}, nil)
	p, u := startProxy(t, address, 0)
	u.User = url.UserPassword("me", "s3cret")
	o := options()
	o.CAs = a.pool()
	o.Proxy = func(to *url.URL) (*url.URL, error) {
		if to.Hostname() == "registry.test" {
			return u, nil
		}
		return nil, nil
	}
	if b, _, err := pull(o, "registry.test/shop/web:1"); err != nil || !bytes.Equal(b, layer) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if n := p.seen.Load(); n == 0 {
		t.Error("nothing went through the proxy")
	}
	if got := <-p.hosts; got != "CONNECT registry.test:443 Basic bWU6czNjcmV0" {
		t.Errorf("the proxy saw %q", got)
	}
	before := p.seen.Load()
	if _, _, err := pull(o, address+"/shop/web:1"); err != nil || p.seen.Load() != before {
		t.Errorf("past the proxy: %v, %d connections", err, p.seen.Load()-before)
	}
	// The same with an authority that a folder names for this registry alone.
	o.CAs, o.CertDirs = nil, []string{t.TempDir()}
	writeFile(t, a.pem, o.CertDirs[0], "registry.test", "ca.crt")
	if b, _, err := pull(o, "registry.test/shop/web:1"); err != nil || !bytes.Equal(b, layer) || p.seen.Load() == before {
		t.Errorf("%d bytes, %v, %d connections", len(b), err, p.seen.Load()-before)
	}
}

func TestProxyRefuses(t *testing.T) {
	for _, status := range []int{407, 403, 502} {
		_, u := startProxy(t, "", status)
		u.User = url.UserPassword("me", "s3cret")
		o := options()
		o.Proxy = func(*url.URL) (*url.URL, error) { return u, nil }
		_, _, err := pull(o, "registry.test/shop/web:1")
		check(t, err, http.StatusText(status), "HTTPS_PROXY")
	}
	o := options()
	o.Proxy = func(*url.URL) (*url.URL, error) { return url.Parse("http://me:s3cret@127.0.0.1:1") }
	_, _, err := pull(o, "registry.test/shop/web:1")
	check(t, err, "proxyconnect", "HTTPS_PROXY")
}

func FuzzParseCertificates(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if certs, err := registry.ParseCertificates(text); (err == nil) != (len(certs) > 0) {
			t.Errorf("%d certificates, %v", len(certs), err)
		}
	})
}
