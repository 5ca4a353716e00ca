package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// nearest is the known word that was probably meant; "" when none is near.
func nearest(word string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, word) || strings.EqualFold(strings.NewReplacer("-", "_", " ", "_").Replace(word), k) {
			return k
		}
	}
	if near := engine.Nearest(word, known); near != "" {
		return near
	}
	if set := nearMiss(word); slices.Contains(known, set) {
		return set
	}
	return ""
}

// suggestion is the hint for a word that is not known: the nearest known one, else all of them.
func suggestion(word string, known []string) string {
	if nearest := nearest(word, known); nearest != "" {
		return fmt.Sprintf("did you mean %q?", nearest)
	}
	return knownHint(known)
}

// knownHint lists the known words, 25 at most, as many as fit on a few lines of a terminal.
func knownHint(known []string) string {
	const limit = 25
	switch {
	case len(known) == 0:
		return ""
	case len(known) > limit:
		return fmt.Sprintf("known: %s and %d more", strings.Join(known[:limit], ", "), len(known)-limit)
	}
	return "known: " + strings.Join(known, ", ")
}
