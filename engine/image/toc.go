package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/registry"
)

// toc is the table of contents of one layer, whose digest is the one that the manifest names: its entries in their order, and where in the
// blob the bodies of its files are. Nothing here has checked that the layer's tar holds the same.
type toc struct {
	format string
	// inflate decompresses what begins at a chunk's offset. Each call ends the use of the reader that the call before returned.
	inflate func(io.Reader) (io.Reader, error)
	entries []tocEntry
	chunks  []tocChunk
	sums    map[int32]sha256Sum // of whole files with several chunks, where the table has them; by the file's first chunk
}

// tocEntry is an entry, and for a file with content its chunks.
type tocEntry struct {
	engine.Entry
	firstChunk, chunkCount int32 // in toc.chunks
}

// tocBuilder makes a table line by line.
type tocBuilder struct {
	*toc
	total int64 // bytes of all files
	// What the first line of the last file says.
	end    int64     // where it ends in the blob, or 0
	sum    sha256Sum // of the whole file
	hasSum bool      // there is sum
}

// tocChunk is a part of a file that can be decompressed by itself.
type tocChunk struct {
	offset, end      int64 // bytes of the blob that hold it, compressed; other chunks may follow it in them
	innerOffset      int64 // how many of the bytes that these inflate to come before it
	fileOffset, size int64 // bytes of the file
	sum              sha256Sum
	hasSum           bool // there is sum
	zeros            bool // it consists of zeros, and is not stored
}

// compressedTOCLimit is how many bytes a compressed table may have: honest ones compress to a fourth or less of the table.
const compressedTOCLimit = engine.MaxTOC / 2

type sha256Sum [sha256.Size]byte

// errNoTOC says that a layer has no table that veto can read or verify. Then the layer itself is read, which is never wrong.
var errNoTOC = errors.New("there is no table of contents")

// tableOfContents returns the layer's table, or nil when the layer itself is to be read: without Options.TOC, from a source without ranges,
// and where the manifest names no digest of a table. The blob's footer alone leads to a table too, but nothing verifies that one.
func (l *layer) tableOfContents(ctx context.Context) (*toc, error) {
	if l.table != nil || !l.useTOC || l.blob.ranges == nil {
		return l.table, nil
	}
	t, err := findTOC(ctx, l.blob)
	switch hint := (*engine.HintError)(nil); {
	case errors.Is(err, errNoTOC), errors.Is(err, registry.ErrNoRanges):
		return nil, nil
	case err != nil && ctx.Err() == nil && !errors.As(err, &hint):
		return nil, engine.Hint(fmt.Errorf("its table of contents: %w", err), "without --toc veto reads the layer itself")
	case err != nil:
		return nil, err
	}
	l.table = t
	return t, nil
}

// findTOC reads the table that the annotations of a blob's descriptor name.
func findTOC(ctx context.Context, b blob) (*toc, error) {
	for _, prefix := range zstdChunkedPrefixes() {
		if position := b.annotations[prefix+zstdChunkedPosition]; position != "" {
			return zstdChunkedTOC(ctx, b, position, engine.Digest(b.annotations[prefix+zstdChunkedChecksum]))
		}
	}
	if want := b.annotations[estargzDigest]; want != "" {
		return estargzTOC(ctx, b, engine.Digest(want))
	}
	return nil, errNoTOC
}

// Gaps implements engine.Sketched: a walk by a table of contents leaves the tar unread.
func (l *layer) Gaps() []engine.Gap {
	if l.table == nil {
		return nil
	}
	detail := "read by its " + l.table.format + " table of contents: the tar itself, which runtimes unpack, was not read " +
		"and may hold something else; without --toc it is read"
	return []engine.Gap{{Kind: engine.GapTOCOnly, Layer: engine.Maybe(l.info.DiffID), Detail: detail}}
}

