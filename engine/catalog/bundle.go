package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/vetoci/veto/engine"
)

// readAppended reads what stands behind a program in its file: the bundle of a .NET program, a Java archive, or what is a gap: archives in
// which Python's, Deno's and Bun's programs carry their packages.
func readAppended(ctx context.Context, e *elfProgram, f *engine.File, ev *engine.Evidence) error {
	if e.extent <= 0 || e.size <= e.extent {
		return nil
	}
	switch at, err := findMark(e.at, e.size, bundleSignature); {
	case err != nil:
		return err
	case at >= 0:
		bundle, err := readBundle(e, at, ev)
		if bundle || err != nil {
			return err
		}
	}
	tail := make([]byte, min(e.size-e.extent, maxTrailer))
	if n, err := e.at.ReadAt(tail, e.size-int64(len(tail))); n < len(tail) {
		return err
	}
	for _, kind := range []struct{ mark, of string }{
		{"MEI\x0c\x0b\x0a\x0b\x0e", "a Python program and its packages, packed by PyInstaller"},
		{"d3n0l4nd", "a program and its packages, compiled by Deno"},
		{"\n---- Bun! ----\n", "a program and its packages, compiled by Bun"},
	} {
		if bytes.Contains(tail, []byte(kind.mark)) {
			ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: "programs with packages packed into them",
				Detail: "it holds " + kind.of + ", which is not read"})
			return nil
		}
	}
	return readAppendedArchive(ctx, e.at, e.size, f.Path, ev)
}

// maxTrailer is how many bytes at the end of a program are searched for marks of what was appended.
const maxTrailer = 8 << 10

// findMark returns where in a file a text stands, -1 for nowhere.
func findMark(at io.ReaderAt, size int64, mark string) (int64, error) {
	b := make([]byte, signatureBlock+len(mark))
	for from := int64(0); from < size; from += signatureBlock {
		n, err := at.ReadAt(b[:min(int64(len(b)), size-from)], from)
		if i := bytes.Index(b[:n], []byte(mark)); i >= 0 {
			return from + int64(i), nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return -1, err
		}
	}
	return -1, nil
}

// readBundle reads the dependencies of a .NET program in a single file (dotnet/designs, "Single-file Bundler", "Bundle Layout"). signature
// is where the end of the signature was found; 16 bytes before it stands where the bundle's header is, 0 where there is no bundle.
func readBundle(e *elfProgram, signature int64, ev *engine.Evidence) (bundle bool, err error) {
	var number [8]byte
	if signature < 16 {
		return false, nil
	}
	if _, err := e.at.ReadAt(number[:], signature-16); err != nil {
		return false, err
	}
	header := binary.LittleEndian.Uint64(number[:])
	if header == 0 && signature < e.extent {
		return false, nil // a host, whose program is in a file of its own
	}
	cannot := func(why string) (bool, error) {
		return true, fmt.Errorf("a .NET program in a single file, whose bundle cannot be read: %s", why)
	}
	if header > math.MaxInt64 || int64(header) >= e.size {
		return cannot("its header is not in the file")
	}
	r := bytes.NewReader(make([]byte, 0))
	b := make([]byte, min(4096, e.size-int64(header)))
	if n, err := e.at.ReadAt(b, int64(header)); n < len(b) {
		return true, err
	}
	r.Reset(b)
	var fixed struct{ Major, Minor, Files uint32 }
	var deps struct{ Offset, Size int64 }
	if err := binary.Read(r, binary.LittleEndian, &fixed); err != nil {
		return cannot("its header is cut off")
	}
	length, err := binary.ReadUvarint(r)
	if err != nil || length > uint64(r.Len()) {
		return cannot("its header is cut off")
	}
	if fixed.Major < 2 || fixed.Major > 20 {
		return cannot(fmt.Sprintf("its version %d.%d does not say where its list of libraries is", fixed.Major, fixed.Minor))
	}
	_, _ = r.Seek(int64(length), io.SeekCurrent) // not more than a header
	if err := binary.Read(r, binary.LittleEndian, &deps); err != nil {
		return cannot("its header is cut off")
	}
	switch {
	case deps.Size == 0:
		return cannot("it has no list of its libraries (deps.json)")
	case deps.Size < 0 || deps.Offset < 0 || deps.Offset > e.size-deps.Size:
		return cannot("its list of libraries is not in the file")
	case deps.Size > engine.MaxMetadata:
		return true, &engine.LimitError{What: "size of the list of libraries of a .NET program", Limit: engine.MaxMetadata}
	}
	body := make([]byte, deps.Size)
	if n, err := e.at.ReadAt(body, deps.Offset); n < len(body) {
		return true, err
	}
	err = readDotNet("", bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), ev)
	for i := range ev.Packages {
		ev.Packages[i].Files = nil // they are in the program
	}
	return true, err
}
