package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vetoci/veto/engine"
)

// Docker returns the Options of Docker's daemon, from the environment variables that docker reads: DOCKER_HOST, DOCKER_TLS_VERIFY and
// DOCKER_CERT_PATH. Without DOCKER_HOST it takes the usual sockets. It ignores what `docker context use` chose.
func Docker(getenv func(string) string) Options {
	o := Options{Program: "docker", Host: getenv("DOCKER_HOST"), From: "DOCKER_HOST", Sockets: []string{"/var/run/docker.sock"}}
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		o.Sockets = append(o.Sockets, filepath.Join(dir, "docker.sock"))
	}
	home := getenv("HOME")
	if filepath.IsAbs(home) {
		o.Sockets = append(o.Sockets, filepath.Join(home, ".docker", "run", "docker.sock")) // Docker Desktop
	}
	certs := getenv("DOCKER_CERT_PATH")
	if certs == "" && getenv("DOCKER_TLS_VERIFY") != "" {
		certs = filepath.Join(home, ".docker")
	}
	if certs != "" {
		o.CA, o.Cert, o.Key = filepath.Join(certs, "ca.pem"), filepath.Join(certs, "cert.pem"), filepath.Join(certs, "key.pem")
	}
	return o
}

// Podman returns the Options of Podman's service, from the environment variable that podman --remote reads: CONTAINER_HOST. Without it, it
// takes the usual sockets, this user's before the system's.
func Podman(getenv func(string) string) Options {
	o := Options{Program: "podman", Host: getenv("CONTAINER_HOST"), From: "CONTAINER_HOST"}
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		o.Sockets = append(o.Sockets, filepath.Join(dir, "podman", "podman.sock"))
	}
	o.Sockets = append(o.Sockets, "/run/podman/podman.sock")
	return o
}

// endpoint is where a daemon listens.
type endpoint struct {
	network, address string // as net.Dial takes them
	authority        string // of the URL: host and port
	tls              bool
}

func (p endpoint) String() string {
	if p.network == "unix" {
		return "unix://" + p.address
	}
	return "tcp://" + p.address
}

// endpoint returns where the daemon listens.
func (o Options) endpoint() (endpoint, error) {
	if o.Host != "" {
		return o.parseHost()
	}
	for _, path := range o.Sockets {
		_, err := os.Stat(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return unixEndpoint(path), nil // connecting will tell what is wrong with it
		}
	}
	err := fmt.Errorf("no %s daemon: there is no socket at %s", o.Program, strings.Join(o.Sockets, ", "))
	return endpoint{}, engine.Hint(err, "%s", o.startHint())
}

func unixEndpoint(path string) endpoint {
	return endpoint{network: "unix", address: path, authority: "localhost"}
}

// parseHost returns the endpoint that Host names.
func (o Options) parseHost() (endpoint, error) {
	scheme, rest, ok := strings.Cut(o.Host, "://")
	bad := func(format string, args ...any) (endpoint, error) {
		return endpoint{}, engine.Hint(engine.Usage("%s=%q: %s", o.From, shorten(o.Host, 200), fmt.Sprintf(format, args...)),
			"it is unix:///path/of/the.sock or tcp://HOST:PORT")
	}
	switch {
	case !ok:
		return bad("it has no scheme")
	case scheme == "unix" || scheme == "http+unix":
		path := rest
		if scheme == "http+unix" {
			var err error
			if path, err = url.PathUnescape(rest); err != nil {
				return bad("its path is not escaped as in a URL")
			}
		}
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return bad("a socket's path starts with /")
		}
		return unixEndpoint(path), nil
	case scheme == "tcp":
		host, port, err := net.SplitHostPort(strings.TrimSuffix(rest, "/"))
		_, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || host == "" || strings.ContainsAny(rest, "@?#%\x00") {
			return bad("after tcp:// it is HOST:PORT")
		}
		address := net.JoinHostPort(host, port)
		p := endpoint{network: "tcp", address: address, authority: address, tls: o.CA != "" || o.Cert != ""}
		if !p.tls && !o.PlainHTTP && !loopback(host) {
			hint := o.forwardHint()
			if o.Program == "docker" {
				hint = "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH=DIR"
			}
			err := fmt.Errorf("%s=%q: a connection without TLS is refused beyond loopback", o.From, shorten(o.Host, 200))
			return endpoint{}, engine.Hint(err,
				"%s; --plain-http allows it, if the network between here and there can be trusted", hint)
		}
		return p, nil
	case scheme == "ssh":
		err := engine.Usage("%s=%q: ssh:// is not spoken here", o.From, shorten(o.Host, 200))
		return endpoint{}, engine.Hint(err, "%s", o.forwardHint())
	}
	return bad("the scheme %q is not known", shorten(scheme, 20))
}

