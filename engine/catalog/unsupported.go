package catalog

import (
	"context"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// unsupported recognises what veto does not parse, so that it is a gap that policies see instead of silence.
type unsupported struct{}

func (unsupported) Name() string { return "unsupported/3" }
func (unsupported) Wants(p string, _ fs.FileMode, _ int64) bool {
	return unsupportedKind(p) != ""
}

// kindOf names the kind of package that a path belongs to, "" for everything else.
func unsupportedKind(p string) string {
	switch base := path.Base(p); {
	case base == ".crates2.json" || base == "Cargo.lock":
		return "rust"
	case base == ".pnp.cjs", strings.HasSuffix(base, ".zip") && strings.Contains(p, ".yarn/cache/"):
		return "yarn-pnp"
	}
	return ""
}

// Inspect says nothing but that it is there; the gate hashes the file, so that one which a package of the distribution owns
// unchanged is no gap.
func (unsupported) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: engine.Maybe(unsupportedKind(f.Path)),
		Detail: unsupportedKind(f.Path) + " packages are recognised, but not parsed yet"}}}, nil
}
