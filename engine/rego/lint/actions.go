package lint

import (
	"slices"
	"strings"
)

// ResultKeys are the keys that veto reads of a result, sorted.
func ResultKeys() []string {
	return []string{"details", "finding", "findings", "layer", "msg", "path", "subject"}
}

// ActionOf is what a rule of this name does: deny, warn, info or skip, "" for a helper. conftest's names count too: violation for deny, and
// a suffix after any of them but skip, as in deny_root.
func ActionOf(name string) (action string, suffixed bool) {
	set, _, suffixed := strings.Cut(name, "_")
	switch {
	case set == "violation":
		return "deny", suffixed
	case set == "skip" && suffixed:
		return "", false
	case slices.Contains(actionNames(), set):
		return set, suffixed
	}
	return "", false
}

// action is ActionOf without the suffix.
func action(name string) string {
	a, _ := ActionOf(name)
	return a
}

// actionNames are the rule sets that veto reads.
func actionNames() []string { return []string{"deny", "warn", "info", "skip"} }

// DefaultID is the id of a rule that has none of its own, as conftest's policies have them: package and set, in lower case, with hyphens
// for everything but letters and digits.
func DefaultID(pkg, set string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(pkg+"-"+set), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}
