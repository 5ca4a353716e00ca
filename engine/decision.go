package engine

import "context"

// Verdict is the answer.
type Verdict string

// The verdicts. Denied outweighs undecided, which outweighs pass.
const (
	Pass      Verdict = "pass"
	Denied    Verdict = "denied"
	Undecided Verdict = "undecided"
)

// Worst returns the verdict of several; of none it is undecided, because nothing was judged.
func Worst(verdicts ...Verdict) Verdict {
	worst := Undecided
	for i, v := range verdicts {
		switch {
		case v == Denied:
			return Denied
		case i == 0 && v == Pass:
			worst = Pass
		case v != Pass:
			worst = Undecided
		}
	}
	return worst
}

// Status is what became of one rule.
type Status string

// The statuses of a rule.
const (
	StatusPass          Status = "pass"
	StatusDeny          Status = "deny"
	StatusWarn          Status = "warn"
	StatusInfo          Status = "info"
	StatusWaived        Status = "waived"         // it fired, and every result is waived
	StatusNoData        Status = "no_data"        // it reads a section that this input lacks
	StatusNotApplicable Status = "not_applicable" // it said so itself (skip), or is switched off
	StatusError         Status = "error"
)

// RuleResult is one rule with all its results.
type RuleResult struct {
	ID          string         `json:"id"`
	Status      Status         `json:"status" enum:"pass,deny,warn,info,waived,no_data,not_applicable,error"`
	Action      string         `json:"action" enum:"deny,warn,info,off"` // what firing means, after configuration
	Title       string         `json:"title"`
	Severity    Maybe          `json:"severity" enum:"critical,high,medium,low,negligible,unknown"`
	Description Maybe          `json:"description"`
	Remediation Maybe          `json:"remediation"`
	URL         Maybe          `json:"url"` // the first related resource
	Categories  []string       `json:"categories"`
	Package     string         `json:"package"` // Rego package: "veto.vulnerabilities"
	Source      string         `json:"source"`  // "default" or the policy file, relative, with its line
	Waivable    bool           `json:"waivable"`
	Params      map[string]any `json:"params"` // the values that it was evaluated with
	Note        Maybe          `json:"note"`   // the reason of a skip, the text of an error, the section that is lacking
	Results     []Result       `json:"results"`
}

// Result is one thing that a rule has to say.
type Result struct {
	Msg         string   `json:"msg"`
	Findings    []string `json:"findings"` // refs of findings, secrets or gaps
	Subject     Maybe    `json:"subject"`
	Path        Maybe    `json:"path"`
	Layer       Maybe    `json:"layer"`       // diff ID
	Details     any      `json:"details"`     // what the rule added: any JSON
	Fingerprint string   `json:"fingerprint"` // 64 hex digits of the rule's id and what the result is about, alike in all reports
	WaivedBy    Maybe    `json:"waived_by"`
}

// Relaxation is something that weakens the gate: a flag, a setting, a waiver file from an untrusted place.
type Relaxation struct {
	What  string `json:"what"` // "rules.user-root", "--now", "--db none"
	From  Maybe  `json:"from"`
	To    Maybe  `json:"to"`
	Where string `json:"where"` // "veto.yaml:7", "flag", "VETO_NOW"
}

// Change is one step of the plan that would make the image pass.
type Change struct {
	Layer    Maybe     `json:"layer"`   // diff ID of the layer whose instruction would change
	Kind     string    `json:"kind"`    // purl type of its packages, as Package.Type
	Command  string    `json:"command"` // what to run or to write into the Dockerfile
	Upgrades []Upgrade `json:"upgrades"`
	Findings []string  `json:"findings"` // refs of the denied findings that it clears
}

// Upgrade is one package of a change.
type Upgrade struct {
	Package string `json:"package"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// Plan is the smallest known set of changes, and what it leaves.
type Plan struct {
	Changes []Change `json:"changes"`
	// Passes says that the policies, asked again without what the changes clear, no longer deny.
	Passes bool `json:"passes"`
	// Left names the rules that would still deny.
	Left []string `json:"left"`
}

// Decision is what the policies decided about one image.
type Decision struct {
	Verdict Verdict      `json:"verdict" enum:"pass,denied,undecided"`
	Rules   []RuleResult `json:"rules"` // sorted by id
	Plan    Plan         `json:"plan"`
	// Weakened lists everything that relaxes the gate, sorted.
	Weakened []Relaxation `json:"weakened"`
}

// Policy decides. It must be safe for concurrent use; the rules come back sorted by id, their results sorted too.
type Policy interface {
	Decide(ctx context.Context, in *Input) ([]RuleResult, error)
	Info() PolicyInfo
}

// VerdictOf derives the verdict from the rules. No rule at all is undecided.
func VerdictOf(rules []RuleResult) Verdict {
	v := Pass
	if len(rules) == 0 {
		v = Undecided
	}
	for _, r := range rules {
		switch r.Status {
		case StatusDeny:
			return Denied
		case StatusError, StatusNoData:
			v = Undecided
		case StatusPass, StatusWarn, StatusInfo, StatusWaived, StatusNotApplicable:
		default:
			v = Undecided
		}
	}
	return v
}
