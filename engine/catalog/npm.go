package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// npm reads the package.json of each package that is installed in a node_modules folder, or where Debian's packages install Node modules.
type npm struct{}

func (npm) Name() string { return "npm/2" }

// Wants takes node_modules/NAME/package.json and node_modules/@SCOPE/NAME/package.json. A deeper one is a file of a package, not a package.
// BaseNames implements engine.Placed.
func (npm) BaseNames() []string { return []string{"package.json"} }

func (npm) Wants(p string, _ fs.FileMode, _ int64) bool {
	dir, ok := strings.CutSuffix(p, "/package.json")
	if !ok {
		return false
	}
	name := nameInModules(dir)
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

func (npm) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxMetadata)
	if err != nil {
		return engine.Evidence{}, err
	}
	var m struct {
		Name, Version *string
		License       json.RawMessage
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return engine.Evidence{}, err
	}
	if m.Name == nil && m.Version == nil {
		return engine.Evidence{}, nil // a marker such as {"type": "module"}, not a package
	}
	if m.Name == nil || m.Version == nil || *m.Name == "" || *m.Version == "" {
		return engine.Evidence{}, fmt.Errorf("a package without a name or a version")
	}
	var license string // a string; older forms are objects and lists, which say nothing here
	if json.Unmarshal(m.License, &license) != nil {
		license = ""
	}
	return engine.Evidence{Packages: []engine.Package{*languagePackage("npm", "npm", *m.Name, *m.Version, license)}}, nil
}
