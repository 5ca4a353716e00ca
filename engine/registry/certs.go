package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vetoci/veto/engine"
)

// Limits on the folder of one registry's certificates, which hold a few files of some kilobytes.
const (
	maxCertFiles = 256
	maxCertFile  = 1 << 20 // bytes
)

// transportFor returns the transport for a registry: the shared one, or one of its own when there is a folder of certificates for it. The
// certificates also count for what the registry redirects to: its token service, its storage.
func (c *Client) transportFor(host string) (*http.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.transports[host]; t != nil {
		return t, nil
	}
	certs, err := c.readCerts(host)
	if err != nil {
		return nil, &certsError{err}
	}
	t := c.transport
	if len(certs.authorities) > 0 || len(certs.client) > 0 {
		config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.options.CAs, Certificates: certs.client}
		if len(certs.authorities) > 0 {
			if config.RootCAs, err = c.roots(); err != nil {
				return nil, &certsError{err}
			}
			for _, cert := range certs.authorities {
				config.RootCAs.AddCert(cert)
			}
		}
		t = c.transport.Clone()
		t.TLSClientConfig = config
	}
	if c.transports == nil {
		c.transports = map[string]*http.Transport{}
	}
	c.transports[host] = t
	return t, nil
}

// roots returns a copy of the authorities that are trusted for all registries.
func (c *Client) roots() (*x509.CertPool, error) {
	if c.options.CAs != nil {
		return c.options.CAs.Clone(), nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's authorities: %w", err)
	}
	return pool, nil
}

// certsError is the fault of a folder of certificates.
type certsError struct{ err error }

func (e *certsError) Error() string { return e.err.Error() }
func (e *certsError) Unwrap() error { return e.err }

// certs are the certificates in the folders of one registry.
type certs struct {
	authorities []*x509.Certificate
	client      []tls.Certificate
}

// readCerts reads CertDirs/HOST[:PORT]: *.crt are authorities, X.cert with X.key are a certificate of this client and its key (Docker docs,
// "Use CA certificates with Docker"; containers-certs.d(5)).
func (c *Client) readCerts(host string) (out certs, err error) {
	names := []string{host}
	if h, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		names = append(names, h)
	}
	for _, dir := range c.options.CertDirs {
		for _, name := range names {
			if !filepath.IsLocal(name) { // ".."
				continue
			}
			if err := out.readDir(filepath.Join(dir, name)); err != nil {
				return certs{}, err
			}
		}
	}
	return out, nil
}

func (c *certs) readDir(dir string) error {
	f, err := os.Open(dir)
	// A folder that this user may not read counts as absent: without it veto trusts fewer registries, not more.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(maxCertFiles + 1)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ENOTDIR) { // it has fewer files, or is a file itself
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(entries) > maxCertFiles {
		return &engine.LimitError{What: "files of " + dir, Limit: maxCertFiles}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(e.Name()) {
		case ".crt":
			err = c.addAuthority(path)
		case ".cert":
			err = c.addClient(path, strings.TrimSuffix(path, ".cert")+".key")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *certs) addAuthority(path string) error {
	b, err := engine.ReadLimited(path, maxCertFile)
	if err != nil {
		return err
	}
	found, err := ParseCertificates(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.authorities = append(c.authorities, found...)
	return nil
}

func (c *certs) addClient(cert, key string) error {
	c1, err := engine.ReadLimited(cert, maxCertFile)
	if err != nil {
		return err
	}
	k, err := engine.ReadLimited(key, maxCertFile)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(c1, k)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", cert, key, err)
	}
	c.client = append(c.client, pair)
	return nil
}
