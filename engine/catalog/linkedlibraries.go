package catalog

import (
	"bytes"
	"debug/elf"
	"io"
	"strings"

	"github.com/vetoci/veto/engine"
)

// inSystemFolder says whether a path is in a folder where distributions install programs. Their packages say which libraries those need.
func inSystemFolder(p string) bool {
	first, rest, _ := strings.Cut(p, "/")
	if first == "usr" {
		first, _, _ = strings.Cut(rest, "/")
	}
	switch first {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "games":
		return true
	}
	return false
}

// linkedLibraries returns the libraries that an ELF program is linked with, and where it looks for them first (ELF specification, "Dynamic
// Section"). A damaged table is no gap: the loader could not start the program either.
func linkedLibraries(at io.ReaderAt) (needed, runPath []string) {
	e, err := elf.NewFile(at)
	if err != nil {
		return nil, nil
	}
	dynamic := e.SectionByType(elf.SHT_DYNAMIC)
	if dynamic == nil || int64(dynamic.Link) >= int64(len(e.Sections)) {
		return nil, nil
	}
	entries, names := sectionData(dynamic), sectionData(e.Sections[dynamic.Link])
	size := 16 // bytes of an entry: a tag and a value, both words
	if e.Class == elf.ELFCLASS32 {
		size = 8
	}
	word := func(b []byte) uint64 {
		if size == 8 {
			return uint64(e.ByteOrder.Uint32(b))
		}
		return e.ByteOrder.Uint64(b)
	}
	total := 0
	for ; len(entries) >= size; entries = entries[size:] {
		tag, at := elf.DynTag(word(entries)), word(entries[size/2:])
		if tag != elf.DT_NEEDED && tag != elf.DT_RUNPATH && tag != elf.DT_RPATH || at >= uint64(len(names)) {
			continue
		}
		end := bytes.IndexByte(names[at:], 0)
		if total += 16 + end; end < 0 || total > engine.MaxRelations {
			return nil, nil
		}
		if name := string(names[at : at+uint64(end)]); tag == elf.DT_NEEDED {
			needed = append(needed, name)
		} else {
			runPath = append(runPath, name)
		}
	}
	return needed, runPath
}

// sectionData returns the content of a section of at most engine.MaxLinked bytes, nil of a larger one: no real table is.
func sectionData(s *elf.Section) []byte {
	if s.Size > engine.MaxLinked || s.Flags&elf.SHF_COMPRESSED != 0 {
		return nil
	}
	b, err := s.Data()
	if err != nil {
		return nil
	}
	return b
}
