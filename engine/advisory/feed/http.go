package feed

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/vetoci/veto/engine"
)

func (o Options) limit() int64 {
	if o.Limit > 0 {
		return o.Limit
	}
	return engine.MaxFeed
}

// client returns a client that follows at most 5 redirects, each to a URL that may be fetched.
func (o Options) client() *http.Client {
	c := http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
	if o.Client != nil {
		c = *o.Client
	}
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) >= 5 {
			return fmt.Errorf("%w: more than 5 redirects", errRefused)
		}
		return checkURL(r.URL)
	}
	return &c
}

// errRefused is the reason when a URL may never be fetched.
var errRefused = errors.New("refused")

// parseURL accepts https, and plain http to this machine only: whoever can change what is downloaded can hide a vulnerability.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, engine.Usage("%q is no URL", raw)
	}
	if err := checkURL(u); err != nil {
		return nil, engine.Hint(engine.Usage("%s: %w", engine.MaskAddresses(u.String()), err), "use an https URL")
	}
	return u, nil
}

func checkURL(u *url.URL) error {
	switch {
	case u.Hostname() == "":
		return fmt.Errorf("%w: no host in the URL", errRefused)
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("%w: a %q URL cannot be fetched", errRefused, u.Scheme)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: plain http to %s", errRefused, u.Hostname())
}

// download fetches a URL to a new temporary file, which the caller closes and deletes, and returns the date of Last-Modified.
func (o Options) download(ctx context.Context, url, what string) (*os.File, string, error) {
	f, err := os.CreateTemp(o.Dir, ".download-*")
	if err != nil {
		return nil, "", fmt.Errorf("making a place for the download: %w", err)
	}
	asOf, err := o.fetch(ctx, url, o.limit(), func(body io.Reader, total int64) error {
		if err := rewind(f); err != nil {
			return err
		}
		return o.copy(f, body, what, total)
	})
	if err != nil {
		return nil, "", errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, asOf, nil
}

func rewind(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return f.Truncate(0)
}

// copy copies a body and reports the progress.
func (o Options) copy(w io.Writer, body io.Reader, what string, total int64) error {
	buffer, done := make([]byte, 256<<10), int64(0)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			done += int64(n)
			o.report(Progress{Step: "download", What: what, Done: done, Total: max(total, 0)})
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// get fetches a small URL into memory.
func (o Options) get(ctx context.Context, url string, limit int64) (data []byte, asOf string, err error) {
	asOf, err = o.fetch(ctx, url, limit, func(body io.Reader, _ int64) error {
		var b bytes.Buffer
		_, err := b.ReadFrom(body)
		data = b.Bytes()
		return err
	})
	return data, asOf, err
}

// fetch makes a GET request and hands the body to use. It tries again after a failure that may pass (a cut or stalled connection, 408, 429,
// 5xx), and then calls use again. It returns Last-Modified in RFC 3339, "" without one.
func (o Options) fetch(ctx context.Context, url string, limit int64, use func(body io.Reader, total int64) error) (string, error) {
	attempts, pause := o.Attempts, o.Pause
	if attempts == 0 {
		attempts = 4
	}
	if pause == 0 {
		pause = time.Second
	}
	client := o.client()
	defer client.CloseIdleConnections()
	for n := 1; ; n++ {
		asOf, wait, err := o.attempt(ctx, client, url, limit, use)
		if err == nil {
			return asOf, nil
		}
		if n == attempts || wait == never || ctx.Err() != nil {
			hint := "an https mirror, a directory or a zip works as well: --source"
			if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
				hint = "name the authority of its certificate: --ca-file FILE; or add it to the system's"
			}
			return "", engine.Hint(fmt.Errorf("%w (attempt %d of %d)", err, n, attempts), "%s", hint)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(max(pause, min(wait, 30*time.Second))):
		}
		pause *= 2
	}
}

// never is the wait before another attempt that would not help.
const never time.Duration = -1

// attempt makes one request. wait is how long the server asks to wait before another attempt, or never.
func (o Options) attempt(ctx context.Context, client *http.Client, url string, limit int64, use func(io.Reader, int64) error) (
	asOf string, wait time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := o.Stall
	if stall == 0 {
		stall = 30 * time.Second
	}
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", never, err
	}
	if o.UserAgent != "" {
		req.Header.Set("User-Agent", o.UserAgent)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", waitAfterError(err), stallOr(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was read has been judged; the connection is all that is left
	if resp.StatusCode != http.StatusOK {
		return "", waitAfterStatus(resp), fmt.Errorf("%s answered %s", engine.MaskAddresses(req.URL.String()), resp.Status)
	}
	if resp.ContentLength > limit {
		return "", never, &engine.LimitError{What: "size of " + engine.MaskAddresses(req.URL.String()), Limit: limit}
	}
	body := &limitedBody{r: resp.Body, left: limit, what: engine.MaskAddresses(req.URL.String()), limit: limit,
		onRead: func() { timer.Reset(stall) }}
	if err := use(body, resp.ContentLength); err != nil {
		return "", waitAfterError(err), fmt.Errorf("reading %s: %w", engine.MaskAddresses(req.URL.String()), stallOr(ctx, err))
	}
	if at, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		asOf = at.UTC().Format(time.RFC3339)
	}
	return asOf, 0, nil
}

// stallOr returns why the context was cancelled, if that is why a request failed: nothing came for too long.
func stallOr(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && errors.Is(err, context.Canceled) {
		return c
	}
	return err
}

// waitAfterError returns never for what another attempt cannot mend: a refused URL, a limit, a full disk, a certificate.
func waitAfterError(err error) time.Duration {
	var limit *engine.LimitError
	var disk *os.PathError
	var cert *tls.CertificateVerificationError
	if errors.Is(err, errRefused) || errors.As(err, &limit) || errors.As(err, &disk) || errors.As(err, &cert) {
		return never
	}
	return 0
}

// waitAfterStatus returns Retry-After, at most an hour, for a status that may pass, else never.
func waitAfterStatus(r *http.Response) time.Duration {
	switch {
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout, r.StatusCode >= 500:
		seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
		if err != nil || seconds < 0 {
			return 0
		}
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	return never
}

// limitedBody is a body of at most limit bytes. It calls onRead after each read.
type limitedBody struct {
	r           io.Reader
	left, limit int64
	what        string
	onRead      func()
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.onRead()
	if b.left -= int64(n); b.left < 0 {
		return 0, &engine.LimitError{What: "size of " + b.what, Limit: b.limit}
	}
	return n, err
}
