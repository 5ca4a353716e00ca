package waiver

import (
	"path"
	"strings"
)

// matchGlob matches a path or an image's name part by part: * and ? stay within a part, ** stands for any number of parts.
func matchGlob(pattern, name string) bool {
	return matchParts(strings.Split(strings.TrimPrefix(pattern, "/"), "/"), strings.Split(strings.TrimPrefix(name, "/"), "/"))
}

// matchParts keeps, for each prefix of the pattern, which prefixes of the name it matches: no pattern makes it slow.
func matchParts(pattern, name []string) bool {
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for _, p := range pattern {
		next := make([]bool, len(name)+1)
		for i, ok := range reach {
			switch {
			case p == "**":
				next[i] = ok || i > 0 && next[i-1]
			case ok && i < len(name):
				if m, err := path.Match(p, name[i]); err == nil && m {
					next[i+1] = true
				}
			}
		}
		reach = next
	}
	return reach[len(name)]
}

func validGlob(pattern string) bool {
	for _, p := range strings.Split(pattern, "/") {
		if _, err := path.Match(p, ""); err != nil {
			return false
		}
	}
	return pattern != ""
}
