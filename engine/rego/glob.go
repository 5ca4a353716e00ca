package rego

import (
	"fmt"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// maxGlob bounds a pattern in bytes: no built-in stops at a rule's time budget, so the work of one call has to be small.
const maxGlob = 1024

// globMatch matches a slash-separated path; a leading slash of either side does not count.
func globMatch(pattern, name string) (bool, error) {
	if len(pattern) > maxGlob {
		return false, &engine.LimitError{What: "length of a glob", Limit: maxGlob}
	}
	if len(name) > engine.MaxPath {
		return false, &engine.LimitError{What: "length of a path", Limit: engine.MaxPath}
	}
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	names := strings.Split(strings.TrimPrefix(name, "/"), "/")
	// reach[j]: the pattern read so far matches the first j components. One pass per component, so that no pattern is exponential.
	reach := make([]bool, len(names)+1)
	reach[0] = true
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return false, fmt.Errorf("the glob %q is malformed", pattern)
		}
		next := make([]bool, len(names)+1)
		for j := range next {
			switch {
			case part == "**":
				next[j] = reach[j] || j > 0 && next[j-1]
			case j > 0 && reach[j-1]:
				ok, err := path.Match(part, names[j-1])
				if err != nil {
					return false, fmt.Errorf("the glob %q is malformed", pattern)
				}
				next[j] = ok
			}
		}
		reach = next
	}
	return reach[len(names)], nil
}
