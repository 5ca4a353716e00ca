package daemon_test

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
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/daemon"
)

func environment(pairs ...string) func(string) string {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestEnvironment(t *testing.T) {
	docker := func(o daemon.Options) daemon.Options {
		o.Program, o.From = "docker", "DOCKER_HOST"
		return o
	}
	podman := func(o daemon.Options) daemon.Options {
		o.Program, o.From = "podman", "CONTAINER_HOST"
		return o
	}
	const system, service = "/var/run/docker.sock", "/run/podman/podman.sock"
	for _, c := range []struct {
		name      string
		got, want daemon.Options
	}{
		{"docker, nothing", daemon.Docker(environment()), docker(daemon.Options{Sockets: []string{system}})},
		{"docker, a user", daemon.Docker(environment("HOME", "/home/u", "XDG_RUNTIME_DIR", "/run/user/7")),
			docker(daemon.Options{Sockets: []string{system, "/run/user/7/docker.sock", "/home/u/.docker/run/docker.sock"}})},
		{"docker, a host", daemon.Docker(environment("DOCKER_HOST", "tcp://h:1", "CONTAINER_HOST", "x")),
			docker(daemon.Options{Host: "tcp://h:1", Sockets: []string{system}})},
		{"docker, certificates", daemon.Docker(environment("DOCKER_CERT_PATH", "/c")),
			docker(daemon.Options{Sockets: []string{system}, CA: "/c/ca.pem", Cert: "/c/cert.pem", Key: "/c/key.pem"})},
		{"docker, verification", daemon.Docker(environment("HOME", "/h", "DOCKER_TLS_VERIFY", "1")),
			docker(daemon.Options{Sockets: []string{system, "/h/.docker/run/docker.sock"}, CA: "/h/.docker/ca.pem", Cert: "/h/.docker/cert.pem",
				Key: "/h/.docker/key.pem"})},
		{"docker, relative folders", daemon.Docker(environment("HOME", "h", "XDG_RUNTIME_DIR", "r")),
			docker(daemon.Options{Sockets: []string{system}})},
		{"podman, nothing", daemon.Podman(environment()), podman(daemon.Options{Sockets: []string{service}})},
		{"podman, a user", daemon.Podman(environment("XDG_RUNTIME_DIR", "/run/user/7")),
			podman(daemon.Options{Sockets: []string{"/run/user/7/podman/podman.sock", service}})},
		{"podman, a host", daemon.Podman(environment("CONTAINER_HOST", "unix:///p", "DOCKER_HOST", "x", "DOCKER_CERT_PATH", "/c")),
			podman(daemon.Options{Host: "unix:///p", Sockets: []string{service}})},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, diff)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, host := range []string{"x", "unix://", "unix://d.sock", "http+unix://%zz", "http+unix://d", "unix:///a\x00b", "tcp://", "tcp://h",
		"tcp://:1", "tcp://u:p@h:1", "tcp://h:1/path",
		"tcp://h:1?x", "npipe:////./pipe/docker_engine", "fd://", "http://h:1", "ssh://u@h", strings.Repeat("x", 300)} {
		for _, o := range []daemon.Options{daemon.Docker(environment("DOCKER_HOST", host)), daemon.Podman(environment("CONTAINER_HOST", host))} {
			_, err := daemon.Open(t.Context(), o)
			check(t, err, o.From+"=", "unix:///")
			if usage := (*engine.UsageError)(nil); !errors.As(err, &usage) || len(err.Error()) > 400 {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	_, err := daemon.Open(t.Context(), daemon.Docker(environment("DOCKER_HOST", "tcp://192.0.2.1:2375")))
	check(t, err, "without TLS is refused", "DOCKER_TLS_VERIFY=1")
	_, err = daemon.Open(t.Context(), daemon.Podman(environment("CONTAINER_HOST", "tcp://192.0.2.1:2375")))
	check(t, err, "without TLS is refused", "/run/podman/podman.sock HOST")
}

// certificates makes a folder as DOCKER_CERT_PATH names: an authority, and a certificate of its that serves for both sides.
func certificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"ca.pem": cert, "cert.pem": cert,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTCP(t *testing.T) {
	dir := certificates(t)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	d := &standIn{archive: saved(t)}
	s := httptest.NewUnstartedServer(d)
	s.TLS, s.Config.ErrorLog = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: pool}, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	host := "tcp://" + strings.TrimPrefix(s.URL, "https://")
	b, err := export(t.Context(), daemon.Docker(environment("DOCKER_HOST", host, "DOCKER_TLS_VERIFY", "1", "DOCKER_CERT_PATH", dir)), name)
	if err != nil || !bytes.Equal(b, d.archive) {
		t.Errorf("with TLS: %d bytes, %v", len(b), err)
	}
	_, err = export(t.Context(), daemon.Docker(environment("DOCKER_HOST", host, "DOCKER_CERT_PATH", certificates(t))), name)
	check(t, err, "certificate", "ca.pem in DOCKER_CERT_PATH")
	_, err = export(t.Context(), daemon.Docker(environment("DOCKER_HOST", host)), name)
	check(t, err, "is no docker daemon: 400", "DOCKER_HOST")

	plain := httptest.NewServer(d)
	t.Cleanup(plain.Close)
	o := daemon.Docker(environment("DOCKER_HOST", "tcp://"+strings.TrimPrefix(plain.URL, "http://")+"/"))
	if b, err := export(t.Context(), o, name); err != nil || !bytes.Equal(b, d.archive) {
		t.Errorf("on loopback without TLS: %d bytes, %v", len(b), err)
	}
}

func TestFaultyCertificates(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(dir string) error
		says  string
		usage bool
	}{
		"no authority":   {func(dir string) error { return os.Remove(filepath.Join(dir, "ca.pem")) }, "ca.pem: no such file", false},
		"no key":         {func(dir string) error { return os.Remove(filepath.Join(dir, "key.pem")) }, "key.pem: no such file", false},
		"no certificate": {func(dir string) error { return os.Remove(filepath.Join(dir, "cert.pem")) }, "cert.pem: no such file", false},
		"authority is none": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("x"), 0o600) },
			"ca.pem holds no certificate", true},
		"key is none": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "key.pem"), []byte("x"), 0o600) },
			"are not a certificate and its key", true},
		"too large": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca.pem"), make([]byte, 1<<20+1), 0o600)
		}, "limit of 1048576", false},
	} {
		t.Run(what, func(t *testing.T) {
			dir := certificates(t)
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
			_, err := daemon.Open(t.Context(), daemon.Docker(environment("DOCKER_HOST", "tcp://127.0.0.1:1", "DOCKER_CERT_PATH", dir)))
			check(t, err, c.says, "")
			if usage := (*engine.UsageError)(nil); errors.As(err, &usage) != c.usage {
				t.Errorf("whose mistake is it: %v", err)
			}
		})
	}
}
