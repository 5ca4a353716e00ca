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

// retryTransport sends requests, and sends them again where that can help. All requests go through it: pings, tokens, manifests and blobs.
type retryTransport struct {
	inner   http.RoundTripper
	options Options
	plain   bool // this registry may be asked without TLS
	// pingErr is why the ping had no answer with TLS. go-containerregistry then pings without TLS, and would hide it.
	pingErr error
}

const (
	attempts          = 4
	firstPause        = 100 * time.Millisecond // each later pause is four times as long
	longestRetryAfter = time.Minute            // when a registry asks for a longer pause (Retry-After), there is no further attempt
	maxPing           = 64 << 10               // bytes of the answer to a ping, which is not looked at
	maxErrorAnswer    = 64 << 10               // bytes of an answer that is an error, of which a code is shown
)

// errPlain refuses plain HTTP, to which a redirect, a token service or a reference may lead.
var errPlain = errors.New("plain HTTP is refused beyond loopback")

// tlsFailure and plainFailure are requests that got no answer, with and without TLS.
type tlsFailure struct{ err error }

func (e *tlsFailure) Error() string { return e.err.Error() }
func (e *tlsFailure) Unwrap() error { return e.err }

type plainFailure struct{ err error }

func (e *plainFailure) Error() string { return e.err.Error() }
func (e *plainFailure) Unwrap() error { return e.err }

// RoundTrip implements http.RoundTripper.
func (w *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	// A registry on loopback may name a token service or storage that is not: their own addresses count.
	if req.URL.Scheme != "https" && (!w.plain || !w.options.PlainHTTP && !loopback(req.URL.Host)) {
		return nil, errPlain
	}
	for attempt := 1; ; attempt++ {
		resp, err := w.sendOnce(req)
		pause, again := w.shouldRetry(req, attempt, resp, err)
		switch {
		case !again && err == nil:
			return resp, nil
		case !again && req.URL.Scheme == "http":
			return nil, &plainFailure{err}
		case !again:
			err = &tlsFailure{err}
			if isPing(req) {
				w.pingErr = err
			}
			return nil, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, maxErrorAnswer) // so that the connection can be used again
			_ = resp.Body.Close()
		}
		if err := w.options.Sleep(req.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// isPing recognises the first request of all (distribution-spec, "Determining Support").
func isPing(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/v2/") }

// shouldRetry reports whether a request is to be sent again, and after which pause.
func (w *retryTransport) shouldRetry(req *http.Request, attempt int, resp *http.Response, err error) (time.Duration, bool) {
	pause := firstPause << (2 * (attempt - 1))
	switch {
	case attempt >= attempts, req.Context().Err() != nil, req.Body != nil && req.GetBody == nil:
		return 0, false
	case err != nil:
		return pause, isTransient(err, attempt)
	case resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode < 500 || resp.StatusCode == http.StatusNotImplemented):
		return 0, false
	}
	asked, ok := retryAfter(resp.Header)
	if ok && asked > longestRetryAfter {
		return 0, false
	}
	return max(pause, asked), true
}

// retryAfter reads the header Retry-After (RFC 9110, 10.2.3): seconds, or a time, of which the answer's own date is subtracted.
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

// isTransient reports whether another attempt may succeed where this one got no answer. After a timeout there is only one more.
func isTransient(err error, attempt int) bool {
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	if errors.Is(err, http.ErrSchemeMismatch) || untrustedCert(err) || handshakeFailed(err) || wantsClientCert(err) {
		return false
	}
	return !timedOut(err) || attempt < 2
}

func timedOut(err error) bool {
	t := interface{ Timeout() bool }(nil)
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func untrustedCert(err error) bool {
	c := (*tls.CertificateVerificationError)(nil)
	return errors.As(err, &c)
}

func handshakeFailed(err error) bool {
	h, a := tls.RecordHeaderError{}, tls.AlertError(0)
	return errors.As(err, &h) || errors.As(err, &a)
}

// sendOnce sends a request. Reading the answer's body ends with an error when nothing comes for a whole timeout.
func (w *retryTransport) sendOnce(req *http.Request) (*http.Response, error) {
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
	b := &timedBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timeout: w.options.Timeout}
	b.timer = time.AfterFunc(b.timeout, func() { cancel(&stallError{b.timeout}) })
	b.timer.Stop()
	resp.Body, resp.Request = b, req
	if isPing(req) {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(b, maxPing), b}
	}
	return resp, nil
}

// timedBody is an answer's body whose every Read ends after a timeout.
type timedBody struct {
	io.ReadCloser
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer
}

func (b *timedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if stall := (*stallError)(nil); err != nil && errors.As(context.Cause(b.ctx), &stall) {
		err = stall
	}
	return n, err
}

func (b *timedBody) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// stallError says that nothing came for a whole timeout.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("the registry sent nothing for %s", e.after) }
func (e *stallError) Timeout() bool { return true }
