package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// A loader takes a package by the place where it lies: node by the name of a folder, Python and PHP by a path. Where the file that names
// the package is not there, the folder says that there is one, and some of them say which.

// unnamed looks through the merged tree for packages that no manifest names. Those whose folder has their name are packages, without a
// version where it does not say that; the others are gaps.
func (a *assembly) unnamed() (out []*occurrence, gaps []engine.Gap) {
	folders := map[string]*engine.Node{} // by path, with a node that shows it
	for p, n := range a.tree.Nodes {
		if dir := unnamedFolder(p, n); dir != "" {
			if known := folders[dir]; known == nil || known.Path > n.Path {
				folders[dir] = n
			}
		}
	}
	sorted := make([]string, 0, len(folders))
	for dir := range folders {
		sorted = append(sorted, dir)
	}
	slices.Sort(sorted)
	listed := a.listedByComposer()
	for _, dir := range sorted {
		p, gap := a.unnamedPackage(dir, listed)
		n := folders[dir]
		switch {
		case p != nil:
			o := &occurrence{Package: *p, key: evidenceKey{"", dir}, layer: n.Brought}
			o.Locations = []engine.Location{{Path: dir, Layer: a.diffID(n.Layer)}}
			o.Layer = a.diffID(n.Brought)
			setPURL(&o.Package, nil)
			out = append(out, o)
		case gap != "":
			gaps = append(gaps, engine.Gap{Kind: engine.GapMalformed, Path: engine.Maybe(dir), Layer: a.diffID(n.Layer), Detail: gap})
		}
	}
	return out, gaps
}

// unnamedFolder returns the folder, or the single file, that may hold a package, as one path of the tree shows it; "" for every other path.
func unnamedFolder(p string, n *engine.Node) string {
	slash := strings.LastIndexByte(p, '/')
	if slash < 0 {
		return ""
	}
	dir, base := p[:slash], p[slash+1:]
	switch {
	case isPythonInfo(p) && n.Type != engine.TypeFile:
		return p
	case n.Type == engine.TypeDir:
		return ""
	case isPythonInfo(dir):
		return dir
	case base == "composer.json":
		return dir
	case n.Type == engine.TypeSymlink && isModuleName(nameInModules(p)) || isNodeCode(base):
		if !strings.Contains(p, "node_modules/") {
			return ""
		}
		if n.Type == engine.TypeSymlink {
			return p
		}
		return moduleFolder(p)
	}
	return ""
}

// moduleFolder returns the folder in node_modules that a file is in, or the file's own path where it lies right in there.
func moduleFolder(p string) string {
	start := strings.LastIndex(p, "node_modules/") + len("node_modules/")
	end := strings.IndexByte(p[start:], '/')
	if end >= 0 && p[start] == '@' {
		if more := strings.IndexByte(p[start+end+1:], '/'); more >= 0 {
			end += 1 + more
		}
	}
	if end < 0 {
		return p
	}
	return p[:start+end]
}

// isNodeCode says whether a file is one that node loads as a module.
func isNodeCode(base string) bool {
	dot := strings.LastIndexByte(base, '.')
	if dot <= 0 {
		return false
	}
	switch base[dot:] {
	case ".js", ".cjs", ".mjs", ".node":
		return true
	}
	return false
}

// unnamedPackage says what a folder holds that no manifest names: a package, or why it is a gap. Both are zero where a manifest is there,
// or nothing would load it.
func (a *assembly) unnamedPackage(dir string, listed map[string]bool) (p *engine.Package, gap string) {
	if isPythonInfo(dir) {
		if !a.hasFile(dir) && !a.isRead(python{}, dir+"/METADATA") && !a.isRead(python{}, dir+"/PKG-INFO") {
			if p = pythonNamed(infoName(dir)); p == nil {
				gap = "a package of Python whose metadata is not there"
			}
		}
		return p, gap
	}
	if name := nameInModules(dir); strings.Contains(dir, "node_modules/") && isModuleName(name) && installedFolder(dir) {
		switch {
		case a.isRead(npm{}, dir+"/package.json"):
		case a.isFolder(dir) && !a.loadable(dir):
		case a.isFolder(dir):
			return nil, "a package without a package.json: node loads it, and nobody knows what it is"
		case isNodeCode(name) && a.hasFile(dir):
			return nil, "a module that is one file: node loads it, and nobody knows what it is"
		}
		return nil, ""
	}
	parent := path.Dir(dir)
	vendor := path.Dir(parent)
	name := strings.ToLower(path.Base(parent) + "/" + path.Base(dir))
	if !a.hasFile(dir+"/composer.json") || listed[vendor+"\x00"+name] ||
		!a.hasFile(vendor+"/composer/autoload_real.php") && !a.hasFile(vendor+"/composer/installed.json") {
		return nil, ""
	}
	return languagePackage("composer", "Packagist", name, ""), ""
}

// infoName is the name of a folder of metadata, which of NAME.egg/EGG-INFO is NAME.egg.
func infoName(dir string) string {
	if base := path.Base(dir); !strings.EqualFold(base, "EGG-INFO") {
		return base
	}
	return path.Base(path.Dir(dir))
}

// loadable says whether a folder holds code that node loads by the folder's name or by that of a file in it.
func (a *assembly) loadable(dir string) bool {
	n, err := a.tree.Resolve(dir)
	if err == nil && n.Path == dir {
		return true // a file of the tree showed it
	}
	return a.hasFile(dir+"/index.js") || a.hasFile(dir+"/index.node") // behind a link
}

// isRead says whether an inspector has seen the file to which a path leads, under its own name or that of the body.
func (a *assembly) isRead(by engine.Inspector, p string) bool {
	n, err := a.tree.Resolve(p)
	if err != nil || n.Type != engine.TypeFile {
		return false
	}
	body := a.tree.PathOf(n.BodyLayer, n.BodyPath)
	return len(a.histories[evidenceKey{by.Name(), n.Path}]) > 0 || len(a.histories[evidenceKey{by.Name(), body}]) > 0
}

func (a *assembly) hasFile(p string) bool {
	n, err := a.tree.Resolve(p)
	return err == nil && n.Type == engine.TypeFile
}

func (a *assembly) isFolder(p string) bool {
	n, err := a.tree.Resolve(p)
	return err == nil && n.Type == engine.TypeDir
}

// listedByComposer returns the packages that Composer's lists name, as VENDOR, NUL, NAME.
func (a *assembly) listedByComposer() map[string]bool {
	out := map[string]bool{}
	for _, key := range a.visible {
		if !strings.HasPrefix(key.inspector, "composer") {
			continue
		}
		ev := a.latest(key)
		for i := range ev.Packages {
			out[path.Dir(path.Dir(key.path))+"\x00"+ev.Packages[i].Name] = true
		}
	}
	return out
}

// dropRuntimeTwice drops the packages of Composer's list for programs (installed.php) that its own list beside it has in the same version.
func dropRuntimeTwice(all []*occurrence) []*occurrence {
	type entry struct{ dir, name, version string }
	listed := map[entry]bool{}
	for _, o := range all {
		if o.Type == "composer" && path.Base(o.key.path) == "installed.json" {
			listed[entry{path.Dir(o.key.path), o.Name, o.Version}] = true
		}
	}
	return slices.DeleteFunc(all, func(o *occurrence) bool {
		return o.Type == "composer" && path.Base(o.key.path) == "installed.php" && listed[entry{path.Dir(o.key.path), o.Name, o.Version}]
	})
}
