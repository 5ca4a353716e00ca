// Package glob matches slash-separated names, such as paths and names of images, with patterns that waivers and policies write.
package glob

import (
	"fmt"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// Match says whether name matches pattern, component by component: *, ? and [a-z] stay within one, as in path.Match, and ** stands for any
// number of them. A leading slash of either side does not count. The error says that the pattern is malformed, or a *engine.LimitError that
// it is longer than MaxPattern, or name longer than engine.MaxPath; then nothing matches.
//
// Work is at most the product of both numbers of components, each by path.Match: no pattern is exponential.
func Match(pattern, name string) (bool, error) {
	if len(name) > engine.MaxPath {
		return false, &engine.LimitError{What: "length of a path", Limit: engine.MaxPath}
	}
	if err := Check(pattern); err != nil {
		return false, err
	}
	names := components(name)
	// matched[i]: the components of the pattern read so far match the first i components of the name.
	matched := make([]bool, len(names)+1)
	matched[0] = true
	for _, p := range components(pattern) {
		next := make([]bool, len(names)+1)
		for i := range next {
			switch {
			case p == "**":
				next[i] = matched[i] || i > 0 && next[i-1]
			case i > 0 && matched[i-1]:
				ok, err := path.Match(p, names[i-1])
				if err != nil {
					return false, malformed(pattern)
				}
				next[i] = ok
			}
		}
		matched = next
	}
	return matched[len(names)], nil
}

// Check returns the error that Match would return for a pattern.
func Check(pattern string) error {
	if len(pattern) > engine.MaxPattern {
		return &engine.LimitError{What: "length of a glob", Limit: engine.MaxPattern}
	}
	for _, p := range components(pattern) {
		if _, err := path.Match(p, ""); err != nil {
			return malformed(pattern)
		}
	}
	return nil
}

func malformed(pattern string) error { return fmt.Errorf("the glob %q is malformed", pattern) }

func components(s string) []string { return strings.Split(strings.TrimPrefix(s, "/"), "/") }
