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

// errRefused is the reason when a URL may not be fetched at all.
var errRefused = errors.New("refused")

// parseURL accepts https, and plain http to this machine only: who can change what is downloaded can hide a vulnerability.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, engine.Usage("%q is no URL", raw)
	}
	if err := checkURL(u); err != nil {
		return nil, engine.Hint(engine.Usage("%s: %w", u.Redacted(), err), "use an https URL")
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
func (o Options) download(ctx context.Context, where, what string) (*os.File, string, error) {
	f, err := os.CreateTemp(o.Dir, ".download-*")
	if err != nil {
		return nil, "", fmt.Errorf("making a place for the download: %w", err)
	}
	asOf, err := o.fetch(ctx, where, o.limit(), func(body io.Reader, total int64) error {
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
func (o Options) get(ctx context.Context, where string, limit int64) (data []byte, asOf string, err error) {
	asOf, err = o.fetch(ctx, where, limit, func(body io.Reader, _ int64) error {
		var b bytes.Buffer
		_, err := b.ReadFrom(body)
		data = b.Bytes()
		return err
	})
	return data, asOf, err
}

// fetch hands the body of a GET to use, again after each failure that may pass: a cut or stalled connection, 408, 429 and 5xx.
// It returns Last-Modified in RFC 3339, "" without one.
func (o Options) fetch(ctx context.Context, where string, limit int64, use func(body io.Reader, total int64) error) (string, error) {
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
		asOf, after, err := o.attempt(ctx, client, where, limit, use)
		if err == nil {
			return asOf, nil
		}
		if n == attempts || after < 0 || ctx.Err() != nil {
			hint := "an https mirror, a directory or a zip works as well: --source"
			if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
				hint = "name the authority of its certificate: --ca-file FILE; or add it to the system's"
			}
			return "", engine.Hint(fmt.Errorf("%w (attempt %d of %d)", err, n, attempts), "%s", hint)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(max(pause, min(after, 30*time.Second))):
		}
		pause *= 2
	}
}

// attempt makes one request. after < 0 says that another attempt would not help, else how long the server asks to wait.
func (o Options) attempt(ctx context.Context, client *http.Client, where string, limit int64, use func(io.Reader, int64) error) (asOf string, after time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := o.Stall
	if stall == 0 {
		stall = 30 * time.Second
	}
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %s", stall)) })
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return "", -1, err
	}
	if o.UserAgent != "" {
		req.Header.Set("User-Agent", o.UserAgent)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", retryable(err), cause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was read has been judged; the connection is all that is left
	if resp.StatusCode != http.StatusOK {
		return "", retryStatus(resp), fmt.Errorf("%s answered %s", req.URL.Redacted(), resp.Status)
	}
	if resp.ContentLength > limit {
		return "", -1, &engine.LimitError{What: "size of " + req.URL.Redacted(), Limit: limit}
	}
	body := &watched{r: resp.Body, left: limit, what: req.URL.Redacted(), limit: limit, alive: func() { timer.Reset(stall) }}
	if err := use(body, resp.ContentLength); err != nil {
		return "", retryable(err), fmt.Errorf("reading %s: %w", req.URL.Redacted(), cause(ctx, err))
	}
	if at, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		asOf = at.UTC().Format(time.RFC3339)
	}
	return asOf, 0, nil
}

func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && errors.Is(err, context.Canceled) {
		return c
	}
	return err
}

// retryable is negative for what another attempt cannot mend: a refused URL, a limit, a full disk, a certificate.
func retryable(err error) time.Duration {
	var limit *engine.LimitError
	var disk *os.PathError
	var cert *tls.CertificateVerificationError
	if errors.Is(err, errRefused) || errors.As(err, &limit) || errors.As(err, &disk) || errors.As(err, &cert) {
		return -1
	}
	return 0
}

func retryStatus(r *http.Response) time.Duration {
	switch {
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout, r.StatusCode >= 500:
		seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
		if err != nil || seconds < 0 {
			return 0
		}
		return time.Duration(min(seconds, 3600)) * time.Second
	}
	return -1
}

// watched is a body that may not be longer than its limit and tells when something came.
type watched struct {
	r           io.Reader
	left, limit int64
	what        string
	alive       func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.alive()
	if w.left -= int64(n); w.left < 0 {
		return 0, &engine.LimitError{What: "size of " + w.what, Limit: w.limit}
	}
	return n, err
}

// readFile reads a small local file within a limit.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &engine.LimitError{What: "size of " + path, Limit: limit}
	}
	return data, nil
}
