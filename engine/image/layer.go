package image

import (
	"archive/tar"
	"bufio"
	"cmp"
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

// layer is one layer, of whatever kind of source.
type layer struct {
	info     engine.LayerInfo
	blob     blob
	verify   bool             // Options.Verify
	hashes   Hashes           // nil remembers nothing
	now      func() time.Time // for hashes
	hashed   engine.Digest    // of the blob, once this process has hashed it
	streamed *streamedMember  // set while the archive is being streamed: what this layer's digests are written to
	useTOC   bool             // Options.TOC
	table    *toc             // the table of contents, once it has been read
	budget   *inflateBudget   // shared by all layers of the image; nil has no limit
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
	case b.stream != nil:
		return l.walkStream(ctx, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(b.stream), nil }, visit)
	case b.at == nil && b.open == nil:
		return "", errors.New("its source has passed by and does not come again")
	case b.at == nil:
		return l.walkStream(ctx, b.open, visit)
	}
	kind, err := sniffForm(b)
	if err != nil {
		return "", err
	}
	if kind != uncompressed {
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

// sniffForm detects how a blob that seeks is compressed. That it is in another way than its media type says is an error.
func sniffForm(b blob) (compression, error) {
	head := make([]byte, min(sniffBytes, b.size))
	if n, err := b.at.ReadAt(head, 0); n < len(head) {
		return "", unexpectedEOF(err)
	}
	kind, err := detectCompression(head)
	return kind, cmp.Or(err, checkForm(b.mediaType, kind))
}

// unexpectedEOF turns io.EOF, and the nil of a short read, into io.ErrUnexpectedEOF.
func unexpectedEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hashBlob hashes a local blob as it is stored.
func (l *layer) hashBlob(ctx context.Context) (engine.Digest, error) {
	return hashReader(l.blob.digest, &contextReader{ctx: ctx, r: io.NewSectionReader(l.blob.at, 0, l.blob.size)}, l.blob.size)
}

// hashReader hashes what is left of r, which must be size bytes or more, with the algorithm of the digest like.
func hashReader(like engine.Digest, r io.Reader, size int64) (engine.Digest, error) {
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
	return digestLike(like, h), nil
}

// hashStream hashes a blob that is being streamed, in place of a walk.
func (l *layer) hashStream(ctx context.Context) (engine.Digest, error) {
	got, err := hashReader(l.blob.digest, &contextReader{ctx: ctx, r: l.blob.stream}, l.blob.size)
	if err != nil {
		return "", err
	}
	if got != l.blob.digest {
		return "", digestMismatch("the blob", got, l.blob.digest)
	}
	l.hashed, l.streamed.digest = got, got
	return got, nil
}

func digestMismatch(what string, got, want engine.Digest) error {
	return engine.Hint(fmt.Errorf("%s has the digest %s, and the image says %s", what, got, want),
		"the image is damaged or was tampered with: save, copy or pull it again")
}

// walkStream reads a blob once, from its beginning to its end, which lies behind the end of the tar. It inflates and hashes on the way:
// what is stored, where the image names a digest of that, and what it inflates to, because not every runtime checks the diff ID.
func (l *layer) walkStream(
	ctx context.Context, open func(context.Context) (io.ReadCloser, error), visit func(*engine.File) error,
) (v engine.Verified, err error) {
	rc, err := open(ctx)
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := rc.Close(); cerr != nil && err == nil {
			err = cerr
		}
	}()
	before := l.fileState()
	raw := &hashingReader{r: &contextReader{ctx: ctx, r: rc}}
	if l.blob.digest != "" || l.streamed != nil {
		if raw.h, err = newHash(cmp.Or(l.blob.digest, anySHA256)); err != nil {
			return "", err
		}
	}
	stored := newReadAhead(raw, l.blob.size, nil)
	diff, err := l.inflate(ctx, stored, visit)
	stored.Close()
	if err != nil {
		return "", err
	}
	if err := l.checkDigests(raw, diff); err != nil {
		return "", err
	}
	if l.blob.digest != "" {
		l.recordDigest(before)
	}
	return engine.VerifiedContent, nil
}

// inflate walks the tar that stored inflates to, and reads stored to its end. It returns the hash of the tar; nil where stored is the tar
// and hashed already.
func (l *layer) inflate(ctx context.Context, stored io.Reader, visit func(*engine.File) error) (diff hash.Hash, err error) {
	compressed := bufio.NewReaderSize(stored, 1<<16)
	kind, err := peekForm(compressed)
	if err = cmp.Or(err, checkForm(l.blob.mediaType, kind)); err != nil {
		return nil, err
	}
	content, free, err := decompress(compressed, kind)
	if err != nil {
		return nil, err
	}
	defer free()
	plain := newLimitedReader(content, l.blob.size)
	plain.budget = l.budget
	if kind != uncompressed || l.blob.digest == "" && l.streamed == nil {
		if diff, err = newHash(cmp.Or(l.info.DiffID, anySHA256)); err != nil {
			return nil, err
		}
	}
	inflated := newReadAhead(plain, 8*l.blob.size, diff)
	err = drain(ctx, inflated, visit)
	inflated.Close() // before stored, whose bytes the decompressor may be waiting for
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, compressed) // what the decompressor has left unread
	return diff, err
}

