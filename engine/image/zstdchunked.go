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

// The annotations of a zstd:chunked layer's descriptor (containers/storage pkg/chunked/internal/minimal): the digest of the table as it
// is packed, and "offset:length:length of the JSON:1" of it in the blob, where a skippable frame holds it. The footer says the same
// again, and nothing vouches for a footer.
const (
	zstdChunkedChecksum = "manifest-checksum"
	zstdChunkedPosition = "manifest-position"
)

// zstdChunkedPrefixes are those of containers/storage and of stargz-snapshotter, which packs what it calls eStargz with zstd.
func zstdChunkedPrefixes() []string {
	return []string{"io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."}
}

// frameHeader is the length of a skippable frame's header (RFC 8878, 3.1.2).
const frameHeader = 8

func zstdChunkedTOC(ctx context.Context, b blob, position string, want engine.Digest) (*toc, error) {
	if want == "" {
		return nil, errNoTOC
	}
	at, packed, plain, err := zstdChunkedPlace(position)
	switch {
	case err != nil:
		return nil, err
	case at <= frameHeader || at > b.size || packed > b.size-at:
		return nil, fmt.Errorf("%q is not inside of the blob, which has %d bytes", position, b.size)
	case packed > packedTOC || plain > engine.MaxTOC:
		return nil, errNoTOC
	}
	stored, err := b.ranges(ctx, at, packed)
	if err != nil {
		return nil, err
	}
	if err := checkDigest("against the annotation of the layer", want, stored); err != nil {
		return nil, err
	}
	raw, err := unzstd(stored, plain)
	if err != nil {
		return nil, err
	}
	if want := b.notes[estargzDigest]; want != "" { // stargz-snapshotter names both
		if err := checkDigest("against the annotation of the layer", engine.Digest(want), raw); err != nil {
			return nil, err
		}
	}
	inflate, err := unframe()
	if err != nil {
		return nil, err
	}
	return parseTOC(raw, "zstd:chunked", at-frameHeader, inflate)
}

// zstdChunkedPlace reads a position; the table of an unknown type is none.
func zstdChunkedPlace(position string) (at, packed, plain int64, err error) {
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
		n[i] = int64(v) //nolint:gosec // 62 bits
	}
	if n[3] != 1 {
		return 0, 0, 0, errNoTOC
	}
	return n[0], n[1], n[2], nil
}

// zstdWindow is the largest window of a chunk or table: RFC 8878, 3.1.1.1.2 recommends that decoders support 8 MiB; a frame may have one
// as large as its content.
const zstdWindow = engine.MaxTOCChunk

// unzstd unpacks exactly n bytes.
func unzstd(packed []byte, n int64) ([]byte, error) {
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
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

// unframe inflates from a zstd frame on.
func unframe() (func(io.Reader) (io.Reader, error), error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return func(r io.Reader) (io.Reader, error) { return z, z.Reset(r) }, nil
}
