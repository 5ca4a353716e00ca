// Package advisory says what an advisory is, when a package is affected, and matches inventories.
package advisory

import "context"

// Advisory is one OSV record (ossf.github.io/osv-schema), reduced to what matching and explaining need. Serialisable.
type Advisory struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases,omitempty"`  // the same vulnerability: symmetric and transitive
	Upstream  []string   `json:"upstream,omitempty"` // what it is derived from: transitive, never merges findings
	Related   []string   `json:"related,omitempty"`  // never merges, never joins
	Summary   string     `json:"summary,omitempty"`
	Published string     `json:"published,omitempty"` // RFC 3339
	Modified  string     `json:"modified,omitempty"`
	Withdrawn string     `json:"withdrawn,omitempty"`
	Severity  []Rating   `json:"severity,omitempty"` // of the record, when no affected entry has its own
	Level     string     `json:"level,omitempty"`    // database_specific.severity, lower case, as the database words it
	CWEs      []string   `json:"cwes,omitempty"`     // "CWE-79", sorted
	Affected  []Affected `json:"affected,omitempty"`
}

// Rating is one OSV severity entry.
type Rating struct {
	Type  string `json:"type"`  // CVSS_V2, CVSS_V3, CVSS_V4, Ubuntu …
	Score string `json:"score"` // a CVSS vector, or the word of that type
}

// Affected is one package that an advisory speaks of.
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
	Symbols []string `json:"symbols,omitempty"` // "Function", "Type.Method"; none is all of it
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

// Exploited is one entry of CISA's catalogue of known exploited vulnerabilities.
type Exploited struct {
	CVE   string `json:"cve"`
	Added string `json:"added"` // "2025-08-25"
}

// Scored is what FIRST's EPSS says of one CVE.
type Scored struct {
	CVE               string
	Score, Percentile float64 // from 0 to 1, with at most 9 decimals
}

// Assessed is what others than its advisories say of one CVE.
type Assessed struct {
	CVE       string
	Published string // RFC 3339
	By        []Assessment
}

// Assessment is what one of them says.
type Assessment struct {
	By      string // "CNA", "NVD", "CISA-ADP"
	Ratings []Rating
	CWEs    []string
}

// Shard describes one part of the data.
type Shard struct {
	Ecosystem  string // "Debian:12", "npm", "kev", "epss"
	Digest     string // "sha256:…" of the shard's bytes
	Advisories int
	AsOf       string // RFC 3339, "" unknown
}

// Store is the vulnerability data as the Matcher reads it. Safe for concurrent use. Any fault in it is an error, never an absence.
type Store interface {
	Records
	Catalogues
}

// Records are the advisories of a Store.
type Records interface {
	// Shard describes the shard of an ecosystem with its release; ok is false when the database has none for it.
	Shard(ctx context.Context, ecosystem string) (s Shard, ok bool, err error)
	// Affecting returns the records with an affected entry for the package in that ecosystem and release, withdrawn ones too.
	Affecting(ctx context.Context, ecosystem, name string) ([]Advisory, error)
	// Rated returns, over every loaded shard, the records whose id is one of ids or that name one of them as an alias, so that
	// severities and CVEs can be joined.
	Rated(ctx context.Context, ids []string) ([]Advisory, error)
}

// Catalogues are what others say of CVEs, whatever package has them.
type Catalogues interface {
	// Exploited looks CVEs up in CISA's catalogue; ok is false when it is not loaded.
	Exploited(ctx context.Context, cves []string) (entries []Exploited, catalogue Shard, ok bool, err error)
	// Scored looks CVEs up in FIRST's scores; ok is false when they are not loaded.
	Scored(ctx context.Context, cves []string) (entries []Scored, scores Shard, ok bool, err error)
	// Assessed looks CVEs up in the records of the CVE List and the NVD; ok is false when they are not loaded.
	Assessed(ctx context.Context, cves []string) (entries []Assessed, records Shard, ok bool, err error)
}
