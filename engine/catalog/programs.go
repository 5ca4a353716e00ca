package catalog

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/vetoci/veto/engine"
)

// programs reads what ELF programs and libraries say of what they are built from, whatever their name and mode is: Go's build information
// (debug/buildinfo), which stripped programs have too, the crates of Rust programs, the bill of materials of GraalVM's native images, the
// bundle of a .NET program in a single file, and an archive at their end.
type programs struct{}

func (programs) Name() string { return "program/4" }

// FindsLittle implements engine.Sparse.
func (programs) FindsLittle() {}

// minProgramSize is the size in bytes below which no file is a program that says what it is built from.
const minProgramSize = 200

func (programs) Wants(_ string, _ fs.FileMode, size int64) bool { return size >= minProgramSize }

// Fits implements engine.Sniffing.
func (programs) Fits(_ string, mode fs.FileMode, _ int64, e *engine.Edges) bool {
	return string(e.Head) == elf.ELFMAG || e.Head == nil && mode&0o111 != 0
}

func (programs) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	if !f.Seekable() {
		head, err := f.Head(4)
		if err != nil || !bytes.Equal(head, []byte(elf.ELFMAG)) {
			return ev, err
		}
		if f.Size > engine.MaxProgramHeld {
			return inspectStreamed(f)
		}
	}
	at, err := f.ReaderAt(engine.MaxProgram)
	if err != nil {
		return engine.Evidence{}, err
	}
	executable := f.Mode&0o111 != 0
	e, err := readELF(at, f.Size)
	if err == nil {
		err = e.cutOff()
	}
	if errors.Is(err, errOtherFormat) {
		return ev, nil
	}
	if err != nil {
		if !executable && (e == nil || e.onlyDebug()) { // neither exec nor the loader of libraries takes it
			err = nil
		}
		return ev, err
	}
	program := &engine.Program{}
	if ev, program.Symbols, err = readProgram(e); err != nil {
		return ev, err
	}
	if executable && !inSystemFolder(f.Path) {
		program.Needed, program.RunPath = linkedLibraries(at)
	}
	if program.Symbols != nil || len(program.Needed) > 0 {
		ev.Traits = &engine.Traits{Program: program}
	}
	err = readAppended(ctx, e, f, &ev)
	return ev, err
}

// readProgram reads what a program says that it is built from, in whatever language, and the names of its functions if it is Go's.
func readProgram(e *elfProgram) (ev engine.Evidence, symbols *engine.Symbols, err error) {
	switch sign := e.goSign(); sign {
	case goSure, goMaybe:
		ev, symbols, err = readGo(e.at)
		if err == nil || sign == goSure {
			return ev, symbols, err
		}
	}
	if e.odd {
		seen, err := e.loadedMarks(e.goTableMark(), nativeImageMark, crateSection)
		switch {
		case err != nil:
			return ev, nil, err
		case seen.hasGoTable():
			return ev, nil, fmt.Errorf("a Go program whose build information cannot be read: %w", errNoBuildInfo)
		case seen.has(nativeImageMark):
			return unknownNativeImage(), nil, nil
		}
	}
	ev, err = readOther(e)
	return ev, nil, err
}

// readOther reads what a program says that is not Go's: its crates or its bill of materials. A packed one says nothing.
func readOther(e *elfProgram) (ev engine.Evidence, err error) {
	if e.section(".dep-v0") != nil {
		file, err := elf.NewFile(e.at)
		if err != nil {
			return ev, fmt.Errorf("a Rust program whose crates cannot be read: %w", err)
		}
		return readCrates(file)
	}
	if e.packed() {
		return packedProgram(), nil
	}
	return readNativeImage(e)
}

// passingSignatures look for the version of a program as it passes by.
type passingSignatures interface {
	io.Writer
	evidence() engine.Evidence
}

// signaturesOf returns what looks for signatures in a program of that name, or in one of any other name; nil for what needs none.
func signaturesOf(f *engine.File) (passingSignatures, error) {
	if kind := programByName(f.Path); kind != nil {
		return &versionSearch{kind: kind}, nil
	}
	head, err := f.Head(64 << 10)
	if err != nil || f.Mode&0o111 == 0 || indexMark(head, goNote) >= 0 {
		return nil, err
	}
	return newIdentifiedSearch(), nil
}

// inspectStreamed reads a program that is too large to be held and can be read only once. It looks for signatures at the same time, because
// the inspector for those cannot read it again.
func inspectStreamed(f *engine.File) (ev engine.Evidence, err error) {
	var signatures passingSignatures
	seen := newMarkSearch(crateSection, goTableMark, bundleSignature, nativeImageMark, nativeImageSBOM)
	tee := io.Writer(seen)
	if signatures, err = signaturesOf(f); err != nil {
		return ev, err
	}
	if signatures != nil {
		tee = io.MultiWriter(seen, &lenientWriter{signatures})
	}
	all, err := searchBuildInfo(f, tee)
	for _, info := range all {
		more := modulesOf(info, nil)
		ev.Packages, ev.Gaps = append(ev.Packages, more.Packages...), append(ev.Gaps, more.Gaps...)
	}
	if err != nil {
		return ev, err
	}
	if signatures != nil && len(all) == 0 {
		ev = signatures.evidence()
	}
	tooLarge := func(what string) error {
		return &engine.LimitError{What: "size of " + what + " in a compressed layer", Limit: engine.MaxProgramHeld}
	}
	switch {
	case seen.has(crateSection):
		return ev, tooLarge("a Rust program with a list of its crates")
	case seen.has(nativeImageSBOM), seen.has(nativeImageMark):
		return ev, tooLarge("a native image of GraalVM")
	case seen.has(bundleSignature):
		return ev, tooLarge("a .NET program in a single file")
	case len(all) == 0 && seen.hasGoTable():
		return ev, fmt.Errorf("a Go program whose build information cannot be read: %w", errNoBuildInfo)
	}
	return ev, nil
}
