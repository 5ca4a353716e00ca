package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// pacman reads the database of Arch Linux: a folder for each package, NAME-VERSION-RELEASE, with its description and the list of its files
// (pacman, lib/libalpm/be_local.c).
type pacman struct{}

const pacmanLocal = "var/lib/pacman/local/"

func (pacman) Name() string { return "pacman/2" }

func (pacman) Wants(p string, _ fs.FileMode, _ int64) bool {
	rest, ok := strings.CutPrefix(p, pacmanLocal)
	return ok && strings.Count(rest, "/") == 1 && (strings.HasSuffix(rest, "/desc") || strings.HasSuffix(rest, "/files"))
}

// Inspect reads sections: a name between percent signs on a line of its own, then one value a line up to an empty line.
func (pacman) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxFileList)
	if err != nil {
		return engine.Evidence{}, err
	}
	if len(body) > 0 && body[len(body)-1] != '\n' {
		return engine.Evidence{}, errors.New(cutOff)
	}
	sections := map[string][]string{}
	name := ""
	for line := range strings.SplitSeq(string(body), "\n") {
		switch {
		case line == "":
			name = ""
		case len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%' && name == "":
			if name = line; sections[name] != nil {
				return engine.Evidence{}, fmt.Errorf("the section %s stands twice", name)
			}
			sections[name] = []string{}
		case name == "":
			return engine.Evidence{}, fmt.Errorf("%.60q is in no section", line)
		case len(sections[name]) >= engine.MaxOwnedFiles:
			return engine.Evidence{}, &engine.LimitError{What: "number of files of one package", Limit: engine.MaxOwnedFiles}
		default:
			sections[name] = append(sections[name], line)
		}
	}
	if path.Base(f.Path) == "files" {
		return pacmanFiles(f.Path, sections["%FILES%"])
	}
	first := func(section string) string {
		if v := sections[section]; len(v) > 0 {
			return v[0]
		}
		return ""
	}
	p := engine.Package{Name: first("%NAME%"), Version: first("%VERSION%"), Type: "alpm",
		Arch: engine.Maybe(first("%ARCH%")), Vendor: engine.Maybe(first("%PACKAGER%")), Licenses: sections["%LICENSE%"],
		Depends:  joinRelations("", strings.Join(sections["%DEPENDS%"], "\n"), ""),
		Provides: joinRelations("", strings.Join(sections["%PROVIDES%"], "\n"), "")}
	if p.Name == "" || p.Version == "" {
		return engine.Evidence{}, fmt.Errorf("no %%NAME%% or no %%VERSION%%")
	}
	p.Source = engine.Source{Name: p.Name, Version: p.Version}
	if base := first("%BASE%"); base != "" {
		p.Source.Name = base
	}
	return engine.Evidence{Packages: []engine.Package{p}}, nil
}

// pacmanFiles makes the list of a package's files; the package's name is in that of its folder.
func pacmanFiles(p string, files []string) (engine.Evidence, error) {
	name := path.Base(path.Dir(p))
	for range 2 {
		i := strings.LastIndexByte(name, '-')
		if i <= 0 {
			return engine.Evidence{}, fmt.Errorf("the folder %.60q is not called by a package and its version", path.Base(path.Dir(p)))
		}
		name = name[:i]
	}
	owned := engine.Owned{Type: "alpm", Package: name}
	for _, f := range files {
		if !strings.HasSuffix(f, "/") {
			owned.Files = append(owned.Files, engine.OwnedFile{Path: strings.TrimPrefix(path.Clean("/"+f), "/")})
		}
	}
	return engine.Evidence{Owned: []engine.Owned{owned}}, nil
}
