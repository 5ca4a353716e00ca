package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/vetoci/veto/engine"
)

// estargzDigest is the annotation of a layer's descriptor that holds the digest of its table's JSON (stargz-snapshotter docs/estargz.md,
// "Content Verification in eStargz").
const estargzDigest = "containerd.io/snapshot/stargz/toc.digest"

// estargzName is the table's name in the tar, of which it is the last entry.
const estargzName = "stargz.index.json"

// tailBytes is how many bytes of a blob's end are fetched first: the footer, and the whole table of a small layer.
const tailBytes = 64 << 10

// estargzTOC reads the table that the blob's footer leads to, whose JSON must have the digest want.
func estargzTOC(ctx context.Context, b blob, want engine.Digest) (*toc, error) {
	from := max(b.size-tailBytes, 0)
	tail, err := b.ranges(ctx, from, b.size-from)
	if err != nil {
		return nil, err
	}
	at, footer, ok := estargzFooter(tail)
	switch {
	case !ok:
		return nil, errNoTOC // the table may be kept outside of the layer
	case at <= 0 || at >= b.size-footer:
		return nil, fmt.Errorf("the footer says that it begins at byte %d of %d", at, b.size)
	case b.size-footer-at > compressedTOCLimit:
		return nil, errNoTOC
	}
	compressed := tail[:int64(len(tail))-footer]
	if at >= from {
		compressed = compressed[at-from:]
	} else {
		head, err := b.ranges(ctx, at, from-at)
		if err != nil {
			return nil, err
		}
		compressed = append(head, compressed...)
	}
	h, raw, inner, err := estargzJSON(compressed)
	if err != nil {
		return nil, err
	}
	if err := checkDigest("against the annotation of the layer", want, raw); err != nil {
		return nil, err
	}
	t, err := parseTOC(raw, "eStargz", at, gzipInflater())
	if err != nil {
		return nil, err
	}
	return t, t.addTable(h, raw, tocChunk{offset: at, end: b.size - footer, innerOffset: inner, size: h.Size})
}

// estargzFooter returns the offset of the table, which the empty gzip member at the end of a blob names, and the length of that member: 51
// bytes in eStargz ("Footer"), or 47 in its predecessor stargz, whose extra field has no subfield.
func estargzFooter(tail []byte) (at, length int64, ok bool) {
	for _, head := range []string{"SG\x16\x00", ""} {
		n := 10 + 2 + len(head) + 22 + 5 + 8
		if len(tail) < n {
			continue
		}
		f := tail[len(tail)-n:]
		extra := f[12 : 12+len(head)+22]
		if !bytes.HasPrefix(f, []byte("\x1f\x8b\x08\x04")) || int(binary.LittleEndian.Uint16(f[10:])) != len(extra) ||
			!bytes.HasPrefix(extra, []byte(head)) || !bytes.HasSuffix(extra, []byte("STARGZ")) {
			continue
		}
		v, err := strconv.ParseUint(string(extra[len(head):len(head)+16]), 16, 63)
		return int64(v), int64(n), err == nil // 63 bits
	}
	return 0, 0, false
}

// estargzJSON decompresses the table, and returns its header in the tar, its JSON, and how many bytes of the decompressed tar precede that.
func estargzJSON(compressed []byte) (h *tar.Header, raw []byte, inner int64, err error) {
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, nil, 0, err
	}
	z.Multistream(false)
	plain := &hashingReader{r: z}
	tr := tar.NewReader(plain)
	if h, err = tr.Next(); err != nil {
		return nil, nil, 0, unexpectedEOF(err)
	}
	if h.Name != estargzName || h.Typeflag != tar.TypeReg || isSparse(h) {
		return nil, nil, 0, fmt.Errorf("the footer leads to the entry %q", h.Name)
	}
	if h.Size > engine.MaxTOC {
		return nil, nil, 0, errNoTOC
	}
	inner = plain.n.Load()
	raw = make([]byte, h.Size)
	_, err = io.ReadFull(tr, raw)
	return h, raw, inner, err
}

// gzipInflater returns a toc.inflate for gzip members.
func gzipInflater() func(io.Reader) (io.Reader, error) {
	z := new(gzip.Reader)
	return func(r io.Reader) (io.Reader, error) {
		if err := z.Reset(r); err != nil {
			return nil, unexpectedEOF(err)
		}
		z.Multistream(false)
		return z, nil
	}
}
