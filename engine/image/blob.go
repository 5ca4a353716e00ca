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
	"github.com/vetoci/veto/engine/inflate"
)

// blob is one layer as it is stored. One of at, open, stream and streamed is set. How it is compressed is detected from its content, and
// its media type must agree: runtimes differ in which of the two they believe.
type blob struct {
	mediaType string        // as the manifest says; empty where there is none
	digest    engine.Digest // of the blob as stored; empty when the image does not say
	size      int64         // bytes as stored
	at        io.ReaderAt   // a local source that seeks: the blob is its first size bytes
	file      *fileSection  // what at reads, when that is a file
	// open starts a stream at the blob's first byte. The layer checks size and digest; whoever calls open closes the stream.
	open func(ctx context.Context) (io.ReadCloser, error)
	// ranges reads n bytes of the blob, from byte from on; nil where the source cannot.
	ranges           func(ctx context.Context, from, n int64) ([]byte, error)
	annotations      map[string]string // of the blob's descriptor
	contentAddressed bool              // open and ranges ask for the blob by its digest, as registries keep it
	stream           io.Reader         // the blob inside a stream that is being read
	streamed         *streamedMember   // the blob inside a stream that has been read
}

// compression is how a blob or archive is compressed.
type compression string

const (
	uncompressed   compression = "tar"
	compressedGzip compression = "gzip"
	compressedZstd compression = "zstd"
)

// formOf returns the compression that a layer's media type names (image-spec media-types.md and Docker's schema 2); empty where it names
// none. known is false for what is no tar archive.
func formOf(mediaType string) (form compression, known bool) {
	rest, known := strings.CutPrefix(mediaType, "application/vnd.oci.image.layer.")
	if !known {
		rest, known = strings.CutPrefix(mediaType, "application/vnd.docker.image.rootfs.")
	}
	_, suffix, tar := strings.Cut(rest, ".tar")
	switch {
	case mediaType == "":
		return "", true
	case !known || !tar:
		return "", false
	case suffix == "":
		return uncompressed, true
	case suffix == "+gzip", suffix == ".gzip":
		return compressedGzip, true
	case suffix == "+zstd", suffix == ".zstd":
		return compressedZstd, true
	}
	return "", false
}

// checkForm returns an error when a blob is compressed in another way than its media type says.
func checkForm(mediaType string, is compression) error {
	form, _ := formOf(mediaType)
	if form == "" || form == is {
		return nil
	}
	return engine.Hint(fmt.Errorf("its media type is %q, and its content is %s: runtimes differ in which of them they believe", mediaType, is),
		"push or save the image again with a current tool")
}

// sniffBytes is how much detectCompression wants to see: one tar header.
const sniffBytes = 512

// detectCompression tells how a blob is compressed from its first sniffBytes bytes, or from all of them when there are fewer. What is
// neither a tar nor compressed with gzip or zstd is an error.
func detectCompression(head []byte) (compression, error) {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	packed := has(0, "\x1f\x8b") || has(0, "\x28\xb5\x2f\xfd") || has(1, "\x2a\x4d\x18") || has(0, "\xfd7zXZ\x00") || has(0, "BZh")
	switch {
	case packed && len(head) >= sniffBytes && isV7Tar(head):
		return "", errors.New("it begins both like a tar archive and like a compressed one: runtimes differ in what they make of it")
	case has(0, "\x1f\x8b"): // RFC 1952, 2.3.1
		return compressedGzip, nil
	case has(0, "\x28\xb5\x2f\xfd"), has(1, "\x2a\x4d\x18") && head[0]&0xf0 == 0x50: // RFC 8878, 3.1.1 and 3.1.2
		return compressedZstd, nil
	case has(0, "\xfd7zXZ\x00"):
		return "", errors.New("it is compressed with xz, which no image format allows")
	case has(0, "BZh"):
		return "", errors.New("it is compressed with bzip2, which no image format allows")
	case len(head) == 0, len(head) >= sniffBytes && (has(257, "ustar") || allZero(head) || isV7Tar(head)):
		return uncompressed, nil
	}
	return "", errors.New("it is neither a tar archive nor one packed with gzip or zstd")
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// isV7Tar recognises a header without magic, as Unix V7 wrote it, by its checksum: the sum of its bytes, with the eight of the checksum
// itself taken for blanks. Some old systems took bytes for signed numbers, and archive/tar accepts that too.
func isV7Tar(h []byte) bool {
	sum, signed := int64(8*' '), int64(8*' ')
	for i, c := range h[:sniffBytes] {
		if i < 148 || i >= 156 {
			sum += int64(c)
			signed += int64(int8(c)) // that is the point
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

// peekForm detects how what r reads is compressed.
func peekForm(r *bufio.Reader) (compression, error) {
	head, err := r.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return detectCompression(head)
}

// decompress returns the content of r, which is compressed as kind says, and a function that frees the decompressor.
func decompress(r *bufio.Reader, kind compression) (io.Reader, func(), error) {
	switch kind {
	case compressedGzip:
		z, err := inflate.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { _ = z.Close() }, nil // it never fails
	case compressedZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(engine.MaxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// newHash returns the hash of a digest's algorithm. A digest that is malformed, or of an algorithm that the OCI image specification does
// not register (descriptor.md, "Registered Algorithms"), is an error.
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

// digestLike is the digest of what h has hashed, of the same algorithm as like.
func digestLike(like engine.Digest, h hash.Hash) engine.Digest {
	algorithm, _, _ := strings.Cut(string(like), ":")
	return engine.Digest(algorithm + ":" + hex.EncodeToString(h.Sum(nil)))
}

func sha256Digest(b []byte) engine.Digest {
	sum := sha256.Sum256(b)
	return engine.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// checkDigest returns an error when b does not have the digest d; what names b in the error.
func checkDigest(what string, d engine.Digest, b []byte) error {
	h, err := newHash(d)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	h.Write(b)
	if got := digestLike(d, h); got != d {
		return fmt.Errorf("%s: its content has the digest %s, not %s", what, got, d)
	}
	return nil
}
