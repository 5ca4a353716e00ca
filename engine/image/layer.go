package image

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	"github.com/vetoci/veto/engine"
)

// layer is one layer of whatever source.
type layer struct {
	info   engine.LayerInfo
	blob   blob
	verify bool
}

func (l *layer) Info() engine.LayerInfo { return l.info }
func (l *layer) Rereadable() bool       { return true }

// Walk implements engine.Layer.
func (l *layer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	b := l.blob
	if b.at == nil {
		return l.walkStream(ctx, b.open, visit)
	}
	kind, err := sniff(b)
	if err != nil {
		return "", err
	}
	if kind != packedNot {
		return l.walkStream(ctx, func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(b.at, 0, b.size)), nil
		}, visit)
	}
	verified := engine.VerifiedClaimed
	if l.verify {
		if err := l.hashPlain(ctx); err != nil {
			return "", err
		}
		verified = engine.VerifiedContent
	}
	return verified, walkSeeking(ctx, b.at, b.size, visit)
}

func sniff(b blob) (packing, error) {
	head := make([]byte, min(sniffBytes, b.size))
	if n, err := b.at.ReadAt(head, 0); n < len(head) {
		return "", cut(err)
	}
	return packingOf(head)
}

func cut(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hashPlain hashes an uncompressed local layer, whose digest and diff ID are over the same bytes.
func (l *layer) hashPlain(ctx context.Context) error {
	h, err := newHash(l.info.DiffID)
	if err != nil {
		return err
	}
	n, err := io.Copy(h, &patient{ctx: ctx, r: io.NewSectionReader(l.blob.at, 0, l.blob.size)})
	if err != nil {
		return err
	}
	if n < l.blob.size {
		return io.ErrUnexpectedEOF
	}
	if got := sumDigest(l.info.DiffID, h); got != l.info.DiffID {
		return mismatch("its content", got, l.info.DiffID)
	}
	return nil
}

func mismatch(what string, got, want engine.Digest) error {
	return engine.Hint(fmt.Errorf("%s has the digest %s, and the image says %s", what, got, want),
		"the image is damaged or was tampered with: save, copy or pull it again")
}

// walkStream reads a blob once, inflating and hashing it on the way, to the end of the blob past the tar's end.
func (l *layer) walkStream(ctx context.Context, open func(context.Context) (io.ReadCloser, error), visit func(*engine.File) error) (v engine.Verified, err error) {
	rc, err := open(ctx)
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := rc.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	raw := &hashing{r: &patient{ctx: ctx, r: rc}}
	if l.blob.digest != "" {
		if raw.h, err = newHash(l.blob.digest); err != nil {
			return "", err
		}
	}
	stored := newAhead(raw)
	packed := bufio.NewReaderSize(stored, 1<<16)
	content, free, err := inflate(packed)
	if err != nil {
		stored.Close()
		return "", err
	}
	plain := &bounded{r: content, packed: raw}
	// Where the image names no digest of the blob, the diff ID is all there is to check.
	if l.verify || l.blob.digest == "" {
		if plain.h, err = newHash(l.info.DiffID); err != nil {
			stored.Close()
			free()
			return "", err
		}
	}
	inflated := newAhead(plain)
	err = drain(ctx, inflated, visit)
	inflated.Close() // before stored: the inflater may still wait for its bytes
	if err == nil {
		_, err = io.Copy(io.Discard, packed) // what an inflater leaves unread
	}
	stored.Close()
	free()
	if err != nil {
		return "", err
	}
	return engine.VerifiedContent, l.compare(raw, plain.h)
}

// drain walks a tar and reads on to the end of its stream.
func drain(ctx context.Context, r io.Reader, visit func(*engine.File) error) error {
	if err := walkTar(ctx, tar.NewReader(r), nil, visit); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("after the end of the tar: %w", err)
	}
	return nil
}

func (l *layer) compare(raw *hashing, diff hash.Hash) error {
	if n := raw.n.Load(); n != l.blob.size {
		return fmt.Errorf("the blob has %d bytes, and the image says %d", n, l.blob.size)
	}
	if raw.h != nil {
		if got := sumDigest(l.blob.digest, raw.h); got != l.blob.digest {
			return mismatch("the blob", got, l.blob.digest)
		}
	}
	if diff != nil {
		if got := sumDigest(l.info.DiffID, diff); got != l.info.DiffID {
			return mismatch("the inflated content", got, l.info.DiffID)
		}
	}
	return nil
}

// hashing counts and hashes what passes; h may be nil.
type hashing struct {
	r io.Reader
	h hash.Hash
	n atomic.Int64 // others look at it while it grows
}

func (r *hashing) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n.Add(int64(n))
	if r.h != nil {
		r.h.Write(p[:n])
	}
	return n, err
}

// patient ends reading when its context does.
type patient struct {
	ctx   context.Context
	r     io.Reader
	ended bool // r said io.EOF
}

func (r *patient) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.ended = r.ended || errors.Is(err, io.EOF)
	return n, err
}

// bounded is inflated content, held to the limits on size and ratio; h may be nil.
type bounded struct {
	r      io.Reader
	packed *hashing
	h      hash.Hash
	n      int64
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	switch {
	case r.n > engine.MaxInflated:
		return 0, &engine.LimitError{What: "inflated size of one layer", Limit: engine.MaxInflated}
	case r.n > engine.MaxRatioAfter && r.n/max(r.packed.n.Load(), 1) > engine.MaxRatio:
		return 0, &engine.LimitError{What: "ratio of inflated to compressed size of one layer", Limit: engine.MaxRatio}
	}
	if r.h != nil {
		r.h.Write(p[:n])
	}
	return n, err
}
