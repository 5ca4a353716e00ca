package catalog

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// programs reads what ELF executables say of what they are built from: Go's build information (debug/buildinfo), which stripped programs
// have too, and the crates of Rust programs.
type programs struct{}

func (programs) Name() string { return "program/3" }

// FindsLittle implements engine.Sparse.
func (programs) FindsLittle() {}

// minGoProgramSize is the size in bytes below which no file is a Go program with build information.
const minGoProgramSize = 200

func (programs) Wants(p string, mode fs.FileMode, size int64) bool {
	return mode&0o111 != 0 && size >= minGoProgramSize && !strings.HasSuffix(p, ".py") && !strings.HasSuffix(p, ".sh")
}

func (programs) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	head, err := f.Head(4)
	if err != nil || !bytes.Equal(head, []byte(elf.ELFMAG)) {
		return engine.Evidence{}, err
	}
	if !f.Seekable() && f.Size > engine.MaxProgramHeld {
		return inspectStreamed(f)
	}
	at, err := f.ReaderAt(engine.MaxProgram)
	if err != nil {
		return engine.Evidence{}, err
	}
	var ev engine.Evidence
	program := &engine.Program{}
	if info, infoErr := buildinfo.Read(at); infoErr == nil {
		ev = modulesOf(info)
		program.Symbols = goSymbols(at)
	} else if ev, err = inspectOtherProgram(at, f.Size, infoErr); err != nil {
		return ev, err
	}
	if !inSystemFolder(f.Path) {
		program.Needed, program.RunPath = linkedLibraries(at)
	}
	if program.Symbols != nil || len(program.Needed) > 0 {
		ev.Traits = &engine.Traits{Program: program}
	}
	return ev, nil
}

// inspectStreamed reads a program that is too large to be held and can be read only once. It looks for signatures at the same time, because
// the inspector for those cannot read it again.
func inspectStreamed(f *engine.File) (ev engine.Evidence, err error) {
	var signatures *versionSearch
	crates := &crateSectionSearch{}
	tee := io.Writer(crates)
	if kind := programByName(f.Path); kind != nil {
		signatures = &versionSearch{kind: kind}
		tee = io.MultiWriter(crates, &lenientWriter{signatures})
	}
	info, err := searchBuildInfo(f, tee)
	if err != nil {
		return engine.Evidence{}, err
	}
	if info != nil {
		return modulesOf(info), nil
	}
	if signatures != nil {
		ev = signatures.evidence()
	}
	if crates.seen {
		return ev, &engine.LimitError{
			What: "size of a Rust program with a list of its crates in a compressed layer", Limit: engine.MaxProgramHeld,
		}
	}
	return ev, nil
}

// modulesOf returns the standard library and the modules of a program as packages. A module in a folder has no version, and is left out.
func modulesOf(info *debug.BuildInfo) (ev engine.Evidence) {
	add := func(name, version string, main bool) {
		p := languagePackage("golang", "Go", name, version)
		p.Main = main
		ev.Packages = append(ev.Packages, *p)
	}
	goVersion, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	if goVersion == "" || strings.HasPrefix(info.GoVersion, "devel") {
		detail := fmt.Sprintf("built with an unreleased Go: %.80q", info.GoVersion)
		ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Detail: detail})
	} else {
		add("stdlib", goVersion, false)
	}
	if info.Main.Path != "" && info.Main.Version != "" {
		add(info.Main.Path, mainVersion(info), true)
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		switch {
		case d.Path == "":
			ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapMalformed, Detail: "the build information names a module without a path"})
		case d.Version != "" && !strings.HasPrefix(d.Path, ".") && !strings.HasPrefix(d.Path, "/"):
			add(d.Path, d.Version, false)
		}
	}
	return ev
}

// mainVersion returns the version of the main module. Where the go command knew none, the linker's flags may have set the one that the
// program prints: -X main.version=1.2.3. It counts when there is only one.
func mainVersion(info *debug.BuildInfo) string {
	if info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	found := ""
	for _, s := range info.Settings {
		if s.Key != "-ldflags" {
			continue
		}
		for _, word := range strings.FieldsFunc(s.Value, func(r rune) bool { return r == ' ' || r == '"' || r == '\'' || r == '\t' }) {
			name, value, ok := strings.Cut(strings.TrimPrefix(word, "-X="), "=")
			if !ok || !versionVariable(name[strings.LastIndexByte(name, '.')+1:]) {
				continue
			}
			value = "v" + strings.TrimPrefix(value, "v")
			if _, err := version.Parse("Go", value); err != nil || strings.Count(value, ".") != 2 && !strings.Contains(value, "-") {
				continue
			}
			if found != "" && found != value {
				return info.Main.Version
			}
			found = value
		}
	}
	if found == "" {
		return info.Main.Version
	}
	return found
}

// versionVariable says whether a variable is one in which programs keep their version.
func versionVariable(name string) bool {
	switch strings.ToLower(name) {
	case "version", "gitversion", "buildversion", "releaseversion", "appversion", "fullversion", "semver", "gitdescribe", "programversion":
		return true
	}
	return false
}

// inspectOtherProgram returns the crates of a Rust program, and nothing of one in another language. It is an error when the file is cut
// off, is no ELF file, or has Go's sections: cause then says why the build information could not be read.
func inspectOtherProgram(at io.ReaderAt, size int64, cause error) (engine.Evidence, error) {
	e, err := elf.NewFile(at)
	if err != nil {
		return engine.Evidence{}, fmt.Errorf("an executable that cannot be read: %w", err)
	}
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(size) {
			return engine.Evidence{}, fmt.Errorf("an executable that is cut off: a segment ends at byte %d of %d", p.Off+p.Filesz, size)
		}
	}
	if e.Section(".go.buildinfo") != nil || e.Section(".gopclntab") != nil {
		return engine.Evidence{}, fmt.Errorf("a Go program whose build information cannot be read: %w", cause)
	}
	return readCrates(e)
}
