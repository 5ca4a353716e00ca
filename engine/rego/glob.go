package rego

import (
	"fmt"
	"path"
	"strings"
)

// globMatch matches a slash-separated path; a leading slash of either side does not count.
func globMatch(pattern, name string) (bool, error) {
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
