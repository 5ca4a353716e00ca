package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// networkFlags say how veto gets at what is elsewhere: registries and advisories.
type networkFlags struct{ caFile string }

func (f *networkFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.caFile, "ca-file", "", "`FILE` of certificates, PEM, of authorities to trust besides the system's")
}

// network is what the connections of one command share.
type network struct {
	cas      *x509.CertPool // nil is the system's
	proxies  proxyFunc
	certDirs []string
}

// open reads the file of authorities and the proxies. read is for files whose path is relative.
func (f *networkFlags) open(sys *system, read func(string) ([]byte, error)) (*network, error) {
	n := &network{certDirs: certDirs(sys)}
	var err error
	if n.proxies, err = readProxies(sys.getenv); err != nil || f.caFile == "" {
		return n, err
	}
	if filepath.IsAbs(f.caFile) { // the machine's, not the repository's: --trust has no say
		read = readCAFile
	}
	text, err := read(f.caFile)
	if err != nil {
		return nil, usage(err)
	}
	certs, err := registry.ParseCertificates(text)
	if err != nil {
		return nil, engine.Usage("--ca-file %s: %w", f.caFile, err)
	}
	if n.cas, err = x509.SystemCertPool(); err != nil {
		return nil, fmt.Errorf("reading the system's authorities: %w", err)
	}
	for _, c := range certs {
		n.cas.AddCert(c)
	}
	return n, nil
}

func readCAFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, engine.Usage("--ca-file: %v", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, engine.MaxSettings+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, engine.Usage("--ca-file: %v", err)
	}
	if len(b) > engine.MaxSettings {
		return nil, &engine.LimitError{What: "size of " + path, Limit: engine.MaxSettings}
	}
	return b, nil
}

// certDirs are where docker and podman look for the certificates of single registries.
func certDirs(sys *system) []string {
	dirs := []string{"/etc/docker/certs.d", "/etc/containers/certs.d"}
	if home := sys.getenv("HOME"); filepath.IsAbs(home) {
		dirs = append(dirs, filepath.Join(home, ".docker", "certs.d"), filepath.Join(home, ".config", "docker", "certs.d"),
			filepath.Join(home, ".config", "containers", "certs.d"))
	}
	return dirs
}

// downloads is the client for advisories. Its time limits are for the small steps: a feed may take long as a whole.
func (n *network) downloads() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return n.proxies(r.URL) },
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: n.cas},
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
}
