package catalog

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

var errNoBuildInfo = errors.New("it has a table of functions, and no build information")

// goSign is how sure it is that the Go command made a program.
type goSign int

const (
	goNot   goSign = iota
	goMaybe        // what debug/buildinfo looks for is in its data
	goSure         // its sections, or its note of a build, say so
)

// goSign says whether the Go command made a program.
func (e *elfProgram) goSign() (sign goSign) {
	for i := range e.sections {
		if name := e.sections[i].name; strings.HasPrefix(name, ".go.") || strings.HasSuffix(name, goTable) || name == ".note.go.buildid" {
			return goSure
		}
	}
	for _, s := range e.segments {
		switch {
		case s.typ == elf.PT_NOTE && e.contains(s, goNote):
			return goSure
		case s.typ == elf.PT_LOAD && s.flags&elf.PF_W != 0 && e.contains(s, goMagic):
			sign = goMaybe
		}
	}
	return sign
}

// loadedMarks looks for marks in all that is loaded of a program. One without sections, or with forged ones, has nothing else to be told
// by.
func (e *elfProgram) loadedMarks(marks ...string) (*markSearch, error) {
	seen := newMarkSearch(marks...)
	for _, s := range e.segments {
		if s.typ != elf.PT_LOAD {
			continue
		}
		body := io.NewSectionReader(e.at, int64(s.offset), int64(s.filed)) // within the file, as cutOff says
		if _, err := io.CopyBuffer(seen, struct{ io.Reader }{body}, make([]byte, signatureBlock)); err != nil {
			return seen, err
		}
	}
	return seen, nil
}

// goTableMark is how the table of functions begins (runtime/symtab.go, pcHeader) in a program of this byte order.
func (e *elfProgram) goTableMark() string {
	if e.order.Uint16([]byte{0, 1}) == 1 { // big-endian
		return goTableMarkBig
	}
	return goTableMark
}

// contains says whether a segment of at most maxSegmentHeld bytes has a text in the file.
func (e *elfProgram) contains(s elfSegment, text string) bool {
	const block = 64 << 10
	b := make([]byte, min(s.filed, block+uint64(len(text))))
	for from := uint64(0); from < s.filed; from += block {
		n, _ := e.at.ReadAt(b[:min(uint64(len(b)), s.filed-from)], int64(s.offset+from)) // within the file, as cutOff says
		if indexMark(b[:n], text) >= 0 {
			return true
		}
		if n == 0 {
			break
		}
	}
	return false
}

// readGo reads the modules and the names of the functions of a Go program.
func readGo(at io.ReaderAt) (ev engine.Evidence, symbols *engine.Symbols, err error) {
	info, err := buildinfo.Read(at)
	if err != nil {
		return ev, nil, fmt.Errorf("a Go program whose build information cannot be read: %w", err)
	}
	symbols, paths := goSymbols(at)
	return modulesOf(info, paths), symbols, nil
}

// modulesOf returns the standard library and the modules of a program as packages; paths are the packages whose functions are in it, nil
// where those are not known. A module in a folder has no version, and is a gap; and so is a package that is of none of the modules.
func modulesOf(info *debug.BuildInfo, paths []string) (ev engine.Evidence) {
	add := func(name, version string, main bool) {
		p := languagePackage("golang", "Go", name, version)
		p.Main = main
		ev.Packages = append(ev.Packages, *p)
	}
	if goVersion := releaseOfGo(info.GoVersion); goVersion == "" {
		detail := fmt.Sprintf("built with an unreleased Go: %.80q", info.GoVersion)
		ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Detail: detail})
	} else {
		add("stdlib", goVersion, false)
	}
	if info.Main.Path != "" && info.Main.Version != "" {
		add(info.Main.Path, mainVersion(info), true)
	}
	var inFolders []string
	for _, d := range info.Deps {
		named := d.Path
		if d.Replace != nil {
			d = d.Replace
		}
		switch {
		case d.Path == "":
			ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapMalformed, Detail: "the build information names a module without a path"})
		case d.Version != "" && d.Version != "(devel)" && !strings.HasPrefix(d.Path, ".") && !strings.HasPrefix(d.Path, "/"):
			add(d.Path, d.Version, false)
		case ownFolder(info.Main.Path, named, d.Path):
		default:
			inFolders = append(inFolders, named)
		}
	}
	if len(inFolders) > 0 {
		ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: "go modules without a version",
			Detail: "built from a folder, so that their versions are unknown: " + someOf(inFolders)})
	}
	ev.Gaps = append(ev.Gaps, withoutModules(info, paths)...)
	return ev
}

