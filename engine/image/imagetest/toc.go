package imagetest

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The ways to store layers with a table of contents, which the layer's annotations name.
const (
	EStargz     Compression = "estargz"
	ZstdChunked Compression = "zstd:chunked"
)

// TOC says how layers with a table of contents are packed. The zero value is what builders do by default.
type TOC struct {
	ChunkSize int // how many bytes of a file are compressed by themselves; 4 MiB when 0
	// MinChunkSize is how many bytes are compressed together at least, even of several files, which then have an innerOffset. For eStargz
	// only, as estargz.WithMinChunkSize.
	MinChunkSize int
	// Edit changes the table before its digest is computed, as a forger would.
	Edit func(toc []byte) []byte
	// Legacy writes the footer of stargz, eStargz's predecessor.
	Legacy bool
}

// tocLine is one element of a table's "entries".
type tocLine struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	LinkName    string `json:"linkName,omitempty"`
	Mode        int64  `json:"mode,omitempty"`
	UID         int    `json:"uid,omitempty"`
	GID         int    `json:"gid,omitempty"`
	Size        int64  `json:"size,omitempty"`
	ModTime     string `json:"modtime,omitempty"`
	Digest      string `json:"digest,omitempty"`
	Offset      int    `json:"offset,omitempty"`
	EndOffset   int    `json:"endOffset,omitempty"`
	InnerOffset int    `json:"innerOffset,omitempty"`
	ChunkOffset int    `json:"chunkOffset,omitempty"`
	ChunkSize   int    `json:"chunkSize,omitempty"`
	ChunkDigest string `json:"chunkDigest,omitempty"`
}

// tocPacker compresses a tar in parts, each by itself.
type tocPacker struct {
	TOC
	kind  Compression // of the parts
	plain []byte      // the tar
	out   bytes.Buffer
	part  bytes.Buffer // the part that is not yet compressed
	lines []tocLine
}

// cut compresses what has come since the last cut, and returns where in out the next part begins.
func (p *tocPacker) cut() (int, error) {
	if p.part.Len() > 0 {
		b, err := Compress(p.kind, p.part.Bytes())
		if err != nil {
			return 0, err
		}
		p.out.Write(b)
		p.part.Reset()
	}
	return p.out.Len(), nil
}

// files compresses the tar up to the end of its last entry, and returns where that is.
func (p *tocPacker) files() (int, error) {
	r := bytes.NewReader(p.plain)
	tr := tar.NewReader(r)
	types := map[byte]string{tar.TypeReg: "reg", tar.TypeDir: "dir", tar.TypeSymlink: "symlink", tar.TypeLink: "hardlink",
		tar.TypeChar: "char", tar.TypeBlock: "block", tar.TypeFifo: "fifo"}
	pos := 0
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			end := min((pos+511)/512*512, len(p.plain))
			p.part.Write(p.plain[pos:end])
			return end, nil
		}
		if err != nil {
			return 0, fmt.Errorf("imagetest: %w", err)
		}
		body := len(p.plain) - r.Len()
		p.part.Write(p.plain[pos:body])
		pos = body
		line := tocLine{Type: types[h.Typeflag], Name: h.Name, LinkName: h.Linkname, Mode: h.Mode, UID: h.Uid, GID: h.Gid,
			ModTime: "1970-01-01T00:00:00Z"}
		if line.Type != "reg" || h.Size == 0 {
			p.lines = append(p.lines, line)
			continue
		}
		line.Size = h.Size
		pos += int(h.Size)
		if err := p.file(line, p.plain[body:pos]); err != nil {
			return 0, err
		}
	}
}

