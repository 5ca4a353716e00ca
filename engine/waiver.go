package engine

// WaiverMatch selects what a waiver accepts; every key that is set must match.
type WaiverMatch struct {
	// Vuln is any id of the vulnerability. An advisory of several CVEs is waived when all are; an alias speaks for its own CVE only.
	Vuln        Maybe `json:"vuln"`
	PURL        Maybe `json:"purl"`
	Path        Maybe `json:"path"` // glob
	Fingerprint Maybe `json:"fingerprint"`
}

// Waiver is one entry of the waiver file, with what became of it.
type Waiver struct {
	ID      string      `json:"id"` // derived from the entry's content
	Rule    Maybe       `json:"rule"`
	Match   WaiverMatch `json:"match"`
	Broad   bool        `json:"broad"`
	Images  []string    `json:"images"` // globs over the image's name; [] is every image
	Reason  string      `json:"reason"`
	Owner   string      `json:"owner"`
	Expires string      `json:"expires"` // "2026-12-31": holds through that day, UTC
	Until   Maybe       `json:"until" enum:"fix-available"`
	Ticket  Maybe       `json:"ticket"`
	Origin  Maybe       `json:"origin"` // "baseline" when `veto waive --all` wrote it
	Where   string      `json:"where"`  // "veto-waivers.yaml:12"
	// State: active; expired (counts no more); ended (until: fix-available, and there is one); other-image; ambiguous (its fingerprint fits
	// two things, or only some of the places where one is found); too-long (its last day is further ahead than the configuration allows).
	State string `json:"state" enum:"active,expired,ended,other-image,ambiguous,too-long"`
	Used  int    `json:"used"` // how many findings, secrets, gaps and results it accepted
}

// ExpirySoonDays is how many days before its end a waiver is pointed out: two weeks to act.
const ExpirySoonDays = 14

// Waivers marks what is accepted before the policies see it, and subtracts results after they decided.
type Waivers interface {
	// Mark sets WaivedBy on findings, secrets and gaps by the waivers that name no rule, and fills f.Waivers.
	Mark(f *Facts) error
	// Subtract marks results by the waivers that name a rule and by the findings that are waived, and updates the counts of f.Waivers.
	// A rule all of whose results are waived gets the status waived.
	Subtract(f *Facts, rules []RuleResult) error
}
