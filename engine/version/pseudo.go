package version

import "regexp"

// pseudoVersion is what the go command makes of a commit without a tag (go.dev/ref/mod#pseudo-versions).
var pseudoVersion = regexp.MustCompile(`^v\d+\.(?:0\.0-|\d+\.\d+-(?:[^+]*\.)?0\.)\d{14}-[0-9A-Za-z]+(?:\+[0-9A-Za-z.-]+)?$`)

// IsPseudo says whether a version of a Go module names a commit, and no release.
func IsPseudo(v string) bool { return pseudoVersion.MatchString(v) }

// IsUntagged says whether a version of a Go module names a commit before which no release was known: v0.0.0-20250503120000-0dd7d1fa893c.
// A dependency has had none then. The main module may have had some: what the go command was given to build had no tags.
func IsUntagged(v string) bool {
	const none = "v0.0.0-"
	return len(v) > len(none) && v[:len(none)] == none && IsPseudo(v)
}
