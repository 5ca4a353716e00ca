package catalog

import (
	"errors"
	"regexp"

	"github.com/vetoci/veto/engine"
)

// wordPressVersion is the assignment of WordPress's version in wp-includes/version.php.
var wordPressVersion = regexp.MustCompile(`(?m)^\s*\$wp_version\s*=\s*['"]([0-9][0-9A-Za-z.+-]*)['"]`)

// readWordPress reads the version of WordPress itself. Its plugins and themes are gaps.
func readWordPress(_ string, body []byte, ev *engine.Evidence) error {
	m := wordPressVersion.FindSubmatch(body)
	if m == nil {
		return errors.New("a WordPress whose version is not written out")
	}
	p := genericPackage("wordpress", string(m[1]), true)
	return addPackage(ev, &p)
}
