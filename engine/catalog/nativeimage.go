package catalog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// readNativeImage reads what a native image of GraalVM is built from: a document of CycloneDX, compressed by gzip, at the symbol sbom, with
// its length at sbom_length (GraalVM, "Software Bill of Materials in Native Image"). One without the document is a gap. It returns nothing
// of other programs.
func readNativeImage(e *elfProgram) (ev engine.Evidence, err error) {
	image := e.section(".svm_heap") != nil
	for _, name := range []string{".dynsym", ".symtab"} {
		table := e.section(name)
		if name == ".symtab" && !image && e.section(".dynsym") != nil {
			break // of other programs this table is large; a native image that exports nothing has its own section
		}
		if table == nil || uint64(table.link) >= uint64(len(e.sections)) {
			continue
		}
		names := e.data(&e.sections[table.link])
		if indexMark(names, nativeImageSBOM) < 0 {
			if !image && indexMark(names, nativeImageMark) >= 0 {
				_, image = e.symbol(table, names, nativeImageMark[1:len(nativeImageMark)-1])
			}
			continue
		}
		at, found := e.symbol(table, names, "sbom")
		lengthAt, foundLength := e.symbol(table, names, "sbom_length")
		if found && foundLength {
			return readEmbeddedSBOM(e, at, lengthAt)
		}
	}
	if image {
		return unknownNativeImage(), nil
	}
	return ev, nil
}

// unknownNativeImage is the evidence of a native image that does not say what it is built from.
func unknownNativeImage() engine.Evidence {
	return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: "native images of GraalVM",
		Detail: "a native image of GraalVM without a bill of materials: what it is built from is unknown"}}}
}

// readEmbeddedSBOM reads the document at an address of memory. Its packages are maven's, or what their package URLs say.
func readEmbeddedSBOM(e *elfProgram, address, lengthAddress uint64) (ev engine.Evidence, err error) {
	fail := func(err error) (engine.Evidence, error) {
		return ev, fmt.Errorf("a native image of GraalVM whose bill of materials cannot be read: %w", err)
	}
	var word [8]byte
	size := 4
	if e.wide {
		size = 8
	}
	from, _, ok := e.offsetOf(lengthAddress)
	if !ok {
		return fail(io.ErrUnexpectedEOF)
	}
	if n, err := e.at.ReadAt(word[:size], int64(from)); n < size { // within the file
		return fail(err)
	}
	length := uint64(e.order.Uint32(word[:]))
	if e.wide {
		length = e.order.Uint64(word[:])
	}
	from, left, ok := e.offsetOf(address)
	switch {
	case !ok || length > left:
		return fail(io.ErrUnexpectedEOF)
	case length > engine.MaxMetadata:
		return ev, &engine.LimitError{What: "size of the bill of materials of a program", Limit: engine.MaxMetadata}
	}
	packed := io.NewSectionReader(e.at, int64(from), int64(length)) // within the file
	z, err := gzip.NewReader(packed)
	if err != nil {
		return fail(err)
	}
	body, err := io.ReadAll(io.LimitReader(z, engine.MaxSBOM+1))
	if err != nil {
		return fail(err)
	}
	if len(body) > engine.MaxSBOM {
		return ev, &engine.LimitError{What: "size of the bill of materials of a program", Limit: engine.MaxSBOM}
	}
	sbom, err := ReadSBOM(body)
	if err != nil {
		return fail(err)
	}
	for i := range sbom.Packages {
		p := sbom.Packages[i]
		p.FoundBy, p.Locations, p.Layer = "program", nil, ""
		if err := addPackage(&ev, &p); err != nil {
			return ev, err
		}
	}
	for _, g := range sbom.Gaps {
		g.Path, g.Layer = "", ""
		ev.Gaps = append(ev.Gaps, g)
	}
	if len(ev.Packages) == 0 && len(ev.Gaps) == 0 {
		return fail(fmt.Errorf("it lists no package"))
	}
	return ev, nil
}

// packed says whether a program unpacks itself when it starts (UPX): it has no sections, and the packer's name at its start.
func (e *elfProgram) packed() bool {
	if !e.odd {
		return false
	}
	head := make([]byte, 4<<10)
	n, _ := e.at.ReadAt(head, 0)
	return bytes.Contains(head[:n], []byte("UPX!"))
}

// packedProgram is the evidence of a program that unpacks itself when it starts.
func packedProgram() engine.Evidence {
	return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: "packed programs",
		Detail: "it is packed by UPX, and what it unpacks is not read"}}}
}
