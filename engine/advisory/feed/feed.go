// Package feed reads upstream vulnerability feeds: OSV's bulk exports, CISA's catalogue of known exploited vulnerabilities, FIRST's EPSS
// scores, and the records of the CVE List and the NVD. Fetching and parsing are apart, so that a mirror, a directory and a zip are read
// alike. What a feed sends is hostile until it is parsed: every size is limited, and one record that does not parse fails the whole feed,
// because a database with a hole in it would call vulnerable packages clean.
package feed

import (
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// Progress says how far a long step is. It counts records for "read", else bytes; Total is 0 while it is unknown.
type Progress struct {
	Step  string // "download", "read", "write"
	What  string // "Debian"
	Done  int64
	Total int64
}

// Options say how feeds are fetched.
type Options struct {
	Client    *http.Client   // nil is one with time limits of its own, and without proxies
	UserAgent string         // "" is Go's
	Dir       string         // folder in which a download is kept until its export is closed; "" is the system's for temporary files
	Progress  func(Progress) // may be nil; called from one goroutine at a time
	Attempts  int            // per request; 0 is 4
	Pause     time.Duration  // before the second attempt, doubled before each later one; 0 is 1 s
	Stall     time.Duration  // how long a connection may send nothing before it is given up; 0 is 30 s
	Limit     int64          // bytes of one download; 0 is engine.MaxFeed
}

func (o Options) report(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

var cveID = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)

// quote shows an untrusted text in a message: on one line, and at most 200 bytes of it.
func quote(text string) string {
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return fmt.Sprintf("%q", text)
}
