package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

const (
	dpkgStatus  = "var/lib/dpkg/status"
	dpkgStatusD = "var/lib/dpkg/status.d"
	dpkgInfo    = "var/lib/dpkg/info"
	dpkgUpdates = "var/lib/dpkg/updates"
)

// dpkg reads dpkg's status file, the changes that dpkg has not written into it yet (updates/0001), and the one-package files of distroless
// images.
type dpkg struct{}

func (dpkg) Name() string      { return "dpkg/4" }
func (dpkg) Anchors() []string { return []string{dpkgStatus, dpkgStatusD, dpkgUpdates} }

// BaseNames implements engine.Placed.
func (dpkg) BaseNames() []string { return []string{} }

func (dpkg) Wants(p string, _ fs.FileMode, _ int64) bool {
	if !strings.HasPrefix(p, "var/lib/dpkg/") {
		return false
	}
	switch dir := path.Dir(p); dir {
	case dpkgStatusD:
		return !strings.HasSuffix(p, ".md5sums")
	case dpkgUpdates: // dpkg reads those whose names are numbers
		return strings.Trim(p[len(dir)+1:], "0123456789") == ""
	}
	return p == dpkgStatus
}

func (dpkg) Inspect(ctx context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxPackageDB)
	if err != nil {
		return engine.Evidence{}, err
	}
	var ev engine.Evidence
	one := path.Dir(f.Path) == dpkgStatusD // a control file of one package, which any tool may have written
	if !one {
		body, err = wholeLines(body, &ev)
	} else if endsWithin(body, "package:", "version:", "source:") {
		err = addMalformed(&ev, cutOff)
	}
	if err != nil {
		return ev, err
	}
	line := 1
	for stanza := range stanzas(body) {
		if err := ctx.Err(); err != nil {
			return ev, err
		}
		p, err := dpkgStanza(stanza, one)
		switch {
		case err != nil:
			err = addMalformed(&ev, fmt.Sprintf("stanza at line %d: %v", line, err))
		case p != nil:
			err = addPackage(&ev, p)
		}
		if err != nil {
			return ev, err
		}
		line += strings.Count(stanza, "\n") + 2
	}
	return ev, nil
}

// dpkgStanza reads one stanza as dpkg does (lib/dpkg/parse.c): names of fields in any case, with space before the colon; values that go
// on in lines that begin with a space or a tab; names of packages in any case. It returns nil for a blank stanza and for a package that
// is not installed. one says that the file is of status.d, where a stanza needs no Status.
func dpkgStanza(text string, one bool) (*engine.Package, error) {
	fields, err := dpkgFields(text)
	if err != nil || len(fields) == 0 && strings.TrimSpace(text) == "" {
		return nil, err
	}
	// Status is "want error state" (dpkg(1)). In every state but these two, files of the package are in place.
	if status := strings.Fields(fields["Status"]); !one && len(status) == 3 {
		if equalFoldAny(status[2], "not-installed", "config-files") {
			return nil, nil
		}
	} else if !one {
		return nil, fmt.Errorf("package %.60q has no Status", fields["Package"])
	}
	version := fields["Version"]
	if r := fields["Revision"]; r != "" { // what Debian's packages had before 1996, and dpkg still takes
		version += "-" + r
	}
	p := &engine.Package{Name: strings.ToLower(fields["Package"]), Version: version, Type: "deb",
		Arch: engine.Maybe(fields["Architecture"]), Vendor: engine.Maybe(fields["Maintainer"])}
	if p.Name == "" || p.Version == "" {
		return nil, fmt.Errorf("package %.60q has no name or no version", p.Name)
	}
	p.Depends, p.Provides = joinRelations(fields["Pre-Depends"], fields["Depends"], ","), joinRelations("", fields["Provides"], "")
	p.Source = engine.Source{Name: p.Name, Version: p.Version}
	if s := fields["Source"]; s != "" { // "glibc", or "gcc-12 (12.2.0-14)"
		name, rest, has := strings.Cut(s, "(")
		p.Source.Name = strings.ToLower(strings.TrimSpace(name))
		if version, _, _ := strings.Cut(rest, ")"); has && strings.TrimSpace(version) != "" {
			p.Source.Version = strings.TrimSpace(version)
		}
		if p.Source.Name == "" || strings.ContainsAny(p.Source.Name, " \t") {
			return nil, fmt.Errorf("package %.60q has the source %.60q, which is no name", p.Name, s)
		}
	}
	return p, nil
}

