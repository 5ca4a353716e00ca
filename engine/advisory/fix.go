package advisory

import (
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// fix returns the state of the fix ("released", "wont_fix" or "none") and the day of the earliest notice that announced it. Only a notice
// is dated by its fix; a record about the vulnerability itself may be from long before or after it.
func (g aliasGroup) fix(released bool) (state string, since engine.Maybe) {
	if !released {
		for _, m := range g.matches {
			if slices.ContainsFunc(m.urgency, isWontFix) {
				return "wont_fix", ""
			}
		}
		return "none", ""
	}
	for _, m := range g.matches {
		published := engine.Maybe(m.record.Published)
		if len(m.fixed) > 0 && published != "" && isNotice(m.record.ID) && (since == "" || published < since) {
			since = published
		}
	}
	return "released", since
}

// isNotice says whether an id is that of a distribution's announcement of fixed packages.
func isNotice(id string) bool {
	for _, prefix := range []string{"DSA-", "DLA-", "USN-", "LSN-", "ALSA-", "ALBA-", "ALEA-", "RLSA-", "RXSA-", "RHSA-", "RHBA-", "SUSE-SU-",
		"SUSE-RU-", "openSUSE-SU-", "MGASA-", "OESA-"} {
		if strings.HasPrefix(id, prefix) {
			return true
		}
	}
	return false
}

// isWontFix knows the words with which distributions say that there will be no fix. Debian and Ubuntu say so of a release or a package that
// they no longer support, or of a flaw that they leave.
func isWontFix(urgency string) bool {
	switch strings.ToLower(urgency) {
	case "end-of-life", "ignored", "wont-fix", "wontfix", "won't fix", "will not fix", "out of support scope":
		return true
	}
	return false
}
