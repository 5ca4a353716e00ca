package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/vetoci/veto/engine"
)

// statusError is an answer whose status is no success.
type statusError struct {
	status int
	code   string // the registry's own (distribution-spec, "Error Codes"); empty when it gives none
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	if e.code != "" {
		s += " (" + e.code + ")"
	}
	return strings.TrimSpace(s)
}

// errorCode is the form of the only part of an error's body that is shown: the registry could write anything into a message.
var errorCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,39}$`)

// readStatus makes an error of an answer whose status is no success.
func readStatus(resp *http.Response) *statusError {
	e := &statusError{status: resp.StatusCode}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer))
	if err != nil {
		return e // the status says enough
	}
	var answer struct {
		Errors []struct{ Code string }
	}
	if json.Unmarshal(b, &answer) == nil && len(answer.Errors) > 0 && errorCode.MatchString(answer.Errors[0].Code) {
		e.code = answer.Errors[0].Code
	}
	return e
}

// failure makes an error that says in one line what was asked for and why that failed, without credentials, tokens or query strings, with a
// hint at what to do.
func (r *Repository) failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("reading %s: %w", what, ctx.Err())
	}
	if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
		return err
	}
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) {
		return fmt.Errorf("reading %s: %w", what, limit)
	}
	if hint := (*engine.HintError)(nil); errors.As(err, &hint) {
		return engine.Hint(fmt.Errorf("reading %s: %w", what, hint.Err), "%s", hint.Hint)
	}
	if errors.Is(err, ErrNoRanges) {
		return engine.Hint(fmt.Errorf("reading %s: %w", what, err), "without --toc layers are read whole, and need no ranges")
	}
	hint, err := r.explain(rootCause(err))
	err = fmt.Errorf("reading %s: %s", what, r.sanitize(err.Error()))
	if hint != "" {
		return engine.Hint(err, "%s", hint)
	}
	return err
}

// rootCause picks the failure to show. A ping of a registry that may speak plain HTTP has two: one with TLS and one without.
func rootCause(err error) error {
	secure, plain, status := (*tlsFailure)(nil), (*plainFailure)(nil), (*transport.Error)(nil)
	switch {
	case errors.As(err, &secure) && (untrustedCert(secure) || wantsClientCert(secure)):
		return secure
	case errors.As(err, &plain):
		return plain.err
	case errors.As(err, &status):
		e := &statusError{status: status.StatusCode}
		if len(status.Errors) > 0 && errorCode.MatchString(string(status.Errors[0].Code)) {
			e.code = string(status.Errors[0].Code)
		}
		return e
	case secure != nil:
		return secure.err
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// explain returns a hint at what to do, and the error to show.
func (r *Repository) explain(err error) (hint string, shown error) {
	if status := (*statusError)(nil); errors.As(err, &status) {
		return r.statusHint(status.status), status
	}
	dns, keychain, certs := (*net.DNSError)(nil), (*keychainError)(nil), (*certsError)(nil)
	switch {
	case errors.As(err, &certs):
		return "mend it or take it away: *.crt are authorities, X.cert with X.key are a certificate for this machine and its key", certs
	case errors.As(err, &keychain):
		return "check ~/.docker/config.json and its credential helpers, or set VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD", keychain
	case errors.Is(err, errPlain):
		return "--plain-http allows it, if the network between here and " + r.host() + " can be trusted", err
	case errors.Is(err, http.ErrSchemeMismatch):
		return "--plain-http allows that, if the network between here and there can be trusted",
			fmt.Errorf("%s speaks plain HTTP, not TLS", r.host())
	case untrustedCert(err):
		const hint = "name the authority of its certificate: --ca-file FILE, or FILE as /etc/docker/certs.d/%s/ca.crt; or add it to the system's"
		return fmt.Sprintf(hint, r.host()), err
	case wantsClientCert(err):
		return fmt.Sprintf("put a certificate for this machine and its key at /etc/docker/certs.d/%s/client.cert and client.key", r.host()), err
	case errors.As(err, &dns):
		return "check the host name in the reference, the DNS, and the proxy (HTTPS_PROXY)", err
	case timedOut(err):
		const hint = "%s did not go on within %s: " +
			"check the network, the firewall and the proxy (HTTPS_PROXY); VETO_REGISTRY_TIMEOUT=2m waits longer"
		return fmt.Sprintf(hint, r.host(), r.client.options.Timeout), err
	}
	return "check that " + r.host() + " is a registry and can be reached from here, directly or through a proxy (HTTPS_PROXY)", err
}

// wantsClientCert recognises a server that wants a certificate of the client (RFC 8446, 6.2). Before TLS 1.3 the alert for that is also
// used for other faults. crypto/tls has no type for either alert.
func wantsClientCert(err error) bool {
	const alert = "remote error: tls: "
	return strings.Contains(err.Error(), alert+"certificate required") || strings.Contains(err.Error(), alert+"bad certificate")
}

// statusHint says what to do after an answer with this status; may be empty.
func (r *Repository) statusHint(status int) string {
	host := r.host()
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		login := "docker login " + host
		if host == "docker.io" {
			login = "docker login"
		}
		if o := r.client.options; o.User != "" && !r.client.given(r.repo) {
			return login + ": VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD are for " + cmp.Or(o.Host, "no registry") +
				" alone (VETO_REGISTRY_HOST says for which)"
		}
		return login + ", or set VETO_REGISTRY_USER and VETO_REGISTRY_PASSWORD; " +
			"a registry may answer so, too, for an image that it does not have"
	case status == http.StatusNotFound:
		return "for a local image: docker save NAME -o app.tar && veto scan ./app.tar"
	case status == http.StatusTooManyRequests:
		return fmt.Sprintf("wait, or log in for a higher limit: docker login %s", strings.TrimPrefix(host, "docker.io"))
	case status >= 500:
		return host + " is in trouble: try again later"
	}
	return ""
}

// secretParts match what may be secret in a URL: the query of a signed URL, the user and password of a proxy.
var secretParts = regexp.MustCompile(`\?[^\s"']*|//[^/\s"'@]*@`)

// sanitize makes one line of at most 400 bytes, without secrets and control characters, of a library's error text.
func (r *Repository) sanitize(s string) string {
	const most = 400 // bytes
	s = secretParts.ReplaceAllStringFunc(s, func(part string) string {
		if part[0] == '?' {
			return ""
		}
		return "//"
	})
	if p := r.client.options.Password; p != "" {
		s = strings.ReplaceAll(s, p, "…")
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return ' '
		}
		return c
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