// parseTOC reads a table whose digest has been checked. All chunks must lie in the blob before byte end.
func parseTOC(raw []byte, format string, end int64, inflate func(io.Reader) (io.Reader, error)) (*toc, error) {
	m := &tocBuilder{toc: &toc{format: format, inflate: inflate, sums: map[int32]sha256Sum{}}}
	// Counting words tells about how many entries and chunks there are, so that the lists need not grow. Of a hostile table it may be wrong.
	count := func(word string) int { return bytes.Count(raw, []byte(word)) }
	m.entries = make([]tocEntry, 0, max(min(count(`"type"`)-count(`"chunk"`), engine.MaxTOCEntries), 0))
	m.chunks = make([]tocChunk, 0, min(count(`"offset"`), len(raw)/100))
	version, err := readTOC(raw, func(line *tocLine) error {
		if line.kind == "chunk" {
			return m.addChunk(line)
		}
		if err := m.closeFile(); err != nil {
			return err
		}
		return m.addEntry(line)
	})
	if err == nil {
		err = m.closeFile()
	}
	switch {
	case err != nil:
		return nil, err
	case version != 1:
		return nil, fmt.Errorf("%w of version 1", errNoTOC)
	}
	return m.toc, m.setChunkEnds(end)
}

// addEntry adds an entry, and of a file with content its first chunk.
func (t *tocBuilder) addEntry(line *tocLine) error {
	if len(t.entries) >= engine.MaxTOCEntries {
		return errNoTOC
	}
	if t.total += max(line.size, 0); t.total > engine.MaxInflated || t.total < 0 {
		return &engine.LimitError{What: "inflated size of one layer", Limit: engine.MaxInflated}
	}
	h := tar.Header{Name: line.name, Linkname: line.link, Mode: line.mode, Uid: int(line.uid), Gid: int(line.gid), Size: line.size}
	switch line.kind {
	case "reg":
		h.Typeflag = tar.TypeReg
	case "dir":
		h.Typeflag = tar.TypeDir
	case "symlink":
		h.Typeflag = tar.TypeSymlink
	case "hardlink":
		h.Typeflag = tar.TypeLink
	case "char":
		h.Typeflag = tar.TypeChar
	case "block":
		h.Typeflag = tar.TypeBlock
	case "fifo":
		h.Typeflag = tar.TypeFifo
	default:
		return fmt.Errorf("the entry %q has the unknown type %q", line.name, line.kind)
	}
	switch {
	case strings.ContainsRune(line.name, 0), strings.ContainsRune(line.link, 0): // no tar can say it
		return fmt.Errorf("the entry %q has a NUL in its name or target", line.name)
	case line.size < 0, line.uid < 0, line.gid < 0, line.uid > math.MaxUint32, line.gid > math.MaxUint32:
		return fmt.Errorf("the entry %q has the size %d, the user %d and the group %d", line.name, line.size, line.uid, line.gid)
	}
	e, err := entryOf(&h)
	if err != nil {
		return err
	}
	out := tocEntry{Entry: e, firstChunk: int32(len(t.chunks))} // as many as MaxTOC has room for
	if e.Type != engine.TypeFile || e.Size == 0 {
		t.entries = append(t.entries, out)
		return nil
	}
	if t.hasSum, err = parseSum(line.digest, &t.sum); err != nil {
		return fmt.Errorf("the file %q: its digest: %w", e.Path, err)
	}
	t.end = line.endOffset
	t.entries = append(t.entries, out)
	return t.addChunk(line)
}

