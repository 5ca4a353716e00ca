package catalog

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// unsupported recognises packages that veto does not parse, so that policies see a gap instead of nothing.
type unsupported struct{}

func (unsupported) Name() string { return "unsupported/4" }
func (unsupported) Wants(p string, _ fs.FileMode, _ int64) bool {
	return unsupportedKind(p) != ""
}

// unsupportedKind returns the kind of packages that a file names, "" for every other file.
func unsupportedKind(p string) string {
	switch base := path.Base(p); {
	case base == ".crates2.json" || base == "Cargo.lock":
		return "rust"
	case base == ".pnp.cjs", base == ".pnp.js",
		strings.HasSuffix(base, ".zip") && (strings.Contains(p, ".yarn/cache/") || strings.Contains(p, ".yarn/berry/cache/")):
		return "yarn-pnp"
	}
	return ""
}

// Inspect returns the gap. As a file with a gap it is hashed, so that one that a package of the distribution owns is none in the end.
func (unsupported) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: engine.Maybe(unsupportedKind(f.Path)),
		Detail: unsupportedKind(f.Path) + " packages are recognised, but not parsed yet"}}}, nil
}
