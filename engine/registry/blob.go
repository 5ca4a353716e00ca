package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Blob streams a blob of size bytes from its first byte on; an answer of another length is an error, a cut connection is taken up
// where it broke. The bytes are not checked against the digest: the caller, who hashes them, does. The caller closes the stream;
// ctx ends it.
func (r *Repository) Blob(ctx context.Context, d engine.Digest, size int64) (io.ReadCloser, error) {
	b := &blob{ctx: ctx, repo: r, digest: d, size: size, end: size}
	if err := b.open(); err != nil {
		return nil, b.failure(err)
	}
	return b, nil
}

// ErrNoRanges is what BlobRange wraps when the registry, or where it keeps its blobs, answers with something else than the bytes
// that were asked for.
var ErrNoRanges = errors.New("the registry serves no ranges")

// BlobRange reads n bytes of a blob of size bytes, from byte from on: exactly these or an error, ErrNoRanges when the registry knows
// no ranges. A cut connection is taken up where it broke. Nothing says that the bytes belong to the digest: the caller checks them
// against what does. Of more than engine.MaxBlobRange bytes it is an engine.LimitError.
func (r *Repository) BlobRange(ctx context.Context, d engine.Digest, size, from, n int64) (_ []byte, err error) {
	b := &blob{ctx: ctx, repo: r, digest: d, size: size, at: from, end: from + n, part: true}
	switch {
	case from < 0 || n < 0 || from > size || n > size-from:
		return nil, b.failure(fmt.Errorf("it has no %d bytes from byte %d on: the image says that it has %d", n, from, size))
	case n > engine.MaxBlobRange:
		return nil, b.failure(&engine.LimitError{What: "size of a part of a blob", Limit: engine.MaxBlobRange})
	case n == 0:
		return []byte{}, nil
	}
	if err := b.open(); err != nil {
		return nil, b.failure(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	out := make([]byte, n)
	if _, err := io.ReadFull(b, out); err != nil {
		return nil, err
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return nil, err // an answer that goes on is another one than was asked for
	}
	return out, nil
}

// How often one blob may be taken up again: in all, and in a row without one new byte.
const (
	maxResumes = 16
	maxFutile  = 3
)

type blob struct {
	ctx     context.Context
	repo    *Repository
	digest  engine.Digest
	size    int64
	at      int64 // the next byte to deliver
	end     int64 // the byte before which it ends: size, unless part
	part    bool  // an answer from the blob's beginning is of no use
	body    io.ReadCloser
	resumes int
	futile  int
	err     error // the end, once there is one
}

func (b *blob) failure(err error) error {
	return b.repo.failure(b.ctx, fmt.Sprintf("blob %s of %s/%s", b.digest.Short(), b.repo.host(), b.repo.repo.RepositoryStr()), err)
}

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.read(p)
		b.at += int64(n)
		if n > 0 {
			b.futile = 0
		}
		switch cut := (*cutError)(nil); {
		case errors.Is(err, io.EOF):
			b.err = io.EOF
		case errors.As(err, &cut):
			if err := b.resume(cut); err != nil {
				b.err = b.failure(err)
			}
		case err != nil:
			b.err = b.failure(err)
		}
		if n > 0 {
			return n, nil
		}
		if len(p) == 0 {
			return 0, nil
		}
	}
	return 0, b.err
}

// read reads once and tells a cut, which is worth another request, from a length that is wrong.
func (b *blob) read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	switch {
	case b.at+int64(n) > b.end:
		return 0, fmt.Errorf("it has more bytes than the %d that the image says", b.size)
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF) && b.at+int64(n) < b.end: // all there and then a cut is all the same: the hash will tell
		return n, &cutError{err}
	case b.part && b.at+int64(n) < b.end:
		return n, fmt.Errorf("%w: its answer ends at byte %d, and was asked for up to byte %d", ErrNoRanges, b.at+int64(n), b.end)
	case b.at+int64(n) < b.end:
		return n, fmt.Errorf("it has %d bytes, and the image says %d", b.at+int64(n), b.size)
	}
	return n, io.EOF
}

// resume goes on where the connection broke.
func (b *blob) resume(why *cutError) error {
	_ = b.body.Close() // it is broken already
	for {
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if b.resumes++; b.resumes > maxResumes {
			return fmt.Errorf("cut %d times: %w", b.resumes, why.err)
		}
		if b.futile++; b.futile > maxFutile {
			return fmt.Errorf("cut %d times at byte %d of %d: %w", b.futile, b.at, b.size, why.err)
		}
		if err := b.repo.client.options.Sleep(b.ctx, firstPause<<(2*(b.futile-1))); err != nil {
			return err
		}
		err := b.open()
		if !errors.As(err, &why) {
			return err
		}
	}
}

// open asks for the blob from byte at on.
func (b *blob) open() error {
	header := http.Header{}
	if b.at > 0 || b.part {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", b.at, b.end-1)) // some registries refuse a range without its end
	}
	resp, err := b.repo.ask(b.ctx, "blobs/"+string(b.digest), header)
	if err != nil {
		return err
	}
	if err := b.accept(resp); err != nil {
		return errors.Join(err, resp.Body.Close())
	}
	b.body = resp.Body
	return nil
}

// accept checks an answer's head, and skips what is delivered already when it starts from the beginning.
func (b *blob) accept(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK && b.part:
		return fmt.Errorf("%w: asked for bytes %d-%d, it answers with the whole", ErrNoRanges, b.at, b.end-1)
	case resp.StatusCode == http.StatusOK:
		if n := resp.ContentLength; n >= 0 && n != b.size {
			return fmt.Errorf("it has %d bytes, and the image says %d", n, b.size)
		}
		if _, err := io.CopyN(io.Discard, resp.Body, b.at); err != nil {
			return &cutError{err}
		}
		return nil
	case resp.StatusCode == http.StatusPartialContent && b.part:
		if err := b.checkRange(resp.Header.Get("Content-Range")); err != nil {
			return fmt.Errorf("%w: %w", ErrNoRanges, err)
		}
		return nil
	case resp.StatusCode == http.StatusPartialContent && b.at > 0:
		return b.checkRange(resp.Header.Get("Content-Range"))
	}
	return statusOf(resp)
}

// checkRange holds a Content-Range (RFC 9110, 14.4) against what was asked for.
func (b *blob) checkRange(header string) error {
	span, total, _ := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	first, last, _ := strings.Cut(span, "-")
	wrong := first != strconv.FormatInt(b.at, 10) || last != strconv.FormatInt(b.end-1, 10)
	if wrong || total != "*" && total != strconv.FormatInt(b.size, 10) {
		return fmt.Errorf("asked for bytes %d-%d of %d, the registry answers with the range %.60q", b.at, b.end-1, b.size, header)
	}
	return nil
}

// Close implements io.Closer.
func (b *blob) Close() error {
	if b.err == nil {
		b.err = errors.New("the blob is closed")
	}
	if b.body == nil {
		return nil
	}
	body := b.body
	b.body = nil
	return body.Close()
}