// loopback reports whether a host is this machine by its name alone.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

const maxPEM = 1 << 20 // bytes of a file of certificates or of a key

// tls reads the certificates. Only the authority in CA is trusted to certify the daemon, not those of the system.
func (o Options) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	read := func(path string) ([]byte, error) {
		b, err := engine.ReadLimited(path, maxPEM)
		if err != nil {
			return nil, engine.Hint(fmt.Errorf("reading the certificates for %s: %w", o.Host, err),
				"DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem")
		}
		return b, nil
	}
	ca, err := read(o.CA)
	if err != nil {
		return nil, err
	}
	if !c.RootCAs.AppendCertsFromPEM(ca) {
		return nil, engine.Usage("%s holds no certificate", o.CA)
	}
	if o.Cert == "" {
		return c, nil
	}
	cert, err := read(o.Cert)
	if err != nil {
		return nil, err
	}
	key, err := read(o.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, engine.Usage("%s and %s are not a certificate and its key: %v", o.Cert, o.Key, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// forwardHint says how to reach the socket of another machine.
func (o Options) forwardHint() string {
	there := "/var/run/docker.sock"
	if o.Program == "podman" {
		there = "/run/podman/podman.sock"
	}
	return fmt.Sprintf("bring the socket here: ssh -nNT -L /tmp/%s.sock:%s HOST, then %s=unix:///tmp/%[1]s.sock", o.Program, there, o.From)
}

// startHint says what to do when there is no daemon at the endpoint.
func (o Options) startHint() string {
	start := "start it (sudo systemctl start docker)"
	if o.Program == "podman" {
		start = "start its service (systemctl --user start podman.socket)"
	}
	return fmt.Sprintf("%s, or name its socket: %s=unix:///path/of/the.sock; an image in a registry needs no daemon: registry:NAME",
		start, o.From)
}

// unreachable is the error of a daemon that gave no answer, with a hint at what to do.
func (c *Client) unreachable(ctx context.Context, err error) error {
	what := "asking " + c.Where()
	timeout := interface{ Timeout() bool }(nil)
	verification := (*tls.CertificateVerificationError)(nil)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case errors.Is(err, fs.ErrPermission) && c.endpoint.network == "unix":
		hint := "the group of the socket may use it (sudo usermod -aG docker USER, then log in again); " +
			"else save the image as who may: docker save NAME -o app.tar"
		if c.options.Program == "podman" {
			hint = "that is another user's: start your own (systemctl --user start podman.socket), " +
				"or name it: CONTAINER_HOST=unix:///path/of/the.sock"
		}
		return engine.Hint(fmt.Errorf("%s: permission denied on the socket", what), "%s", hint)
	case errors.Is(err, fs.ErrNotExist):
		return engine.Hint(fmt.Errorf("%s: there is no such socket", what), "%s", c.options.startHint())
	case errors.Is(err, syscall.ECONNREFUSED):
		return engine.Hint(fmt.Errorf("%s: nothing listens there", what), "%s", c.options.startHint())
	case errors.As(err, &verification):
		return engine.Hint(fmt.Errorf("%s: %w", what, verification),
			"the ca.pem in DOCKER_CERT_PATH is the authority that the daemon's certificate needs")
	case errors.As(err, &timeout) && timeout.Timeout():
		return engine.Hint(fmt.Errorf("%s: no answer in time", what), "see whether %s images answers", c.options.Program)
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return engine.Hint(fmt.Errorf("%s: %s", what, shorten(err.Error(), 300)), "%s", c.options.startHint())
}
