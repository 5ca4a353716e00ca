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

const (
	maxCertFiles = 256     // in the folders of one registry
	maxCertFile  = 1 << 20 // bytes
)

// transport returns the connections to a registry: the shared ones, or some of its own when there is a folder of certificates for
// it. Such a folder holds as much for whatever the registry sends its clients to: its token service, its storage.
func (c *Client) transport(host string) (*http.Transport, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.own[host]; t != nil {
		return t, nil
	}
	certs, err := c.readCerts(host)
	if err != nil {
		return nil, &certsError{err}
	}
	t := c.inner
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
		t = c.inner.Clone()
		t.TLSClientConfig = config
	}
	if c.own == nil {
		c.own = map[string]*http.Transport{}
	}
	c.own[host] = t
	return t, nil
}

// roots are the authorities that are trusted everywhere; they may be added to.
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

// certsError is a folder of certificates that cannot be used.
type certsError struct{ err error }

func (e *certsError) Error() string { return e.err.Error() }
func (e *certsError) Unwrap() error { return e.err }

// certs are what the folders of one registry hold.
type certs struct {
	authorities []*x509.Certificate
	client      []tls.Certificate
}

// readCerts reads CertDirs/HOST[:PORT]: *.crt are authorities, X.cert with X.key is how this client shows who it is (Docker, "Use CA
// certificates"; containers-certs.d(5)).
func (c *Client) readCerts(host string) (out certs, err error) {
	names := []string{host}
	if h, port, err := net.SplitHostPort(host); err == nil && port == "443" {
		names = append(names, h)
	}
	for _, dir := range c.options.CertDirs {
		for _, name := range names {
			if !filepath.IsLocal(name) {
				continue // a registry called ".." has no folder
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
	// Folders of the system's may be its administrator's alone. Without what is in one, fewer registries can be talked to, not more.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(maxCertFiles + 1)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ENOTDIR) { // a file of that name is no folder
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
