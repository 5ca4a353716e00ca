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

// Blob streams a blob of size bytes from its first byte on. An answer of another length is an error; after a cut connection it resumes
// where that broke. It does not check the bytes against the digest: the caller, who hashes them, does. The caller closes the stream; ctx
// ends it.
func (r *Repository) Blob(ctx context.Context, d engine.Digest, size int64) (io.ReadCloser, error) {
	b := &blob{ctx: ctx, repo: r, digest: d, size: size, end: size}
	if err := b.open(); err != nil {
		return nil, b.failure(err)
	}
	return b, nil
}

// ErrNoRanges is what an error of BlobRange wraps when the registry, or the storage that it redirects to, answers with something else than
// the bytes that were asked for.
var ErrNoRanges = errors.New("the registry serves no ranges")

// BlobRange reads n bytes of a blob of size bytes, from byte from on: exactly these, or an error. The error wraps ErrNoRanges when the
// registry serves no ranges, and an engine.LimitError when n is over engine.MaxBlobRange. After a cut connection it resumes where that
// broke. The bytes of a range cannot be checked against the blob's digest: the caller needs another digest for them.
func (r *Repository) BlobRange(ctx context.Context, d engine.Digest, size, from, n int64) (_ []byte, err error) {
	b := &blob{ctx: ctx, repo: r, digest: d, size: size, offset: from, end: from + n, partial: true}
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
		return nil, err // the answer has more bytes than were asked for
	}
	return out, nil
}

// How often the download of one blob may be resumed: a registry that cuts more often is in trouble, and must not hold a gate for ever.
const (
	maxResumes       = 16 // in all
	maxFutileResumes = 3  // in a row without one new byte
)

// blob is the download of a blob, or of a part of one.
type blob struct {
	ctx           context.Context
	repo          *Repository
	digest        engine.Digest
	size          int64
	offset        int64 // the next byte to deliver
	end           int64 // the byte before which the part ends; size for a whole blob
	partial       bool  // a part was asked for: an answer with the whole blob is refused
	body          io.ReadCloser
	resumes       int
	futileResumes int
	err           error // what ended the stream; nil before
}

// failure adds to an error which blob was asked for.
func (b *blob) failure(err error) error {
	return b.repo.failure(b.ctx, fmt.Sprintf("blob %s of %s/%s", b.digest.Short(), b.repo.host(), b.repo.repo.RepositoryStr()), err)
}

// Read implements io.Reader.
func (b *blob) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.read(p)
		b.offset += int64(n)
		if n > 0 {
			b.futileResumes = 0
		}
		switch cut := (*truncatedError)(nil); {
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

// read reads once. It tells a cut connection, after which another request may help, from a wrong length.
func (b *blob) read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	switch {
	case b.offset+int64(n) > b.end:
		return 0, fmt.Errorf("it has more bytes than the %d that the image says", b.size)
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF) && b.offset+int64(n) < b.end: // a cut after the last byte does no harm: the hash will tell
		return n, &truncatedError{err}
	case b.partial && b.offset+int64(n) < b.end:
		return n, fmt.Errorf("%w: its answer ends at byte %d, and was asked for up to byte %d", ErrNoRanges, b.offset+int64(n), b.end)
	case b.offset+int64(n) < b.end:
		return n, fmt.Errorf("it has %d bytes, and the image says %d", b.offset+int64(n), b.size)
	}
	return n, io.EOF
}

// resume asks for the rest of the blob, again and again until there is an answer or a limit is reached.
func (b *blob) resume(why *truncatedError) error {
	_ = b.body.Close() // it is broken already
	for {
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if b.resumes++; b.resumes > maxResumes {
			return fmt.Errorf("cut %d times: %w", b.resumes, why.err)
		}
		if b.futileResumes++; b.futileResumes > maxFutileResumes {
			return fmt.Errorf("cut %d times at byte %d of %d: %w", b.futileResumes, b.offset, b.size, why.err)
		}
		if err := b.repo.client.options.Sleep(b.ctx, firstPause<<(2*(b.futileResumes-1))); err != nil {
			return err
		}
		err := b.open()
		if !errors.As(err, &why) {
			return err
		}
	}
}

// open asks for the blob from byte offset on.
func (b *blob) open() error {
	header := http.Header{}
	if b.offset > 0 || b.partial {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", b.offset, b.end-1)) // some registries refuse a range without its end
	}
	resp, err := b.repo.get(b.ctx, "blobs/"+string(b.digest), header)
	if err != nil {
		return err
	}
	if err := b.checkResponse(resp); err != nil {
		return errors.Join(err, resp.Body.Close())
	}
	b.body = resp.Body
	return nil
}

// checkResponse checks status and header of an answer. When it begins with the blob's first byte, it skips what has been delivered.
func (b *blob) checkResponse(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK && b.partial:
		return fmt.Errorf("%w: asked for bytes %d-%d, it answers with the whole", ErrNoRanges, b.offset, b.end-1)
	case resp.StatusCode == http.StatusOK:
		if n := resp.ContentLength; n >= 0 && n != b.size {
			return fmt.Errorf("it has %d bytes, and the image says %d", n, b.size)
		}
		if _, err := io.CopyN(io.Discard, resp.Body, b.offset); err != nil {
			return &truncatedError{err}
		}
		return nil
	case resp.StatusCode == http.StatusPartialContent && b.partial:
		if err := b.checkRange(resp.Header.Get("Content-Range")); err != nil {
			return fmt.Errorf("%w: %w", ErrNoRanges, err)
		}
		return nil
	case resp.StatusCode == http.StatusPartialContent && b.offset > 0:
		return b.checkRange(resp.Header.Get("Content-Range"))
	}
	return readStatus(resp)
}

// checkRange compares a Content-Range (RFC 9110, 14.4) with what was asked for.
func (b *blob) checkRange(header string) error {
	span, total, _ := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	first, last, _ := strings.Cut(span, "-")
	wrong := first != strconv.FormatInt(b.offset, 10) || last != strconv.FormatInt(b.end-1, 10)
	if wrong || total != "*" && total != strconv.FormatInt(b.size, 10) {
		return fmt.Errorf("asked for bytes %d-%d of %d, the registry answers with the range %.60q", b.offset, b.end-1, b.size, header)
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
