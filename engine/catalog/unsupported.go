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
	case base == ".packlist" && strings.Contains(p, "/auto/"):
		return "cpan" // what ExtUtils::Install writes for each distribution; perl's own has no folder in auto
	case wordPressPlugin(p, base):
		return "wordpress plugin"
	case strings.HasSuffix(base, ".rockspec") && strings.Contains(p, "/rocks"), base == "rock_manifest":
		return "luarocks"
	case base == "Manifest.toml" && (strings.Contains(p, "/environments/") || strings.Contains(p, ".julia/")), base == "JuliaManifest.toml",
		base == "Project.toml" && strings.Contains(p, "/packages/") && strings.Contains(p, "julia"):
		return "julia"
	case base == "INSTALL_RECEIPT.json" && strings.Contains(p, "Cellar/"):
		return "homebrew"
	}
	return ""
}

// wordPressPlugin says whether a file is the readme.txt that each plugin and theme of WordPress's directory has, or a plugin's main file.
func wordPressPlugin(p, base string) bool {
	_, rest, ok := strings.Cut(p, "wp-content/")
	if !ok {
		return false
	}
	parts := strings.Split(rest, "/")
	switch parts[0] {
	case "plugins", "mu-plugins":
		return len(parts) == 3 && (base == "readme.txt" || base == parts[1]+".php") || len(parts) == 2 && strings.HasSuffix(base, ".php") &&
			base != "index.php"
	case "themes":
		return len(parts) == 3 && base == "style.css"
	}
	return false
}

// Inspect returns the gap. As a file with a gap it is hashed, so that one that a package of the distribution owns is none in the end.
func (unsupported) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: engine.Maybe(unsupportedKind(f.Path)),
		Detail: unsupportedKind(f.Path) + " packages are recognised, but not parsed yet"}}}, nil
}