// anySHA256 stands for a digest that is not known yet: such content is hashed with SHA-256, as nearly every image names it.
const anySHA256 = engine.Digest("sha256:0000000000000000000000000000000000000000000000000000000000000000")

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

// checkDigests compares the size and digests of what has been read with what the image says. Of a layer that is being streamed it keeps
// them. diff is the hash of the uncompressed content; nil where that is what is stored.
func (l *layer) checkDigests(raw *hashingReader, diff hash.Hash) error {
	if n := raw.n.Load(); n != l.blob.size {
		return fmt.Errorf("the blob has %d bytes, and the image says %d", n, l.blob.size)
	}
	var stored, content engine.Digest
	if raw.h != nil {
		stored = digestLike(cmp.Or(l.blob.digest, anySHA256), raw.h)
	}
	if diff != nil {
		content = digestLike(cmp.Or(l.info.DiffID, anySHA256), diff)
	}
	if l.blob.digest != "" && stored != l.blob.digest {
		return digestMismatch("the blob", stored, l.blob.digest)
	}
	if diff == nil {
		content = stored
	}
	if l.info.DiffID != "" && content != l.info.DiffID {
		return digestMismatch("the inflated content", content, l.info.DiffID)
	}
	if l.streamed != nil {
		l.streamed.digest, l.streamed.diffID, l.info.Digest, l.info.DiffID = stored, content, stored, content
	}
	return nil
}

// hashingReader counts and hashes what is read of r; h may be nil.
type hashingReader struct {
	r io.Reader
	h hash.Hash
	n atomic.Int64 // bytes; atomic because another goroutine may read it meanwhile
}

func (r *hashingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n.Add(int64(n))
	if r.h != nil {
		r.h.Write(p[:n])
	}
	return n, err
}

// limitedReader reads inflated content up to a limit. It gives exactly as many bytes as the limit allows, so that a walk which ends there
// always ends at the same entry.
type limitedReader struct {
	r      io.Reader
	limit  *engine.LimitError // the error at the limit; its Limit is bytes of content
	budget *inflateBudget     // may be nil
	n      int64              // bytes read
}

// newLimitedReader limits r, which a blob of size bytes inflates to, in size and ratio.
func newLimitedReader(r io.Reader, size int64) *limitedReader {
	const what = "inflated size of one layer, by the ratio to its compressed size,"
	return &limitedReader{r: r, limit: &engine.LimitError{What: what, Limit: inflateLimit(size)}}
}

// inflateLimit is how many bytes a blob of size bytes may inflate to: engine.MaxRatio times as many, but at least engine.MaxRatioAfter and
// at most engine.MaxInflated.
func inflateLimit(size int64) int64 {
	return min(max(min(size, engine.MaxInflated/engine.MaxRatio+1)*engine.MaxRatio, engine.MaxRatioAfter), engine.MaxInflated)
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = &engine.LimitError{What: "window of a zstd frame", Limit: engine.MaxWindow}
	}
	if over := r.n + int64(n) - r.limit.Limit; over > 0 {
		n, err = n-int(over), r.limit
	}
	r.n += int64(n)
	if err := r.budget.spend(int64(n)); err != nil {
		return 0, err
	}
	return n, err
}

// inflateBudget counts what all layers of an image inflate to, each time that one is inflated: an image may name one small blob as a
// thousand layers.
type inflateBudget struct {
	used  atomic.Int64 // bytes
	limit int64        // bytes
}

// newInflateBudget returns a budget of what the image's blobs may inflate to when each is counted once.
func newInflateBudget(blobs []blob) *inflateBudget {
	type identity struct {
		digest engine.Digest
		from   int64 // in the archive, where nothing names the blob's digest
	}
	seen := map[identity]bool{}
	limit := int64(0)
	for _, b := range blobs {
		id := identity{digest: b.digest}
		if id.digest == "" && b.file != nil {
			id.from = b.file.from
		}
		if !seen[id] {
			seen[id] = true
			limit = min(limit+inflateLimit(b.size), engine.MaxImageInflated)
		}
	}
	return &inflateBudget{limit: limit}
}

// spend takes n bytes from the budget. It returns an error when there are fewer left.
func (s *inflateBudget) spend(n int64) error {
	if s != nil && s.used.Add(n) > s.limit {
		return fmt.Errorf("all layers together inflate to more than %d bytes, the limit for blobs of their size", s.limit)
	}
	return nil
}
