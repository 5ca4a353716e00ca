package image

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// rangesOf makes a blob of bytes that are all there.
func rangesOf(b []byte, notes map[string]string) blob {
	return blob{size: int64(len(b)), annotations: notes, ranges: func(_ context.Context, from, n int64) ([]byte, error) {
		if from < 0 || n <= 0 || n > int64(len(b))-from {
			panic(fmt.Sprintf("%d bytes from %d on were asked for, of %d", n, from, len(b)))
		}
		return b[from : from+n : from+n], nil
	}}
}

// holdTOC walks a table that has been accepted: names are clean, and a body that can be read has the digest that the table says.
func holdTOC(t *testing.T, table *toc, b blob) {
	n := 0
	err := table.walk(t.Context(), b, func(f *engine.File) error {
		e := &table.entries[n]
		n++
		if f.Path != path.Clean(f.Path) || strings.HasPrefix(f.Path, "/") || strings.HasPrefix(f.Path, "..") ||
			strings.Contains(f.Path, "\x00") || f.Size < 0 {
			t.Errorf("entry %+q of %d bytes", f.Path, f.Size)
		}
		if f.Type != engine.TypeFile || f.Size > 1<<20 {
			return nil
		}
		body, err := f.Bytes(1 << 20)
		if err != nil {
			return nil //nolint:nilerr // the walk says it
		}
		if int64(len(body)) != f.Size || e.chunkCount > 0 && !vouched(table, e, body) {
			t.Errorf("%s: %d bytes of %d, which the table does not vouch for", f.Path, len(body), f.Size)
		}
		return nil
	})
	if err == nil && n != len(table.entries) {
		t.Errorf("%d entries of %d", n, len(table.entries))
	}
}

// vouched says whether a body is what the table says of its chunks and, where it does, of the whole.
func vouched(table *toc, e *tocEntry, body []byte) bool {
	for _, c := range table.chunks[e.firstChunk : e.firstChunk+e.chunkCount] {
		if sha256.Sum256(body[c.fileOffset:c.fileOffset+c.size]) != c.sum {
			return false
		}
	}
	sum, ok := table.sums[e.firstChunk]
	return !ok || sha256.Sum256(body) == sum
}

// A table may be too long to be held; the layer is pulled then.
func TestTOCTooLong(t *testing.T) {
	line := `{"name":"a","type":"dir"},`
	for n, want := range map[int]error{engine.MaxTOCEntries - 1: nil, engine.MaxTOCEntries: errNoTOC} {
		raw := `{"version":1,"entries":[` + strings.Repeat(line, n) + strings.TrimSuffix(line, ",") + `]}`
		if _, err := parseTOC([]byte(raw), "eStargz", 1, nil); !errors.Is(err, want) {
			t.Errorf("%d entries: %v", n+1, err)
		}
	}
}

// sameTOC holds the reader of tables against encoding/json.
func sameTOC(t *testing.T, raw []byte) {
	type line struct {
		Name, Type, LinkName, Digest, ChunkDigest, ChunkType string
		Mode, UID, GID, Size, Offset, EndOffset, InnerOffset int64
		ChunkOffset, ChunkSize                               int64
	}
	var got []tocLine
	version, err := readTOC(raw, func(l *tocLine) error { got = append(got, *l); return nil })
	if err != nil {
		return
	}
	var want struct {
		Version int64
		Entries []line
	}
	if err := json.Unmarshal(raw, &want); err != nil || want.Version != version || len(want.Entries) != len(got) {
		t.Fatalf("version %d and %d entries; encoding/json: %d and %d, %v", version, len(got), want.Version, len(want.Entries), err)
	}
	for i, w := range want.Entries {
		if (tocLine{name: w.Name, kind: w.Type, link: w.LinkName, mode: w.Mode, uid: w.UID, gid: w.GID, size: w.Size, digest: w.Digest,
			chunkDigest: w.ChunkDigest,
			chunkType:   w.ChunkType, offset: w.Offset, endOffset: w.EndOffset, innerOffset: w.InnerOffset, chunkOffset: w.ChunkOffset,
			chunkSize: w.ChunkSize}) != got[i] {
			t.Fatalf("entry %d: %+v; encoding/json: %+v", i, got[i], w)
		}
	}
}

