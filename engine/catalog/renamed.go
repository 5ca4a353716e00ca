package catalog

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/vetoci/veto/engine"
)

// renamed recognises well-known programs that no package manager installed by their content, whatever their name is: an nginx that is
// called "web".
type renamed struct{}

func (renamed) Name() string { return "renamed/1" }

// FindsLittle implements engine.Sparse.
func (renamed) FindsLittle() {}

// SkipsListed implements engine.Unlisted.
func (renamed) SkipsListed() {}

func (renamed) Wants(_ string, mode fs.FileMode, size int64) bool {
	return mode&0o111 != 0 && size >= minKnownProgramSize
}

// Fits implements engine.Sniffing.
func (renamed) Fits(_ string, _ fs.FileMode, _ int64, e *engine.Edges) bool {
	return string(e.Head) == elf.ELFMAG || e.Head == nil
}

// programIdentity is a text that only one well-known program has.
type programIdentity struct {
	text    string
	program string // a name that programByName knows
	sure    bool   // nothing else can have it: without a version it is a gap
}

// programIdentities returns texts of usage messages, banners and settings, from the programs' sources. A program whose version cannot be
// found without the name of its file is recognised by that alone: openssl, curl, mysqld, mariadbd, mongod.
func programIdentities() []programIdentity {
	return []programIdentity{
		{"node.js/v", "node", false},
		{"X-Powered-By: PHP/", "php", false},
		{"nginx version: ", "nginx", false},
		{" -D HTTPD_ROOT=", "httpd", true},
		{"HAPROXY_LOCALPEER", "haproxy", true},
		{"oO0OoO0OoO0Oo Redis is starting", "redis-server", true},
		{"oO0OoO0OoO0Oo Valkey is starting", "valkey-server", true},
		{"postgres (PostgreSQL) ", "postgres", false},
		{"slab_automove_ratio", "memcached", false},
		{"BusyBox v", "busybox", false},
		{"@(#)Bash version ", "bash", false},
		{"Yukihiro Matsumoto", "ruby", false},
		{"perl5db.pl", "perl", false},
		{"PYTHONSTARTUP", "python", false},
	}
}

func (renamed) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	if !f.Seekable() && f.Size > engine.MaxProgramHeld {
		return engine.Evidence{}, nil // programs streams it
	}
	at, err := f.ReaderAt(engine.MaxProgram)
	if err != nil {
		return engine.Evidence{}, err
	}
	e, err := readELF(at, f.Size)
	if err != nil || e.cutOff() != nil || e.goSign() == goSure {
		return engine.Evidence{}, nil //nolint:nilerr // programs says so
	}
	seen := newIdentitySearch()
	if err := e.copyTexts(seen); err != nil {
		return engine.Evidence{}, err
	}
	id := seen.identity()
	if id == nil {
		return engine.Evidence{}, nil
	}
	s := &versionSearch{kind: id.kind()}
	if err := e.copyTexts(s); err != nil && !errors.Is(err, errFound) {
		return engine.Evidence{}, err
	}
	return evidenceOf(id, s), nil
}

// evidenceOf returns the program that has an identity as a package. One without a version is a gap where it is that program for certain.
func evidenceOf(id *programIdentity, s *versionSearch) engine.Evidence {
	switch {
	case s.version != "":
		return s.evidence()
	case id.sure:
		return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: "programs without a version",
			Detail: fmt.Sprintf("it is %s under another name, and holds no version that is known", id.program)}}}
	}
	return engine.Evidence{}
}

// kind returns the marks by which the version of the program is found without its name.
func (id *programIdentity) kind() *knownProgram {
	if id.program != "python" {
		return programByName(id.program)
	}
	return &knownProgram{"python", true, []versionMark{{text: "3.", beginsVersion: true}, {text: "2.7.", beginsVersion: true}}}
}

// maxPythonMinor is far from Python's releases to come, and below those of SQLite, whose version stands in programs with a Python in them.
const maxPythonMinor = 25

// identitySearch looks for identities in what is written to it.
type identitySearch struct{ *markSearch }

func newIdentitySearch() identitySearch {
	var marks []string
	for _, id := range programIdentities() {
		marks = append(marks, id.text)
	}
	return identitySearch{newMarkSearch(marks...)}
}

// identity returns the first identity that was seen, nil for none.
func (s identitySearch) identity() *programIdentity {
	for _, id := range programIdentities() {
		if s.has(id.text) {
			return &id
		}
	}
	return nil
}

// copyTexts writes what a program has of constants to w: of one whose sections can be trusted those that are neither code nor tables of
// the linker, of another all that is loaded.
func (e *elfProgram) copyTexts(w io.Writer) error {
	part := func(offset, size uint64) error {
		if offset > uint64(e.size) || size > uint64(e.size)-offset { // a size
			return nil // what is not in the file is not loaded either
		}
		_, err := io.CopyBuffer(w, struct{ io.Reader }{io.NewSectionReader(e.at, int64(offset), int64(size))}, make([]byte, signatureBlock))
		return err
	}
	if e.section(".rodata") != nil && !e.odd {
		for i := range e.sections {
			switch s := &e.sections[i]; s.name {
			case ".rodata", ".data", ".data.rel.ro", ".lrodata":
				if s.typ != elf.SHT_NOBITS {
					if err := part(s.offset, s.size); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	for _, s := range e.segments {
		if s.typ == elf.PT_LOAD {
			if err := part(s.offset, s.filed); err != nil {
				return err
			}
		}
	}
	return nil
}

// identifiedSearch looks for identities and, at the same time, for the versions of all programs that have one.
type identifiedSearch struct {
	identitySearch
	versions map[string]*versionSearch // by program
}

func newIdentifiedSearch() *identifiedSearch {
	s := &identifiedSearch{newIdentitySearch(), map[string]*versionSearch{}}
	for _, id := range programIdentities() {
		s.versions[id.program] = &versionSearch{kind: id.kind()}
	}
	return s
}

func (s *identifiedSearch) Write(b []byte) (int, error) {
	for _, v := range s.versions {
		_, _ = v.Write(b) // it says only that it has found its version
	}
	return s.identitySearch.Write(b)
}

func (s *identifiedSearch) evidence() engine.Evidence {
	id := s.identity()
	if id == nil {
		return engine.Evidence{}
	}
	return evidenceOf(id, s.versions[id.program])
}
