package engine

import "slices"

// Level is a severity. Unknown is a level of its own and never means "none".
type Level string

// The levels, from worst to least; unknown stands apart.
const (
	Critical   Level = "critical"
	High       Level = "high"
	Medium     Level = "medium"
	Low        Level = "low"
	Negligible Level = "negligible"
	Unknown    Level = "unknown"
)

// Levels lists every level in the order in which people read them.
func Levels() []Level { return []Level{Critical, High, Medium, Low, Negligible, Unknown} }

// Severity is one rating of how bad a vulnerability is, with its source.
type Severity struct {
	Level  Level    `json:"level" enum:"critical,high,medium,low,negligible,unknown"`
	Score  *float64 `json:"score"`  // CVSS base score, null when there is none
	Vector Maybe    `json:"vector"` // CVSS vector
	Source Maybe    `json:"source"` // "GHSA-… (alias)", "urgency of DEBIAN-CVE-…": the record that says so and how it was reached
}

// FoundPackage is the package of a finding: the source package with every binary of it that is installed.
type FoundPackage struct {
	Name      string   `json:"name"` // as the advisory names it: for a distribution the source package
	Version   string   `json:"version"`
	Type      string   `json:"type"`
	PURL      string   `json:"purl"`
	Ecosystem Maybe    `json:"ecosystem"`
	Source    Source   `json:"source"`
	Binaries  []string `json:"binaries"` // sorted names of installed binary packages
	// What holds for every one of the packages that were found: none of it can run, it is a kernel's.
	NoCode     bool       `json:"no_code"`
	Kernel     bool       `json:"kernel"`
	ThirdParty bool       `json:"third_party"` // one of them is from another repository than the distribution's
	Locations  []Location `json:"locations"`
}

// MatchEvidence is why a package is affected.
type MatchEvidence struct {
	Advisory   string   `json:"advisory"` // id of the record that matched
	Ecosystem  string   `json:"ecosystem"`
	Range      string   `json:"range"` // "[0, 1.2.3)" or "listed in versions"
	Comparator string   `json:"comparator"`
	Installed  string   `json:"installed"`
	Records    []string `json:"records"` // every record that was merged into the finding
}

// EPSS is FIRST's estimate of how likely exploitation within 30 days is; of several CVEs the highest.
type EPSS struct {
	Score      float64 `json:"score"`      // probability, from 0 to 1
	Percentile float64 `json:"percentile"` // of all scored CVEs that have this score or less, from 0 to 1
}

// VEX is one statement of a VEX document about a finding.
type VEX struct {
	Status        string `json:"status" enum:"not_affected,affected,fixed,under_investigation"`
	Justification Maybe  `json:"justification"` // OpenVEX's labels: "vulnerable_code_not_present"
	Statement     Maybe  `json:"statement"`     // what it says in words
	Action        Maybe  `json:"action"`        // what to do, or "no_fix_planned"
	Source        string `json:"source"`        // the file, and the document's own id
	Author        Maybe  `json:"author"`
	At            Maybe  `json:"at"` // RFC 3339
}

// Finding is one vulnerability of one package; unique by canonical id, ecosystem, source package and version.
type Finding struct {
	Kind    string   `json:"kind" enum:"vulnerability"`
	ID      string   `json:"id"`      // canonical: the CVE where exactly one is reached, else the advisory's own id
	Aliases []string `json:"aliases"` // every other id of the same vulnerability
	CVEs    []string `json:"cves"`    // every CVE reached by id, alias or upstream
	// Speaks lists, of a finding with several CVEs, those that each other id is about, as its own record says.
	Speaks         map[string][]string `json:"speaks"`
	Summary        Maybe               `json:"summary"`
	Package        FoundPackage        `json:"package"`
	FixedVersions  []string            `json:"fixed_versions"` // released fixes for this package, in version order
	Severity       Severity            `json:"severity"`
	Severities     []Severity          `json:"severities"`
	KnownExploited bool                `json:"known_exploited"` // in CISA's catalogue
	ExploitedSince Maybe               `json:"exploited_since"` // the day the catalogue added it
	Malicious      bool                `json:"malicious"`       // the package itself is malware (an OSV MAL- id)
	EPSS           *EPSS               `json:"epss"`            // null when it is not loaded, or has no score for any of the CVEs
	CWEs           []string            `json:"cwes"`            // "CWE-79", sorted
	// Fix is "released" when a fixed version exists, "wont_fix" when whoever maintains the package said that there will be none, "none" when
	// none exists yet.
	Fix      string `json:"fix" enum:"released,none,wont_fix"`
	FixSince Maybe  `json:"fix_since"` // when the fix was announced: the date of the notice that brought it, RFC 3339; null when unknown
	// Reachable says whether the vulnerable code is in the program: by the functions that the advisory names, of Go programs.
	Reachable string `json:"reachable" enum:"yes,no,unknown"`
	// statements about this finding, the newest last
	VEX []VEX `json:"vex"`
	// of the newest; null without any, or when one of several CVEs is left open
	VEXStatus   Maybe         `json:"vex_status" enum:"not_affected,affected,fixed,under_investigation"`
	Published   Maybe         `json:"published"` // RFC 3339, UTC
	Modified    Maybe         `json:"modified"`
	Layer       Maybe         `json:"layer"` // diff ID of the layer that brought the package
	Origin      Origin        `json:"origin" enum:"base,own,unknown"`
	Evidence    MatchEvidence `json:"evidence"`
	Ref         string        `json:"ref"`         // opaque; unique in the report; what a rule's result names
	Fingerprint string        `json:"fingerprint"` // 64 hex digits; the same across rebuilds and versions
	WaivedBy    Maybe         `json:"waived_by"`   // id of the waiver
}

// SpeaksOf says which CVEs of the finding an id of it is about, and whether that is all of it. A CVE is about itself, and any other id
// about what its own record names: of an alias without a record, nobody here knows which of several CVEs it is.
func (f *Finding) SpeaksOf(id string) (cves []string, whole bool) {
	cves, known := f.Speaks[id]
	switch {
	case len(f.CVEs) < 2:
		return f.CVEs, true
	case slices.Contains(f.CVEs, id):
		return []string{id}, false
	case !known && id == f.ID: // facts that were recorded without it
		return f.CVEs, true
	}
	return cves, !slices.ContainsFunc(f.CVEs, func(cve string) bool { return !slices.Contains(cves, cve) })
}
