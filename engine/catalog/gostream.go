package catalog

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The header of the build information in a Go program, at a multiple of 16 bytes (debug/buildinfo; since Go 1.18 the strings are inline).
const (
	goMagic       = "\xff Go buildinf:"
	goAlign       = 16
	goHeader      = 32   // bytes, then the strings follow
	goFlags       = 15   // offset of the flags
	goInline      = 0b10 // flag: the strings are inline, not behind pointers
	goSentinel    = 16   // bytes before and after the text of the modules
	goSearchBlock = 2 * engine.MaxBuildInfo
	maxBuildInfos = 100          // different ones in one program
	goNote        = "Go\x00\x00" // the owner of the note with the build ID, at the beginning of a program (cmd/internal/buildid)
)

// searchBuildInfo looks for the build information in a program that is too large to be held, as it is streamed, and writes what it reads to
// tee, whose errors it ignores. It returns nil for a program that is not Go's. It has no sections to go by as debug/buildinfo has, and
// takes all information that is well-formed: a program may have that of others in it, which it unpacks and runs, or a decoy in front of its
// own.
func searchBuildInfo(f *engine.File, tee io.Writer) (all []*debug.BuildInfo, err error) {
	head, err := f.Head(64 << 10)
	if err != nil {
		return nil, err
	}
	if err := checkSegments(head, f.Size); err != nil {
		return nil, err
	}
	by := engine.AllSums
	if f.Mode&0o111 == 0 && !bytes.Contains(head, []byte(goNote)) {
		by = 0 // nearly always a library of which there is nothing to say, hashed for nothing
	}
	r := bufio.NewReaderSize(io.TeeReader(f.Stream(by), &lenientWriter{tee}), goSearchBlock)
	old, known := false, map[string]bool{}
	for at := int64(0); ; {
		b, err := r.Peek(goSearchBlock)
		end := errors.Is(err, io.EOF)
		switch {
		case err != nil && !end:
			return nil, err
		case end && at+int64(len(b)) < f.Size:
			return nil, io.ErrUnexpectedEOF
		}
		info, pointers, step := searchBlock(b, end)
		old = old || pointers
		switch {
		case info != nil && len(all) == maxBuildInfos:
			return all, &engine.LimitError{What: "number of programs in a program", Limit: maxBuildInfos}
		case info != nil:
			if text := info.GoVersion + "\n" + info.String(); !known[text] {
				known[text], all = true, append(all, info)
			}
			step += goAlign
		case end && old:
			what := "size of a program of a Go before 1.18 in a compressed layer"
			return all, &engine.LimitError{What: what, Limit: engine.MaxProgramHeld}
		case end:
			return all, nil
		}
		if _, err := r.Discard(step); err != nil {
			return nil, err
		}
		at += int64(step)
	}
}

// lenientWriter never fails: after the first error of its writer it drops what is written.
type lenientWriter struct{ to io.Writer }

func (u *lenientWriter) Write(b []byte) (int, error) {
	if _, err := u.to.Write(b); err != nil {
		u.to = io.Discard
	}
	return len(b), nil
}

// searchBlock looks for build information in a block that starts at a multiple of goAlign; end says that it is the last one. step is how
// many bytes the next block is further on; pointers says that something in it may be build information from before Go 1.18. It passes over
// the magic without information behind it: programs that search for it hold it too.
func searchBlock(b []byte, end bool) (info *debug.BuildInfo, pointers bool, step int) {
	for from := 0; ; {
		i := indexMark(b[from:], goMagic)
		if i < 0 {
			return nil, pointers, max(len(b)-goAlign, 0) / goAlign * goAlign
		}
		i += from
		from = i + 1
		if i%goAlign != 0 {
			continue
		}
		if len(b)-i < engine.MaxBuildInfo && !end {
			return nil, pointers, i // the rest of it comes with the next block
		}
		found, old := parseBuildInfo(b[i:min(len(b), i+engine.MaxBuildInfo)])
		if found != nil {
			return found, pointers, i
		}
		pointers = pointers || old
	}
}

// parseBuildInfo reads the build information whose header b begins with, nil when it is none; pointers says that its strings are elsewhere,
// as before Go 1.18.
func parseBuildInfo(b []byte) (info *debug.BuildInfo, pointers bool) {
	if len(b) < goHeader {
		return nil, false
	}
	if size := b[goFlags-1]; b[goFlags]&goInline == 0 {
		return nil, (size == 4 || size == 8) && b[goFlags] <= 1
	}
	version, rest, ok := goString(b[goHeader:])
	if !ok || !strings.HasPrefix(version, "go") && !strings.HasPrefix(version, "devel") {
		return nil, false
	}
	mod, _, ok := goString(rest)
	if !ok {
		return nil, false
	}
	if len(mod) >= 2*goSentinel+1 && mod[len(mod)-goSentinel-1] == '\n' {
		mod = mod[goSentinel : len(mod)-goSentinel]
	} else {
		mod = ""
	}
	info, err := debug.ParseBuildInfo(mod)
	if err != nil {
		return nil, false
	}
	info.GoVersion = version
	return info, false
}

// goString reads a string that follows its length, a varint.
func goString(b []byte) (s string, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", nil, false
	}
	return string(b[size : size+int(n)]), b[size+int(n):], true // below len(b)
}

// checkSegments returns an error when the segments of an ELF file go beyond its size, or when head, its first bytes, does not describe them
// (ELF specification, "ELF Header" and "Program Header"; the offsets are those of its fields).
func checkSegments(head []byte, size int64) error {
	cannot := func(why string) error { return fmt.Errorf("an executable that cannot be read: %s", why) }
	if len(head) < 64 {
		return cannot("it has no ELF header")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	wide := elf.Class(head[elf.EI_CLASS]) == elf.ELFCLASS64
	var at uint64
	var each, count uint16
	if wide {
		at, each, count = order.Uint64(head[32:]), order.Uint16(head[54:]), order.Uint16(head[56:])
	} else {
		at, each, count = uint64(order.Uint32(head[28:])), order.Uint16(head[42:]), order.Uint16(head[44:])
	}
	if at > uint64(len(head)) || uint64(each)*uint64(count) > uint64(len(head))-at || wide && each < 56 || !wide && each < 32 {
		return cannot("its program headers are not at its start")
	}
	for i := range uint64(count) {
		p := head[at+i*uint64(each):]
		from, length := uint64(order.Uint32(p[4:])), uint64(order.Uint32(p[16:]))
		if wide {
			from, length = order.Uint64(p[8:]), order.Uint64(p[32:])
		}
		if elf.ProgType(order.Uint32(p)) == elf.PT_LOAD && (from+length < from || from+length > uint64(size)) { // a size
			return fmt.Errorf("an executable that is cut off: a segment ends at byte %d of %d", from+length, size)
		}
	}
	return nil
}
