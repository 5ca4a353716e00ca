// Package advisory says what an advisory is and when a package is affected, and matches inventories.
package advisory

import "context"

// Advisory is one OSV record (ossf.github.io/osv-schema), reduced to what matching and explaining need.
type Advisory struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases,omitempty"`  // ids of the same vulnerability: symmetric and transitive
	Upstream  []string   `json:"upstream,omitempty"` // ids that it is derived from: transitive; never merges findings
	Related   []string   `json:"related,omitempty"`  // ids that a reader may want to see; neither merges nor joins anything
	Summary   string     `json:"summary,omitempty"`
	Published string     `json:"published,omitempty"` // RFC 3339, UTC, as the two below
	Modified  string     `json:"modified,omitempty"`
	Withdrawn string     `json:"withdrawn,omitempty"`
	Severity  []Rating   `json:"severity,omitempty"` // of the record, when no affected entry has its own
	Level     string     `json:"level,omitempty"`    // database_specific.severity, lower case, in the database's own words
	CWEs      []string   `json:"cwes,omitempty"`     // "CWE-79", sorted
	Affected  []Affected `json:"affected,omitempty"`
}

// Rating is one OSV severity entry.
type Rating struct {
	Type  string `json:"type"`  // CVSS_V2, CVSS_V3, CVSS_V4, Ubuntu …
	Score string `json:"score"` // a CVSS vector, a bare CVSS score, or a word of that type
}

// Affected is what an advisory says of one package.
type Affected struct {
	Ecosystem string   `json:"ecosystem"` // as written, with its release: "Debian:12"
	Name      string   `json:"name"`
	Versions  []string `json:"versions,omitempty"`
	Ranges    []Range  `json:"ranges,omitempty"`
	Severity  []Rating `json:"severity,omitempty"`
	Urgency   string   `json:"urgency,omitempty"` // ecosystem_specific.urgency or .severity: the distribution's own word
	Imports   []Import `json:"imports,omitempty"` // Go: the vulnerable packages and their functions
}

// Import is a Go package that is vulnerable (go.dev/doc/security/vuln/database, "Schema").
type Import struct {
	Path    string   `json:"path"`
	Symbols []string `json:"symbols,omitempty"` // "Function", "Type.Method"; none means the whole package
}

// Range is one OSV range.
type Range struct {
	Type   string  `json:"type"` // SEMVER, ECOSYSTEM, GIT
	Events []Event `json:"events"`
}

// Event is one OSV event; exactly one field is set.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"last_affected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// KEVEntry is one entry of CISA's catalogue of known exploited vulnerabilities.
type KEVEntry struct {
	CVE   string `json:"cve"`
	Added string `json:"added"` // "2025-08-25"
}

// EPSSScore is what FIRST's EPSS says of one CVE.
type EPSSScore struct {
	CVE               string
	Score, Percentile float64 // from 0 to 1, with at most 9 decimals
}

// CVERecord is what the CVE List and the NVD say of one CVE.
type CVERecord struct {
	CVE         string
	Published   string // RFC 3339, UTC; "" unknown
	Assessments []Assessment
}

// Assessment is what one of the parties to a CVE record says.
type Assessment struct {
	By      string // "CNA", "NVD", "CISA-ADP"
	Ratings []Rating
	CWEs    []string // sorted
}

// Shard describes one part of the data.
type Shard struct {
	Ecosystem  string // "Debian:12", "npm", "kev", "epss", "cve"
	Digest     string // "sha256:…" of the shard's bytes
	Advisories int    // how many records or entries it has
	AsOf       string // date of the data, RFC 3339; "" unknown
}

// Store is the vulnerability data as the Matcher reads it. Safe for concurrent use. Any fault in it is an error: it never looks like data
// that says nothing.
type Store interface {
	Records
	Contents
	Catalogues
}

// Records are the advisories of a Store.
type Records interface {
	// Shard describes the shard of an ecosystem with its release; ok is false when the database has none for it.
	Shard(ctx context.Context, ecosystem string) (s Shard, ok bool, err error)
	// Affecting returns the records with an affected entry for the package in that ecosystem and release, withdrawn ones too.
	Affecting(ctx context.Context, ecosystem, name string) ([]Advisory, error)
	// ByID returns, from all shards, the records whose id is one of ids and those that name one of ids as an alias. They may lack what no
	// other record can be joined by: summary, versions, ranges. They have ids, ratings, CWEs and withdrawal.
	ByID(ctx context.Context, ids []string) ([]Advisory, error)
}

// Contents are what a Store has advisories of.
type Contents interface {
	// Ecosystems lists the shards there are, sorted, with their releases.
	Ecosystems() []string
	// Names returns the names of all packages that records of that ecosystem and release are about, in the form of PackageKey, sorted.
	Names(ctx context.Context, ecosystem string) ([]string, error)
}

// Catalogues are what others than its advisories say of a CVE, whatever package has it. Each look-up takes CVEs in any order, also several
// times, and describes the shard that it read; ok is false when the database has none.
type Catalogues interface {
	// KEV looks CVEs up in CISA's catalogue of known exploited vulnerabilities.
	KEV(ctx context.Context, cves []string) (entries []KEVEntry, catalogue Shard, ok bool, err error)
	// EPSS looks CVEs up in FIRST's scores.
	EPSS(ctx context.Context, cves []string) (entries []EPSSScore, scores Shard, ok bool, err error)
	// CVERecords looks CVEs up in the records of the CVE List and the NVD.
	CVERecords(ctx context.Context, cves []string) (records []CVERecord, shard Shard, ok bool, err error)
}
