package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
	"github.com/vetoci/veto/engine/version"
)

// python reads the metadata of installed Python packages: wheels (dist-info) and eggs.
type python struct{}

func (python) Name() string { return "python/4" }

// BaseNames implements engine.Placed.
func (python) BaseNames() []string {
	return []string{"METADATA", "PKG-INFO", "*.egg-info", "*.dist-info"}
}

func (python) Wants(p string, _ fs.FileMode, _ int64) bool { return isPythonMetadata(p) }

// isPythonMetadata says whether a file is what importlib.metadata reads of a package: METADATA or PKG-INFO in a folder NAME.dist-info,
// NAME.egg-info or NAME.egg/EGG-INFO, the case of whose name does not matter, or a file in the folder's place.
func isPythonMetadata(p string) bool {
	dir, base := "", p
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		dir, base = p[:i], p[i+1:]
	}
	if base == "METADATA" || base == "PKG-INFO" {
		return isPythonInfo(dir)
	}
	return endsFold(base, ".egg-info") || endsFold(base, ".dist-info")
}

// isPythonInfo says whether a folder holds the metadata of a package.
func isPythonInfo(dir string) bool {
	if dir == "" || dir[len(dir)-1]|0x20 != 'o' { // as nearly all
		return false
	}
	if endsFold(dir, "/EGG-INFO") {
		return endsFold(dir[:len(dir)-len("/EGG-INFO")], ".egg")
	}
	return endsFold(dir, ".dist-info") || endsFold(dir, ".egg-info")
}

// endsFold says whether a text ends with another of ASCII letters, in any case.
func endsFold(s, end string) bool {
	return len(s) >= len(end) && strings.EqualFold(s[len(s)-len(end):], end)
}

func (python) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxMetadata)
	if err != nil {
		return engine.Evidence{}, err
	}
	p, err := pythonPackage(body)
	if err != nil {
		return engine.Evidence{}, err
	}
	ev := engine.Evidence{Packages: []engine.Package{*p}}
	if named := otherName(path.Base(path.Dir(f.Path)), p); named != nil {
		ev.Packages = append(ev.Packages, *named)
	}
	return ev, nil
}

// otherName returns the package that a folder NAME-VERSION.dist-info is named after where its metadata says another: pip goes by the
// folder, importlib.metadata by what is in it. It is nil where they agree.
func otherName(folder string, p *engine.Package) *engine.Package {
	if !endsFold(folder, ".dist-info") {
		return nil
	}
	named := pythonNamed(folder)
	if named == nil || named.Name != p.Name {
		return named
	}
	if order, err := version.Compare("PyPI", named.Version, p.Version); err == nil && order == 0 || named.Version == p.Version {
		return nil
	}
	return named
}

// pythonPackage reads the header fields (packaging.python.org, "Core metadata specifications"); the body after them is a description. Of a
// field that stands twice the first one counts, as importlib.metadata reads it.
func pythonPackage(body []byte) (*engine.Package, error) {
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(body), "\ufeff"))
	header, _, ends := strings.Cut(text, "\n\n")
	var name, release, expression, license, classified string
	for key, value := range headerFields(header) {
		switch strings.ToLower(key) {
		case "name":
			name = firstOf(name, value)
		case "version":
			release = firstOf(release, value)
		case "license-expression":
			expression = firstOf(expression, value)
		case "classifier":
			if parts := strings.Split(value, " :: "); parts[0] == "License" && classified == "" {
				classified = parts[len(parts)-1]
			}
		case "license":
			if license == "" && len(value) < 100 {
				license = value
			}
		}
	}
	if name == "" || release == "" || endsWithin(body, "name:", "version:") && !ends {
		return nil, errors.New("no Name or no Version, or they are cut off")
	}
	if name, release = strings.Join(strings.Fields(name), " "), strings.Join(strings.Fields(release), " "); strings.Contains(release, " ") {
		return nil, fmt.Errorf("the Version %.60q is none", release)
	}
	license = firstOf(expression, license)
	if license == "" || license == "UNKNOWN" || normalLicense(license) == license && normalLicense(classified) != classified {
		license = classified // only this one is known to SPDX
	}
	return languagePackage("pypi", "PyPI", purl.NormalPython(name), release, license), nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// headerFields yields the fields of a header in their order, as Python's parser of mails reads them: a line that begins with a space or a
// tab goes on with the one before it, and one that is no field ends the header.
func headerFields(header string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		key, value := "", ""
		for line := range strings.SplitSeq(header, "\n") {
			if line != "" && (line[0] == ' ' || line[0] == '\t') {
				if len(value) < engine.MaxPath {
					value += " " + strings.TrimSpace(line)
				}
				continue
			}
			if key != "" && !yield(key, strings.TrimSpace(value)) {
				return
			}
			if strings.HasPrefix(line, "From ") {
				key = ""
				continue
			}
			var ok bool
			if key, value, ok = strings.Cut(line, ":"); !ok || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return
			}
		}
		if key != "" {
			yield(key, strings.TrimSpace(value))
		}
	}
}

// pythonNamed returns the package that a folder is named after: NAME-VERSION.dist-info, as pip takes it where there is no metadata, and
// NAME-VERSION-py3.8.egg-info. It is nil where the name does not say both.
func pythonNamed(base string) *engine.Package {
	stem := base[:max(0, len(base)-len(path.Ext(base)))]
	name, rest, _ := strings.Cut(stem, "-")
	release, _, _ := strings.Cut(rest, "-")
	if name == "" || release == "" || strings.ContainsAny(release, " \t\n") {
		return nil
	}
	return languagePackage("pypi", "PyPI", purl.NormalPython(name), release)
}
