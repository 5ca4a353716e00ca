package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// npm reads the package.json of each package that is installed in a node_modules folder, or where Debian's packages install Node modules.
type npm struct{}

func (npm) Name() string { return "npm/3" }

// Wants takes node_modules/NAME/package.json and node_modules/@SCOPE/NAME/package.json. A deeper one is a file of a package, not a package.
// BaseNames implements engine.Placed.
func (npm) BaseNames() []string { return []string{"package.json"} }

func (npm) Wants(p string, _ fs.FileMode, _ int64) bool {
	dir, ok := strings.CutSuffix(p, "/package.json")
	if !ok {
		return false
	}
	return isModuleName(nameInModules(dir))
}

// isModuleName says whether a path in node_modules is that of a package: NAME or @SCOPE/NAME.
func isModuleName(name string) bool {
	if name == "" || name[0] == '.' {
		return false
	}
	slashes := strings.Count(name, "/")
	return slashes == 0 && name[0] != '@' || slashes == 1 && name[0] == '@'
}

// nameInModules returns what follows the innermost folder of modules in a path, "" when there is none. Besides node_modules, Debian has
// usr/share/nodejs, usr/lib/nodejs and usr/lib/TRIPLET/nodejs (Debian's Node.js policy, "Paths").
func nameInModules(dir string) string {
	if i := strings.LastIndex(dir, "node_modules/"); i >= 0 {
		if i > 0 && dir[i-1] != '/' {
			return ""
		}
		return dir[i+len("node_modules/"):]
	}
	if name, ok := strings.CutPrefix(dir, "usr/share/nodejs/"); ok {
		return name
	}
	if rest, ok := strings.CutPrefix(dir, "usr/lib/"); ok {
		if name, ok := strings.CutPrefix(rest, "nodejs/"); ok {
			return name
		}
		_, rest, _ = strings.Cut(rest, "/")
		if name, ok := strings.CutPrefix(rest, "nodejs/"); ok {
			return name
		}
	}
	return ""
}

// Inspect reads name and version. Node loads a package by the name of its folder, whatever its package.json says: one that says neither
// name nor version runs all the same, and is a gap. One that is marked private and has no version is of the workspace, and no registry
// has it: it is listed without a version, so that an advisory about its name is not passed over.
func (npm) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxMetadata)
	if err != nil {
		return engine.Evidence{}, err
	}
	o, err := readObject(body)
	if err != nil {
		return engine.Evidence{}, err
	}
	name, err := o.text("name")
	if err != nil {
		return engine.Evidence{}, err
	}
	version, err := o.text("version")
	if err != nil {
		return engine.Evidence{}, err
	}
	name, version = strings.TrimSpace(name), npmVersion(version)
	private := string(o["private"]) == "true"
	switch {
	case (name == "" || version == "") && !installedFolder(path.Dir(f.Path)):
		return engine.Evidence{}, nil // a file of the package that is around it, which has a name
	case name == "":
		return engine.Evidence{}, errors.New("a package without a name: node loads it, and nobody knows what it is")
	case version == "" && !private:
		return engine.Evidence{}, errors.New("a package without a version")
	}
	var license string // a string; older forms are objects and lists, which say nothing here
	if json.Unmarshal(o["license"], &license) != nil {
		license = ""
	}
	return engine.Evidence{Packages: []engine.Package{*languagePackage("npm", "npm", name, version, license)}}, nil
}

// npmVersion returns a version as npm normalises it: " v1.2.3" and "=1.2.3" are 1.2.3 (node-semver, "Clean").
func npmVersion(s string) string {
	clean := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(s), "=v"))
	if clean != "" && isDigit(clean[0]) {
		return clean
	}
	return strings.TrimSpace(s)
}

// installedFolder says whether a folder of a package is one that npm, yarn or pnpm installs: in the outermost node_modules, in that of
// another package, or in a folder of the package manager's own (".pnpm"). Others are files of a package, such as those of its tests.
func installedFolder(dir string) bool {
	i := strings.LastIndex(dir, "node_modules/")
	if i < 0 {
		return true // Debian's
	}
	outer := strings.TrimSuffix(dir[:i], "/")
	inner := nameInModules(outer)
	return !strings.Contains(outer, "node_modules/") || isModuleName(inner) || strings.HasPrefix(inner, ".")
}