// file compresses the body of one file in chunks, and adds their lines to the table.
func (p *tocPacker) file(line tocLine, body []byte) error {
	line.Digest = Digest(body)
	first := len(p.lines)
	step := p.ChunkSize
	if step == 0 {
		step = 4 << 20
	}
	for at := 0; at < len(body); at += step {
		line.Offset, line.InnerOffset = p.out.Len(), p.part.Len()
		if line.Offset == 0 || p.part.Len() >= p.MinChunkSize {
			var err error
			if line.Offset, err = p.cut(); err != nil {
				return err
			}
			line.InnerOffset = 0
		}
		piece := body[at:min(at+step, len(body))]
		line.ChunkOffset, line.ChunkSize, line.ChunkDigest = at, len(piece), Digest(piece)
		if at+step >= len(body) && p.kind == Gzip {
			line.ChunkSize = 0 // "to the end of the file"
		}
		p.part.Write(piece)
		p.lines = append(p.lines, line)
		line = tocLine{Type: "chunk", Name: line.Name}
	}
	if p.kind == Zstd {
		end, err := p.cut()
		p.lines[first].EndOffset = end
		return err
	}
	return nil
}

// table returns the JSON of the table.
func (p *tocPacker) table() ([]byte, error) {
	b, err := json.MarshalIndent(object{"version": 1, "entries": p.lines}, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	if p.Edit != nil {
		b = p.Edit(b)
	}
	return b, nil
}

// PackTOC packs a tar with a table of contents. It returns the blob, what that inflates to, and the annotations of its descriptor.
func PackTOC(c Compression, plain []byte, o TOC) (blob, content []byte, notes map[string]string, err error) {
	if c == EStargz {
		return packEStargz(&tocPacker{TOC: o, kind: Gzip, plain: plain})
	}
	p := &tocPacker{TOC: o, kind: Zstd, plain: plain}
	notes, err = p.zstdChunked()
	return p.out.Bytes(), plain, notes, err
}

// packEStargz follows stargz-snapshotter's docs/estargz.md: the table is the last file of the tar, and an empty gzip member names its
// offset.
func packEStargz(p *tocPacker) (blob, content []byte, notes map[string]string, err error) {
	end, err := p.files()
	if err != nil {
		return nil, nil, nil, err
	}
	table, err := p.table()
	if err != nil {
		return nil, nil, nil, err
	}
	last, err := Tar(Entry{Path: "stargz.index.json", Body: table})
	if err != nil {
		return nil, nil, nil, err
	}
	at, err := p.cut()
	if err != nil {
		return nil, nil, nil, err
	}
	p.part.Write(last)
	if _, err := p.cut(); err != nil {
		return nil, nil, nil, err
	}
	extra := fmt.Sprintf("%016xSTARGZ", at)
	if !p.Legacy {
		extra = "SG\x16\x00" + extra
	}
	p.out.WriteString("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff")
	p.out.Write(binary.LittleEndian.AppendUint16(nil, uint16(len(extra)))) // 26 at most
	p.out.WriteString(extra + "\x01\x00\x00\xff\xff" + "\x00\x00\x00\x00\x00\x00\x00\x00")
	content = append(bytes.Clone(p.plain[:end]), last...)
	return p.out.Bytes(), content, map[string]string{"containerd.io/snapshot/stargz/toc.digest": Digest(table)}, nil
}

// zstdChunked follows containers/storage's pkg/chunked: table, tar-split data (empty here) and footer are skippable frames.
func (p *tocPacker) zstdChunked() (map[string]string, error) {
	end, err := p.files()
	if err != nil {
		return nil, err
	}
	p.part.Write(p.plain[end:])
	at, err := p.cut()
	if err != nil {
		return nil, err
	}
	table, err := p.table()
	if err != nil {
		return nil, err
	}
	packed, err := Compress(Zstd, table)
	if err != nil {
		return nil, err
	}
	frame := func(b []byte) {
		p.out.WriteString("\x50\x2a\x4d\x18")
		p.out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b)))) // small
		p.out.Write(b)
	}
	const header = 8
	at += header
	frame(packed)
	frame(nil)
	var footer []byte
	for _, n := range []int{at, len(packed), len(table), 1, at + len(packed) + header, 0, 0} {
		footer = binary.LittleEndian.AppendUint64(footer, uint64(n)) // small
	}
	frame(append(footer, "GNUlInUx"...))
	const prefix = "io.github.containers.zstd-chunked."
	return map[string]string{prefix + "manifest-checksum": Digest(packed),
		prefix + "manifest-position": fmt.Sprintf("%d:%d:%d:1", at, len(packed), len(table))}, nil
}
