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
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// layer is one layer of whatever source.
type layer struct {
	info   engine.LayerInfo
	blob   blob
	verify bool
	hashes Hashes           // nil remembers nothing
	now    func() time.Time // for hashes
	hashed engine.Digest    // of the blob, once this process knows it
	passed *passed          // set while it passes by, to be filled in
	toc    bool             // a table of contents will do
	table  *toc             // once it has been read
	all    *spent           // by all layers of the image; nil counts nothing
}

func (l *layer) Info() engine.LayerInfo { return l.info }
func (l *layer) Rereadable() bool       { return l.blob.at != nil || l.blob.open != nil }

// Walk implements engine.Layer.
func (l *layer) Walk(ctx context.Context, visit func(*engine.File) error) (engine.Verified, error) {
	b := l.blob
	t, err := l.tableOfContents(ctx)
	switch {
	case err != nil:
		return "", err
	case t != nil:
		return engine.VerifiedClaimed, t.walk(ctx, b, visit)
	case b.once != nil:
		return l.walkStream(ctx, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(b.once), nil }, visit)
	case b.at == nil && b.open == nil:
		return "", errors.New("its source has passed by and does not come again")
	case b.at == nil:
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
		if err := l.hashStored(ctx); err != nil {
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

// sum hashes a local blob as it is stored.
func (l *layer) sum(ctx context.Context) (engine.Digest, error) {
	return sumAll(l.blob.digest, &patient{ctx: ctx, r: io.NewSectionReader(l.blob.at, 0, l.blob.size)}, l.blob.size)
}

// sumAll hashes the size bytes that r has left, as the digest like does.
func sumAll(like engine.Digest, r io.Reader, size int64) (engine.Digest, error) {
	h, err := newHash(like)
	if err != nil {
		return "", err
	}
	n, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, 256<<10))
	if err != nil {
		return "", err
	}
	if n < size {
		return "", io.ErrUnexpectedEOF
	}
	return sumDigest(like, h), nil
}

// hashPassing hashes a blob that passes by, whose content is known already.
func (l *layer) hashPassing(ctx context.Context) (engine.Digest, error) {
	got, err := sumAll(l.blob.digest, &patient{ctx: ctx, r: l.blob.once}, l.blob.size)
	if err != nil {
		return "", err
	}
	if got != l.blob.digest {
		return "", mismatch("the blob", got, l.blob.digest)
	}
	l.hashed, l.passed.sum = got, got
	return got, nil
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
	before := l.state()
	raw := &hashing{r: &patient{ctx: ctx, r: rc}}
	if l.blob.digest != "" || l.passed != nil {
		if raw.h, err = newHash(or(l.blob.digest, anyDigest)); err != nil {
			return "", err
		}
	}
	stored := newAhead(raw, l.blob.size)
	packed := bufio.NewReaderSize(stored, 1<<16)
	content, free, err := inflate(packed)
	if err != nil {
		stored.Close()
		return "", err
	}
	plain := newBounded(content, l.blob.size)
	plain.all = l.all
	// Where the image names no digest of the blob, the diff ID is all there is to check.
	if (l.verify || l.blob.digest == "") && (l.passed == nil || l.passed.kind != packedNot) {
		if plain.h, err = newHash(or(l.info.DiffID, anyDigest)); err != nil {
			stored.Close()
			free()
			return "", err
		}
	}
	inflated := newAhead(plain, 8*l.blob.size)
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
	if err := l.compare(raw, plain.h); err != nil {
		return "", err
	}
	if l.blob.digest != "" {
		l.remember(before)
	}
	return engine.VerifiedContent, nil
}

// anyDigest stands for one that is not known yet: what passes by is hashed as nearly every image is.
const anyDigest = engine.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000")

func or(d, other engine.Digest) engine.Digest {
	if d == "" {
		return other
	}
	return d
}

// drain walks a tar and reads on to the end of its stream.
func drain(ctx context.Context, r io.Reader, visit func(*engine.File) error) error {
	if err := walkTar(ctx, tar.NewReader(r), nil, visit); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, r, engine.MaxTrailing+1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		err = &engine.LimitError{What: "bytes after the end of one layer's tar", Limit: engine.MaxTrailing}
	}
	return fmt.Errorf("after the end of the tar: %w", err)
}

func (l *layer) compare(raw *hashing, diff hash.Hash) error {
	if n := raw.n.Load(); n != l.blob.size {
		return fmt.Errorf("the blob has %d bytes, and the image says %d", n, l.blob.size)
	}
	var stored, content engine.Digest
	if raw.h != nil {
		stored = sumDigest(or(l.blob.digest, anyDigest), raw.h)
	}
	if diff != nil {
		content = sumDigest(or(l.info.DiffID, anyDigest), diff)
	}
	if l.blob.digest != "" && stored != l.blob.digest {
		return mismatch("the blob", stored, l.blob.digest)
	}
	if l.info.DiffID != "" && content != "" && content != l.info.DiffID {
		return mismatch("the inflated content", content, l.info.DiffID)
	}
	if l.passed != nil {
		if l.passed.kind == packedNot {
			content = stored
		}
		l.passed.sum, l.passed.diff, l.info.Digest = stored, content, stored
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

// bounded is inflated content, held to the limits on size and ratio; h and all may be nil. It gives as many bytes as the limit allows, so that
// a walk which ends there always ends at the same entry.
type bounded struct {
	r    io.Reader
	most *engine.LimitError // and its Limit in bytes of content
	h    hash.Hash
	all  *spent
	n    int64
}

// newBounded holds r, which a blob of size bytes inflates to, to the limits.
func newBounded(r io.Reader, size int64) *bounded {
	return &bounded{r: r, most: &engine.LimitError{What: "inflated size of one layer, by the ratio to its compressed size,", Limit: mostInflated(size)}}
}

func mostInflated(size int64) int64 {
	return min(max(min(size, engine.MaxInflated/engine.MaxRatio+1)*engine.MaxRatio, engine.MaxRatioAfter), engine.MaxInflated)
}

func (r *bounded) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = &engine.LimitError{What: "window of a zstd frame", Limit: engine.MaxWindow}
	}
	if over := r.n + int64(n) - r.most.Limit; over > 0 {
		n, err = n-int(over), r.most
	}
	r.n += int64(n)
	if spent := r.all.spend(int64(n)); spent != nil {
		return 0, spent
	}
	if r.h != nil {
		r.h.Write(p[:n])
	}
	return n, err
}

// spent counts what all layers of an image inflate to, each time that they do. An image may name one small blob as a thousand layers.
type spent struct {
	n    atomic.Int64
	most int64
}

// newSpent allows for what the image's blobs, each counted once, may inflate to.
func newSpent(blobs []blob) *spent {
	type identity struct {
		digest engine.Digest
		from   int64 // in the archive, where nothing names the blob's digest
	}
	seen := map[identity]bool{}
	most := int64(0)
	for _, b := range blobs {
		id := identity{digest: b.digest}
		if id.digest == "" && b.part != nil {
			id.from = b.part.from
		}
		if !seen[id] {
			seen[id] = true
			most = min(most+mostInflated(b.size), engine.MaxImageInflated)
		}
	}
	return &spent{most: most}
}

func (s *spent) spend(n int64) error {
	if s != nil && s.n.Add(n) > s.most {
		return fmt.Errorf("all layers together inflate to more than %d bytes, the limit for blobs of their size", s.most)
	}
	return nil
}
