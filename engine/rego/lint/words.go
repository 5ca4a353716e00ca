package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// nearest is the known word that was probably meant, or "".
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

// meant is a hint that names the nearest known word, else the known ones.
func meant(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return oneOf(known)
}

func oneOf(known []string) string {
	const most = 25
	switch {
	case len(known) == 0:
		return ""
	case len(known) > most:
		return fmt.Sprintf("known: %s and %d more", strings.Join(known[:most], ", "), len(known)-most)
	}
	return "known: " + strings.Join(known, ", ")
}