// seeds are small layers with their tables.
func seeds(f *testing.F, c imagetest.Compression, add func(blob, table []byte, notes map[string]string)) {
	plain, err := imagetest.Tar(imagetest.Dir("etc"), imagetest.File("etc/a", "one"), imagetest.File("etc/empty", ""),
		imagetest.Symlink("b", "etc/a"),
		imagetest.Hardlink("c", "etc/a"), imagetest.Whiteout("etc/gone"), imagetest.File("name/\u00fc", strings.Repeat("long ", 200)),
		imagetest.File("d", "two"))
	if err != nil {
		f.Fatal(err)
	}
	for _, o := range []imagetest.TOC{{}, {ChunkSize: 300}, {ChunkSize: 300, MinChunkSize: 700}, {Legacy: true}} {
		var table []byte
		o.Edit = func(b []byte) []byte { table = b; return b }
		packed, _, notes, err := imagetest.PackTOC(c, plain, o)
		if err != nil {
			f.Fatal(err)
		}
		add(packed, table, notes)
	}
}

// FuzzEstargzTOC reads any blob by the table that its footer leads to, as if its digest were the right one, and any table with it.
func FuzzEstargzTOC(f *testing.F) {
	seeds(f, imagetest.EStargz, func(blob, table []byte, _ map[string]string) { f.Add(blob, table) })
	f.Add([]byte{}, []byte(`{"version":1,"entries":[{"type":"reg","name":"a","size":5,"offset":1,"chunkType":"zeros","digest":"sha256:`+
		strings.Repeat("0", 64)+`"}]}`))
	f.Fuzz(func(t *testing.T, raw, table []byte) {
		b := rangesOf(raw, nil)
		if at, footer, ok := estargzFooter(raw); ok && at > 0 && at < b.size-footer {
			if _, found, _, err := estargzJSON(raw[at : b.size-footer]); err == nil {
				if parsed, err := estargzTOC(t.Context(), b, sha256Digest(found)); err == nil {
					holdTOC(t, parsed, b)
				}
				if _, err := estargzTOC(t.Context(), b, sha256Digest(append(found, ' '))); err == nil || errors.Is(err, errNoTOC) {
					t.Errorf("a table with another digest: %v", err)
				}
			}
		}
		sameTOC(t, table)
		if parsed, err := parseTOC(table, "eStargz", b.size, gzipInflater()); err == nil {
			holdTOC(t, parsed, b)
		}
	})
}

// FuzzZstdChunkedTOC reads any blob by the table at any position, as if its digest were the right one, and any table with it.
func FuzzZstdChunkedTOC(f *testing.F) {
	const prefix = "io.github.containers.zstd-chunked."
	seeds(f, imagetest.ZstdChunked, func(blob, table []byte, notes map[string]string) {
		f.Add(blob, notes[prefix+zstdChunkedPosition], table)
	})
	f.Add([]byte("\x28\xb5\x2f\xfd"), "-1:9223372036854775807:0:1", []byte(`{"version":1,"entries":null}`))
	f.Fuzz(func(t *testing.T, raw []byte, position string, table []byte) {
		b := rangesOf(raw, nil)
		if at, packed, _, err := parsePosition(position); err == nil && at <= b.size && packed > 0 && packed <= b.size-at {
			if parsed, err := zstdChunkedTOC(t.Context(), b, position, sha256Digest(raw[at:at+packed])); err == nil {
				holdTOC(t, parsed, b)
			}
		}
		sameTOC(t, table)
		inflate, err := zstdInflater()
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err := parseTOC(table, "zstd:chunked", b.size, inflate); err == nil {
			holdTOC(t, parsed, b)
		}
	})
}
