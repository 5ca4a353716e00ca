package glob

import (
	"errors"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a/b", false}, {"/a", "a", true}, {"a", "/a", true},
		{"*", "a", true}, {"*", "a/b", false}, {"a/*", "a/b", true}, {"a/?", "a/b", true}, {"a/?", "a/bc", false}, {"[a-c]", "b", true},
		{"[^a]", "a", false},
		{"**", "a/b/c", true}, {"**", "", true}, {"**/x", "x", true}, {"**/x", "a/b/x", true}, {"**/x", "a/b/y", false}, {"a/**", "a", true},
		{"a/**/z", "a/z", true}, {"a/**/z", "a/b/c/z", true}, {"a/**/z", "b/a/z", false}, {"a**", "ab", true}, {"a**", "a/b", false},
		{"ghcr.io/shop/*", "ghcr.io/shop/web", true}, {"ghcr.io/shop/*", "ghcr.io/shop/web/x", false}, {"", "", true}, {"", "a", false},
	} {
		if got, err := Match(c.pattern, c.name); got != c.want || err != nil {
			t.Errorf("Match(%q, %q) = %v, %v; want %v", c.pattern, c.name, got, err, c.want)
		}
	}
}

// Mistakes match nothing, whatever the name is: a waiver or a rule with one must not accept anything.
func TestMistakes(t *testing.T) {
	limit := (*engine.LimitError)(nil)
	for _, pattern := range []string{"[", "a/[", `\`, "**/[z-"} {
		if err := Check(pattern); err == nil || errors.As(err, &limit) {
			t.Errorf("Check(%q) = %v, want a malformed glob", pattern, err)
		}
		if ok, err := Match(pattern, "a/b"); ok || err == nil {
			t.Errorf("Match(%q) = %v, %v", pattern, ok, err)
		}
	}
	long := strings.Repeat("a", engine.MaxPattern)
	if err := Check(long); err != nil {
		t.Errorf("a pattern of the longest length: %v", err)
	}
	if ok, err := Match(long+"a", "a"); ok || !errors.As(err, &limit) {
		t.Errorf("a pattern that is too long: %v, %v", ok, err)
	}
	name := strings.Repeat("n", engine.MaxPath)
	if ok, err := Match("**", name); !ok || err != nil {
		t.Errorf("a name of the longest length: %v, %v", ok, err)
	}
	if ok, err := Match("**", name+"n"); ok || !errors.As(err, &limit) {
		t.Errorf("a name that is too long: %v, %v", ok, err)
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"usr/**/*.so", "**", "[", `\`, "a/?/c", "**/**/**/x", "[^a]", ""} {
		f.Add(s, "usr/lib/a/x.so")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		ok, err := Match(pattern, name)
		if err != nil && ok {
			t.Error("matches with an error")
		}
		if check := Check(pattern); check != nil && err == nil {
			t.Errorf("Check says %v and Match nothing", check)
		}
		if all, err := Match("**", name); len(name) <= engine.MaxPath && (err != nil || !all) {
			t.Errorf("** does not match %q: %v", name, err)
		}
	})
}