// addChunk adds a part to the last file.
func (t *tocBuilder) addChunk(line *tocLine) error {
	if len(t.entries) == 0 {
		return errors.New("it begins with a chunk of no file")
	}
	e := &t.entries[len(t.entries)-1]
	fault := func(format string, a ...any) error {
		return fmt.Errorf("chunk %d of the file %q: %w", e.chunkCount+1, e.Path, fmt.Errorf(format, a...))
	}
	if line.kind == "chunk" && line.name != "" {
		if name, err := cleanPath(line.name); err != nil || name != e.Path {
			return fault("it says it is of %q", line.name)
		}
	}
	c := tocChunk{offset: line.offset, innerOffset: line.innerOffset, fileOffset: line.chunkOffset, size: line.chunkSize}
	var covered int64
	if e.chunkCount > 0 {
		before := &t.chunks[len(t.chunks)-1]
		covered = before.fileOffset + before.size
		c.end = line.endOffset
	}
	switch line.chunkType {
	case "":
	case "zeros":
		c.zeros = true
	default:
		return fault("it is of the unknown type %q", line.chunkType)
	}
	if c.size == 0 {
		c.size = e.Size - covered
	}
	switch {
	case e.Type != engine.TypeFile:
		return fault("only files have chunks")
	case c.fileOffset != covered:
		return fault("it begins at byte %d of the file, and not at %d", c.fileOffset, covered)
	case c.size <= 0 || c.size > e.Size-covered:
		return fault("it has %d bytes, and the file %d after byte %d", c.size, e.Size-covered, covered)
	case c.offset < 0 || c.offset == 0 && !c.zeros, c.innerOffset < 0 || c.innerOffset > engine.MaxInflated, c.end < 0:
		return fault("it is said to be at byte %d of byte %d of the blob", c.innerOffset, c.offset)
	}
	var err error
	if c.hasSum, err = parseSum(line.chunkDigest, &c.sum); err != nil {
		return fault("its digest: %w", err)
	}
	t.chunks = append(t.chunks, c)
	e.chunkCount++
	return nil
}

// closeFile checks that the chunks of the last file cover all of it, and that each can be verified.
func (t *tocBuilder) closeFile() error {
	if len(t.entries) == 0 || t.entries[len(t.entries)-1].chunkCount == 0 {
		return nil
	}
	e := &t.entries[len(t.entries)-1]
	chunks := t.chunks[e.firstChunk:]
	last := &chunks[len(chunks)-1]
	if last.fileOffset+last.size != e.Size {
		return fmt.Errorf("the chunks of the file %q have %d bytes together, and the file %d", e.Path, last.fileOffset+last.size, e.Size)
	}
	if last.end == 0 {
		last.end = t.end
	}
	switch {
	case t.hasSum && len(chunks) > 1:
		t.sums[e.firstChunk] = t.sum
	case t.hasSum && last.hasSum && last.sum != t.sum:
		return fmt.Errorf("the file %q is one chunk, and has another digest than that", e.Path)
	case t.hasSum:
		last.sum, last.hasSum = t.sum, true
	}
	for i := range chunks {
		if !chunks[i].hasSum {
			return fmt.Errorf("chunk %d of the file %q has no digest", i+1, e.Path)
		}
	}
	return nil
}

// setChunkEnds determines where in the blob each chunk ends. It returns an error when chunks overlap, or reach past byte limit.
func (t *toc) setChunkEnds(limit int64) error {
	var order []int32
	for i := range t.chunks {
		if c := &t.chunks[i]; c.offset > 0 {
			order = append(order, int32(i)) // as many as MaxTOC has room for
		}
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := &t.chunks[order[i]], &t.chunks[order[j]]
		return a.offset < b.offset || a.offset == b.offset && a.innerOffset < b.innerOffset
	})
	var after *tocChunk
	for k := len(order) - 1; k >= 0; k-- {
		c := &t.chunks[order[k]]
		end := limit
		switch {
		case after != nil && after.offset == c.offset:
			if c.innerOffset+c.size > after.innerOffset {
				return fmt.Errorf("two chunks lie on each other from byte %d of the blob on", c.offset)
			}
			end = after.end
		case after != nil:
			end = after.offset
		}
		if c.offset >= end || c.end > end || c.end != 0 && c.end <= c.offset {
			return fmt.Errorf("a chunk reaches from byte %d to byte %d of the blob, and what follows begins at byte %d", c.offset, c.end, end)
		}
		if c.end == 0 {
			c.end = end
		}
		after = c
	}
	return nil
}

// parseSum reads a digest of the form "sha256:<hex>" and reports whether there is one: the empty string is none.
func parseSum(s string, into *sha256Sum) (bool, error) {
	if s == "" {
		return false, nil
	}
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 2*len(into) || strings.ToLower(digits) != digits {
		return false, fmt.Errorf("%.80q is no sha256 digest", s)
	}
	_, err := hex.Decode(into[:], []byte(digits))
	return true, err
}
