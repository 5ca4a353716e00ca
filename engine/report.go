package engine

import (
	"context"
	"time"
)

// SchemaVersion is that of the run's and the facts' JSON. It changes when a field changes its meaning or goes away.
const SchemaVersion = "1"

// Tool is the program that made a run.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Shard is one part of the database: an ecosystem and release.
type Shard struct {
	Ecosystem  string `json:"ecosystem"` // "Debian:12", "npm"
	Digest     Digest `json:"digest"`
	Advisories int    `json:"advisories"`
	AsOf       Maybe  `json:"as_of"`    // date of the data, RFC 3339; null is unknown, which is stale
	AgeDays    *int   `json:"age_days"` // whole days before the run's clock; null when as_of is
}

// Database is the state of the vulnerability data that the findings are from.
type Database struct {
	State  string  `json:"state" enum:"ok,none"` // none: --db none; a database that is missing or faulty is never evaluated
	Shards []Shard `json:"shards"`               // those that this image needed, sorted by ecosystem
	KEV    *Shard  `json:"kev"`                  // CISA's catalogue; null when it is not loaded
	EPSS   *Shard  `json:"epss"`                 // FIRST's scores; likewise
}

// Facts is what is known of an image, as a report has it; Input adds what only policies see. Every field is always present; what is unknown
// is null.
type Facts struct {
	SchemaVersion string      `json:"schema_version"`
	Now           string      `json:"now"` // the run's one clock, RFC 3339, UTC
	Image         Identity    `json:"image"`
	Platform      Platform    `json:"platform"`
	Config        Config      `json:"config"`
	Layers        []LayerInfo `json:"layers"`
	Space         Space       `json:"space"`
	Base          *Base       `json:"base"` // null when nothing is known of it
	OS            *OS         `json:"os"`   // null when the image does not say
	Packages      []Package   `json:"packages"`
	Findings      []Finding   `json:"findings"`
	Secrets       []Secret    `json:"secrets"`
	Accounts      []Account   `json:"accounts"`
	Gaps          []Gap       `json:"gaps"`
	Waivers       []Waiver    `json:"waivers"`
	Database      Database    `json:"database"`
}

// Index holds positions into the arrays of Facts, so that a policy reaches what it wants without scanning all.
type Index struct {
	PackagesByName     map[string][]int `json:"packages_by_name"`
	PackagesByType     map[string][]int `json:"packages_by_type"`
	FindingsByCVE      map[string][]int `json:"findings_by_cve"`
	FindingsBySeverity struct {
		Critical   []int `json:"critical"`
		High       []int `json:"high"`
		Medium     []int `json:"medium"`
		Low        []int `json:"low"`
		Negligible []int `json:"negligible"`
		Unknown    []int `json:"unknown"`
	} `json:"findings_by_severity"`
	FindingsByRef map[string]int `json:"findings_by_ref"`
	FilesByPath   map[string]int `json:"files_by_path"`
}

// Input is what policies see as `input`, what `veto inspect` prints and `veto judge` reads.
type Input struct {
	Facts
	// Files and Referrers are gathered only when a rule reads them, or facts are written. The merged file system, sorted by path, would make
	// a report ten times as large; asking a registry for what refers to an image takes time.
	Files     []FileFact   `json:"files"`
	Referrers []Referrer   `json:"referrers"` // sorted by digest; only a registry or an index knows any
	Weakened  []Relaxation `json:"weakened"`
	Index     Index        `json:"index"`
	// Missing names top-level sections that recorded facts lack; a rule that reads one has no data.
	Missing []string `json:"-"`
}

// PolicySource is one place that rules came from.
type PolicySource struct {
	Name   string `json:"name"` // "default", or the path as given
	Digest Digest `json:"digest"`
	Rules  int    `json:"rules"`
}

// PolicyInfo says which policies decided.
type PolicyInfo struct {
	Sources []PolicySource `json:"sources"`
	// Waivers is the digest of the waiver file, null without one.
	Waivers Digest `json:"waivers"`
	Mode    string `json:"mode" enum:"enforce,observe"`
}

// Problem is why there is no decision.
type Problem struct {
	What string `json:"what"`
	Hint Maybe  `json:"hint"`
}

// Report is the result for one image and platform.
type Report struct {
	Facts
	Policy   PolicyInfo `json:"policy"`
	Decision Decision   `json:"decision"`
	Errors   []Problem  `json:"errors"`
}

// Run is the one value that formats see; its JSON is the wire form.
type Run struct {
	SchemaVersion string   `json:"schema_version"`
	Tool          Tool     `json:"tool"`
	Verdict       Verdict  `json:"verdict" enum:"pass,denied,undecided"`
	Reports       []Report `json:"reports"`
}

// Matches is what matching an inventory against the database gave.
type Matches struct {
	Findings []Finding
	Gaps     []Gap // what could not be matched: ecosystems without advisories, third parties' packages, faulty records
	Database Database
}

// Matcher matches an inventory against known vulnerabilities, as of the run's clock.
type Matcher interface {
	Match(ctx context.Context, inv *Inventory, at time.Time) (*Matches, error)
}
