package catalog

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// unsupported recognises what veto does not parse yet, so that it is a gap that policies see instead of silence.
type unsupported struct{}

func (unsupported) Name() string { return "unsupported/2" }
func (unsupported) Wants(p string, _ fs.FileMode, _ int64) bool {
	return kindOf(p) != ""
}

// kindOf names the kind of package that a path belongs to, "" for everything else.
func kindOf(p string) string {
	dir, base := path.Split(p)
	switch path.Ext(base) {
	case ".jar", ".war", ".ear":
		return "java"
	case ".gemspec":
		if strings.HasSuffix(dir, "specifications/") || strings.HasSuffix(dir, "specifications/default/") {
			return "ruby"
		}
	case ".json":
		switch {
		case strings.HasSuffix(dir, "vendor/composer/") && base == "installed.json":
			return "php"
		case strings.HasSuffix(base, ".deps.json"):
			return "dotnet"
		case strings.HasSuffix(dir, "conda-meta/"):
			return "conda"
		}
	}
	if base == ".crates2.json" || base == "Cargo.lock" {
		return "rust"
	}
	return ""
}

// Inspect says nothing but that it is there; the gate hashes the file, so that one which a package of the distribution owns
// unchanged is no gap.
func (unsupported) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	return engine.Evidence{Coverage: []engine.Coverage{{Kind: engine.CoverageUnsupported, Subject: engine.Maybe(kindOf(f.Path)),
		Detail: kindOf(f.Path) + " packages are recognised, but not parsed yet"}}}, nil
}
