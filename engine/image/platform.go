package image

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// parsePlatform reads "os/architecture[/variant]", with the words that containerd takes for the same.
func parsePlatform(s string) (engine.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		err := engine.Usage("the platform %q is not of the form os/architecture[/variant]", s)
		return engine.Platform{}, engine.Hint(err, "for example linux/arm64")
	}
	p := engine.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = engine.Maybe(parts[2])
	}
	return normalPlatform(p), nil
}

// normalPlatform writes a platform with Go's words, as containerd does before it compares two (containerd platforms, Normalize): upper
// case, uname's names of machines, and variants that are the architecture's first.
func normalPlatform(p engine.Platform) engine.Platform {
	p.OS, p.Architecture = strings.ToLower(strings.TrimSpace(p.OS)), strings.ToLower(strings.TrimSpace(p.Architecture))
	variant := strings.ToLower(strings.TrimSpace(string(p.Variant)))
	if variant != "" && strings.Trim(variant, "0123456789") == "" {
		variant = "v" + variant
	}
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "i386", "i486", "i586", "i686":
		p.Architecture, variant = "386", ""
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, variant = "arm", cmp.Or(variant, "v7")
	case "armel":
		p.Architecture, variant = "arm", cmp.Or(variant, "v6")
	}
	if p.Architecture != "arm" && variant == firstVariant(p.Architecture) {
		variant = ""
	}
	p.Variant = engine.Maybe(variant)
	return p
}

// firstVariant is what an architecture without a variant means.
func firstVariant(architecture string) string {
	switch architecture {
	case "amd64":
		return "v1"
	case "arm64":
		return "v8"
	case "arm":
		return "v7"
	}
	return ""
}

// wanted is a platform that somebody asked for. Without a variant it is any; which of them runs depends on the machine and the runtime.
type wanted struct {
	engine.Platform
	anyVariant bool
}

func parseWanted(s string) (wanted, error) {
	p, err := parsePlatform(s)
	return wanted{p, strings.Count(s, "/") < 2}, err
}

// fits reports whether have, in normal form, is what is wanted.
func (w wanted) fits(have engine.Platform) bool {
	return sameMachine(w.Platform, have) && (w.anyVariant || withVariant(w.Platform) == withVariant(have))
}

func withVariant(p engine.Platform) engine.Platform {
	p.Variant = cmp.Or(p.Variant, engine.Maybe(firstVariant(p.Architecture)))
	return p
}

// sameMachine compares two platforms in normal form but for their variants.
func sameMachine(a, b engine.Platform) bool { return a.OS == b.OS && a.Architecture == b.Architecture }

// isReal reports whether a platform is one that a machine can have: attestations have unknown/unknown, and an index need not say any.
func isReal(p engine.Platform) bool {
	return p.OS != "" && p.Architecture != "" && p.OS != "unknown" && p.Architecture != "unknown"
}

// checkPlatform refuses an image whose configuration is for another platform than the one asked for; want empty is any.
func checkPlatform(have engine.Platform, want string) error {
	if want == "" {
		return nil
	}
	p, err := parseWanted(want)
	if err != nil {
		return err
	}
	if !p.fits(have) {
		return engine.Usage("the image is for %s, not for %s", have, want)
	}
	return nil
}

// sortPlatforms sorts platforms and drops duplicates.
func sortPlatforms(ps []engine.Platform) []engine.Platform {
	slices.SortFunc(ps, func(a, b engine.Platform) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(ps)
}