// releaseOfGo returns the release in the name of a Go toolchain, "" for one between releases ("devel …", "go1.27-devel_…"). What follows
// the release says how the toolchain was built or who did it (go.dev/doc/toolchain, "Go toolchain names"): "go1.26.8-X:jsonv2",
// "go1.21.3-acme", "go1.22.1 (Red Hat 1.22.1-1.el9)", "go1.20.7 X:boringcrypto".
func releaseOfGo(toolchain string) string {
	rest, ok := strings.CutPrefix(toolchain, "go")
	if !ok || strings.Contains(toolchain, "devel") {
		return ""
	}
	if i := strings.IndexAny(rest, " -+"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// ownFolder says whether a module is the main module's own: named below it, and in a folder of it. Its version is as unknown as that one's.
func ownFolder(main, named, folder string) bool {
	return main != "" && strings.HasPrefix(named, main+"/") && (folder == named || strings.HasPrefix(folder, "./")) &&
		!strings.Contains(folder, "..")
}

// withoutModules is the gap of a program with packages of no module that its build information names: built without modules (GOPATH,
// Bazel), or the list is not all.
func withoutModules(info *debug.BuildInfo, paths []string) []engine.Gap {
	none := info.Main.Path == "" && len(info.Deps) == 0
	unlisted := unlistedGoPackages(info, paths)
	// The toolchain's own programs have no modules either: they are the standard library's, with which they are judged.
	ofToolchain := strings.HasPrefix(info.Path, "cmd/") && len(paths) > 0 && len(unlisted) == 0
	switch {
	case none && ofToolchain:
		return nil
	case none:
		detail := "built without modules, so that the versions of its packages are unknown"
		if len(unlisted) > 0 {
			detail += ": " + someOf(unlisted)
		}
		return []engine.Gap{{Kind: engine.GapUnsupported, Subject: "go programs without modules", Detail: detail}}
	case len(unlisted) > 0:
		return []engine.Gap{{Kind: engine.GapUnsupported, Subject: "go packages of no module",
			Detail: "the build information names no module for packages that are in the program: " + someOf(unlisted)}}
	}
	return nil
}

// unlistedGoPackages returns the packages of no module that a program names. Those of the standard library are the toolchain's, and so is
// what it vendors; their first element has no dot.
func unlistedGoPackages(info *debug.BuildInfo, paths []string) (out []string) {
	modules := []string{}
	if info.Main.Path != "" {
		modules = append(modules, info.Main.Path)
	}
	for _, d := range info.Deps {
		modules = append(modules, d.Path)
		if d.Replace != nil {
			modules = append(modules, d.Replace.Path)
		}
	}
	toolchain := strings.HasPrefix(info.Path, "cmd/")
	for _, p := range paths {
		// Methods of types without a name have no path, but the text of the type.
		if strings.ContainsAny(p, " {}()*;,") || toolchain && (strings.Contains(p, "cmd/vendor/") || slices.Contains(paths, "cmd/vendor/"+p)) {
			continue
		}
		if i := strings.LastIndex(p, "/vendor/"); i >= 0 && !strings.HasPrefix(p, "cmd/") {
			p = p[i+len("/vendor/"):]
		}
		first, _, _ := strings.Cut(p, "/")
		if !strings.Contains(first, ".") {
			continue
		}
		listed := false
		for _, m := range modules {
			listed = listed || strings.HasPrefix(p, m) && (len(p) == len(m) || p[len(m)] == '/' || p[len(m):] == "_test")
		}
		if !listed {
			out = append(out, p)
		}
	}
	return out
}

// someOf joins the first few words of a list.
func someOf(list []string) string {
	const few = 3
	out := fmt.Sprintf("%.400s", strings.Join(list[:min(few, len(list))], ", "))
	if len(list) > few {
		out += fmt.Sprintf(" and %d more", len(list)-few)
	}
	return out
}

// mainVersion returns the version of the main module. Where the go command knew none, or only a commit, the linker's flags may have set the
// one that the program prints: -X main.version=1.2.3. It counts when there is only one.
func mainVersion(info *debug.BuildInfo) string {
	if info.Main.Version != "(devel)" && !version.IsPseudo(info.Main.Version) {
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
