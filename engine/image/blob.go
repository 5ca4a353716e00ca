package image

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
	gz "github.com/vetoci/veto/engine/inflate"
)

// blob is one layer as it is stored. One of at, open, once and passed is set. Its media type is never asked: content is sniffed.
type blob struct {
	digest engine.Digest // of the blob as stored; empty when the image does not say
	size   int64         // bytes as stored
	at     io.ReaderAt   // a local source that seeks: the blob is its first size bytes
	part   *filePart     // what at reads, when that is a file
	// open starts a stream at the blob's first byte. The layer checks size and digest, the caller of open closes.
	open func(ctx context.Context) (io.ReadCloser, error)
	// ranges reads n bytes from byte from on; nil where the source has no ranges. notes are the annotations of the blob's descriptor.
	ranges func(ctx context.Context, from, n int64) ([]byte, error)
	notes  map[string]string
	bound  bool      // open can give nothing but the content of digest: a registry keeps blobs by it
	once   io.Reader // a stream that passes by now
	passed *passed   // a stream that has passed by
}

// packing is how a blob is compressed.
type packing string

const (
	packedNot  packing = "tar"
	packedGzip packing = "gzip"
	packedZstd packing = "zstd"
)

// sniffBytes is how much packingOf wants to see: one tar header.
const sniffBytes = 512

// packingOf tells a blob's packing from its first bytes (all of them, when it is shorter than sniffBytes).
func packingOf(head []byte) (packing, error) {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\x1f\x8b"): // RFC 1952, 2.3.1
		return packedGzip, nil
	case has(0, "\x28\xb5\x2f\xfd"), has(1, "\x2a\x4d\x18") && head[0]&0xf0 == 0x50: // RFC 8878, 3.1.1 and 3.1.2
		return packedZstd, nil
	case has(0, "\xfd7zXZ\x00"):
		return "", errors.New("it is compressed with xz, which no image format allows")
	case has(0, "BZh"):
		return "", errors.New("it is compressed with bzip2, which no image format allows")
	case len(head) == 0, len(head) >= sniffBytes && (has(257, "ustar") || zero(head) || oldTar(head)):
		return packedNot, nil
	}
	return "", errors.New("it is neither a tar archive nor one packed with gzip or zstd")
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// oldTar recognises a header without magic (Unix V7) by its checksum: the sum of its bytes with the checksum's own eight as blanks. Some old
// systems took bytes for signed numbers, and archive/tar accepts that too.
func oldTar(h []byte) bool {
	sum, signed := int64(8*' '), int64(8*' ')
	for i, c := range h[:sniffBytes] {
		if i < 148 || i >= 156 {
			sum += int64(c)
			signed += int64(int8(c)) //nolint:gosec // that is the point
		}
	}
	var want int64
	for _, c := range strings.Trim(string(h[148:156]), " \x00") {
		if c < '0' || c > '7' {
			return false
		}
		want = want*8 + int64(c-'0')
	}
	return sum == want || signed == want
}

// inflate returns the content of r, whatever its packing, and a function that frees the inflater.
func inflate(r *bufio.Reader) (io.Reader, func(), error) {
	head, err := r.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	kind, err := packingOf(head)
	switch {
	case err != nil:
		return nil, nil, err
	case kind == packedGzip:
		z, err := gz.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { _ = z.Close() }, nil // it never fails
	case kind == packedZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(engine.MaxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// newHash returns the hash of a digest's algorithm, or an error when the digest is not one that the OCI image specification
// registers, well-formed ("descriptor.md", Digests).
func newHash(d engine.Digest) (hash.Hash, error) {
	algorithm, sum, _ := strings.Cut(string(d), ":")
	var h hash.Hash
	switch algorithm {
	case "sha256":
		h = sha256.New()
	case "sha512":
		h = sha512.New()
	default:
		return nil, fmt.Errorf("digest %q is neither sha256 nor sha512", d)
	}
	if len(sum) != 2*h.Size() || strings.Trim(sum, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("digest %q is malformed", d)
	}
	return h, nil
}

func sumDigest(like engine.Digest, h hash.Hash) engine.Digest {
	algorithm, _, _ := strings.Cut(string(like), ":")
	return engine.Digest(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}

func sha256Digest(b []byte) engine.Digest {
	sum := sha256.Sum256(b)
	return engine.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// checkDigest says whether b is what the digest names.
func checkDigest(what string, d engine.Digest, b []byte) error {
	h, err := newHash(d)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	h.Write(b)
	if got := sumDigest(d, h); got != d {
		return fmt.Errorf("%s: its content has the digest %s, not %s", what, got, d)
	}
	return nil
}
