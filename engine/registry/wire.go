package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// wire sends single requests, and sends them again where that can help. Everything passes it: the first contact, tokens, manifests
// and blobs.
type wire struct {
	inner   http.RoundTripper
	options Options
	plain   bool // may this registry be asked without TLS
	// greeting is why the first contact had no answer with TLS: an answer without TLS would hide it.
	greeting error
}

const (
	attempts       = 4
	firstPause     = 100 * time.Millisecond // each later one is four times as long
	longestAsked   = time.Minute            // a registry that asks for more gets no second request (Retry-After)
	maxGreeting    = 64 << 10               // bytes of the answer to the first contact, which says nothing
	maxErrorAnswer = 64 << 10               // bytes of an answer that is an error
)

// errPlain refuses what a redirect, a token service or a private address would otherwise bring about.
var errPlain = errors.New("plain HTTP is refused beyond loopback")

// tlsFailure and plainFailure are failures to get any answer, with and without TLS.
type tlsFailure struct{ err error }

func (e *tlsFailure) Error() string { return e.err.Error() }
func (e *tlsFailure) Unwrap() error { return e.err }

type plainFailure struct{ err error }

func (e *plainFailure) Error() string { return e.err.Error() }
func (e *plainFailure) Unwrap() error { return e.err }

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	// A registry on loopback names token services and redirects to storage, too: those are as far away as their own address says.
	if req.URL.Scheme != "https" && (!w.plain || !w.options.PlainHTTP && !loopback(req.URL.Host)) {
		return nil, errPlain
	}
	for attempt := 1; ; attempt++ {
		resp, err := w.once(req)
		pause, again := w.again(req, attempt, resp, err)
		switch {
		case !again && err == nil:
			return resp, nil
		case !again && req.URL.Scheme == "http":
			return nil, &plainFailure{err}
		case !again:
			err = &tlsFailure{err}
			if isGreeting(req) {
				w.greeting = err
			}
			return nil, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, maxErrorAnswer) // only to use the connection again
			_ = resp.Body.Close()
		}
		if err := w.options.Sleep(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// isGreeting recognises the first contact, which goes out before anything else does (distribution-spec, "Determining Support").
func isGreeting(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/v2/") }

// again says whether a request is worth repeating, and after how long.
func (w *wire) again(req *http.Request, attempt int, resp *http.Response, err error) (time.Duration, bool) {
	pause := firstPause << (2 * (attempt - 1))
	switch {
	case attempt >= attempts, req.Context().Err() != nil, req.Body != nil && req.GetBody == nil:
		return 0, false
	case err != nil:
		return pause, transient(err, attempt)
	case resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode < 500 || resp.StatusCode == http.StatusNotImplemented):
		return 0, false
	}
	asked, ok := retryAfter(resp.Header)
	if ok && asked > longestAsked {
		return 0, false
	}
	return max(pause, asked), true
}

// retryAfter reads the header (RFC 9110, 10.2.3): seconds, or a time, which is held against the answer's own date.
func retryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	then, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	return max(then.Sub(now), 0), true
}

// transient says whether a failure to get an answer may pass by itself. What took a whole timeout is tried once more only.
func transient(err error, attempt int) bool {
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	if errors.Is(err, http.ErrSchemeMismatch) || distrusted(err) || handshake(err) || wantsClient(err) {
		return false
	}
	return !timedOut(err) || attempt < 2
}

func timedOut(err error) bool {
	t := interface{ Timeout() bool }(nil)
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func distrusted(err error) bool {
	c := (*tls.CertificateVerificationError)(nil)
	return errors.As(err, &c)
}

func handshake(err error) bool {
	h, a := tls.RecordHeaderError{}, tls.AlertError(0)
	return errors.As(err, &h) || errors.As(err, &a)
}

// once sends a request. The answer's body ends with an error when a read brings nothing for the timeout.
func (w *wire) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	sent := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		sent.Body = body
	}
	sent.Header.Set("User-Agent", w.options.UserAgent)
	resp, err := w.inner.RoundTrip(sent)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &body{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timeout: w.options.Timeout}
	b.timer = time.AfterFunc(b.timeout, func() { cancel(&stallError{b.timeout}) })
	b.timer.Stop()
	resp.Body, resp.Request = b, req
	if isGreeting(req) {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(b, maxGreeting), b}
	}
	return resp, nil
}

// body is an answer's body whose reads end.
type body struct {
	io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if stall := (*stallError)(nil); err != nil && errors.As(context.Cause(b.ctx), &stall) {
		err = stall
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// stallError is a read that brought nothing.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("the registry sent nothing for %s", e.after) }
func (e *stallError) Timeout() bool { return true }
