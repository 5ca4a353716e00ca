package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// The annotations of a zstd:chunked layer's descriptor (containers/storage pkg/chunked/internal/minimal): the digest of the compressed
// table, and its position in the blob, where a skippable frame holds it, as "offset:length:length of the JSON:1". The blob's footer says
// the same, but nothing verifies a footer.
const (
	zstdChunkedChecksum = "manifest-checksum"
	zstdChunkedPosition = "manifest-position"
)

// zstdChunkedPrefixes are the prefixes of the annotations' names: that of containers/storage, and that of stargz-snapshotter, which
// compresses what it calls eStargz with zstd.
func zstdChunkedPrefixes() []string {
	return []string{"io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."}
}

// frameHeader is the length of a skippable frame's header (RFC 8878, 3.1.2).
const frameHeader = 8

// zstdChunkedTOC reads the table at a position, whose compressed form must have the digest want.
func zstdChunkedTOC(ctx context.Context, b blob, position string, want engine.Digest) (*toc, error) {
	if want == "" {
		return nil, errNoTOC
	}
	at, compressed, plain, err := parsePosition(position)
	switch {
	case err != nil:
		return nil, err
	case at <= frameHeader || at > b.size || compressed > b.size-at:
		return nil, fmt.Errorf("%q is not inside of the blob, which has %d bytes", position, b.size)
	case compressed > compressedTOCLimit || plain > engine.MaxTOC:
		return nil, errNoTOC
	}
	stored, err := b.ranges(ctx, at, compressed)
	if err != nil {
		return nil, err
	}
	if err := checkDigest("against the annotation of the layer", want, stored); err != nil {
		return nil, err
	}
	raw, err := decompressZstd(stored, plain)
	if err != nil {
		return nil, err
	}
	if want := b.annotations[estargzDigest]; want != "" { // stargz-snapshotter names both
		if err := checkDigest("against the annotation of the layer", engine.Digest(want), raw); err != nil {
			return nil, err
		}
	}
	inflate, err := zstdInflater()
	if err != nil {
		return nil, err
	}
	return parseTOC(raw, "zstd:chunked", at-frameHeader, inflate)
}

// parsePosition reads a position: the offset of the table, its length and that of its JSON, all in bytes. The error of a table of an
// unknown type is errNoTOC.
func parsePosition(position string) (at, compressed, plain int64, err error) {
	parts := strings.Split(position, ":")
	var n [4]int64
	if len(parts) != len(n) {
		return 0, 0, 0, fmt.Errorf("the annotation says that it is at %.80q", position)
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 62)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("the annotation says that it is at %.80q", position)
		}
		n[i] = int64(v) // 62 bits
	}
	if n[3] != 1 {
		return 0, 0, 0, errNoTOC
	}
	return n[0], n[1], n[2], nil
}

// The largest zstd windows, in bytes: RFC 8878, 3.1.1.1.2 recommends that decoders support 8 MiB, but the window of a frame may be as large
// as its content.
const (
	chunkWindow = engine.MaxTOCChunk
	tableWindow = 128 << 20 // twice the power of two above engine.MaxTOC
)

// decompressZstd decompresses exactly n bytes.
func decompressZstd(compressed []byte, n int64) ([]byte, error) {
	z, err := zstd.NewReader(bytes.NewReader(compressed),
		zstd.WithDecoderMaxWindow(tableWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	raw, err := io.ReadAll(io.LimitReader(z, n+1))
	if err == nil && int64(len(raw)) != n {
		err = errors.New("it has another length than its annotation says")
	}
	return raw, err
}

// zstdInflater returns a toc.inflate for zstd frames.
func zstdInflater() (func(io.Reader) (io.Reader, error), error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(chunkWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return func(r io.Reader) (io.Reader, error) { return z, z.Reset(r) }, nil
}