// dpkgFields returns the fields of a stanza that matter, by their usual names.
func dpkgFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	last := "" // the field that a line with a space at its beginning goes on with
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case line[0] == ' ' || line[0] == '\t':
			if last != "" {
				fields[last] = strings.TrimSpace(fields[last] + " " + strings.TrimSpace(line))
			}
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key = strings.TrimRight(key, " \t")
		if !ok || key == "" || strings.ContainsAny(key, " \t\x00") {
			return nil, fmt.Errorf("%.60q is no field", line)
		}
		last = dpkgField(key)
		if last == "" || last == "Revision" && fields["Version"] == "" { // a version that follows is whole
			last = ""
			continue
		}
		if _, twice := fields[last]; twice { // two stanzas without an empty line between them must not become one
			return nil, fmt.Errorf("the field %s stands twice", last)
		}
		fields[last] = strings.TrimSpace(value)
	}
	return fields, nil
}

// dpkgField returns the usual name of a field that matters, "" for every other one.
func dpkgField(key string) string {
	for _, name := range [...]string{"Package", "Version", "Status", "Source", "Depends", "Provides", "Revision", "Maintainer", "Pre-Depends",
		"Architecture"} {
		if len(key) == len(name) && strings.EqualFold(key, name) {
			return name
		}
	}
	if equalFoldAny(key, "Package-Revision", "Package_Revision") {
		return "Revision"
	}
	return ""
}

// dpkgFiles reads dpkg's lists of files (NAME[:ARCH].list) and their checksums (NAME[:ARCH].md5sums).
type dpkgFiles struct{}

func (dpkgFiles) Name() string      { return "dpkg-files/1" }
func (dpkgFiles) Anchors() []string { return []string{dpkgInfo, dpkgStatusD} }

// Records implements engine.Recording.
func (dpkgFiles) Records() engine.Algorithms { return engine.MD5 }

func (dpkgFiles) Wants(p string, _ fs.FileMode, _ int64) bool {
	switch path.Dir(p) {
	case dpkgInfo:
		return strings.HasSuffix(p, ".list") || strings.HasSuffix(p, ".md5sums")
	case dpkgStatusD:
		return strings.HasSuffix(p, ".md5sums")
	}
	return false
}

func (dpkgFiles) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxFileList)
	if err != nil {
		return engine.Evidence{}, err
	}
	base := path.Base(f.Path)
	sums := strings.HasSuffix(base, ".md5sums")
	name, arch, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(base, ".list"), ".md5sums"), ":")
	owned := engine.Owned{Type: "deb", Package: name, Arch: arch}
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		if n++; line == "" {
			continue
		}
		file := engine.OwnedFile{Path: line}
		if sums {
			sum, p, ok := strings.Cut(line, "  ")
			if !ok || len(sum) != 32 {
				return engine.Evidence{}, fmt.Errorf("line %d: no checksum and path", n)
			}
			file = engine.OwnedFile{Path: p, Sum: "md5:" + strings.ToLower(sum)}
		}
		if file.Path = strings.TrimPrefix(path.Clean("/"+file.Path), "/"); file.Path != "" {
			if len(owned.Files) >= engine.MaxOwnedFiles {
				return engine.Evidence{}, &engine.LimitError{What: "number of files of one package", Limit: engine.MaxOwnedFiles}
			}
			owned.Files = append(owned.Files, file)
		}
	}
	return engine.Evidence{Owned: []engine.Owned{owned}}, nil
}
