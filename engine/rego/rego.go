// Package rego loads, checks, tests and evaluates policies. It is the only home of OPA.
//
// Every rule is a prepared query of its own, with strict built-in errors, its own time budget and one frozen clock, so that a rule that
// fails hides nothing that another rule has to say.
package rego

import (
	"io/fs"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/vetoci/veto/engine"
)

// DefaultRuleBudget is the processor time that one rule may take over one input. The shipped rules take milliseconds, and seconds over tens
// of thousands of findings; what takes longer loops over a product of lists.
const DefaultRuleBudget = 10 * time.Second

// PolicyPath is what the user named with --policy: a .rego file, or a folder with .rego files and the data files next to them.
type PolicyPath struct {
	Name string // as given: what errors show
	FS   fs.FS
	Path string // the file or folder in FS
}

// RuleSetting is what the configuration says about one rule.
type RuleSetting struct {
	Action       string // deny, warn, info, off; "" keeps the rule's own
	EnforceAfter string // a day, "2026-12-31": before it (UTC) a deny only warns; "" is at once
	Waivable     *bool  // whether waivers may accept what the rule says; nil is as its METADATA says
}

// Options say what to load.
type Options struct {
	Library fs.FS // the shipped policies; nil without them
	Paths   []PolicyPath
	Rules   map[string]RuleSetting    // by rule id or alias
	Params  map[string]map[string]any // by rule id or alias, then parameter, as YAML or JSON decodes
	Schema  []byte                    // JSON schema of the input; needed
	At      time.Time                 // the frozen clock; needed
	// Where says, for people, where the configuration sets "rules.<id>" or "params.<id>.<name>" (ids as Rules and Params write them):
	// "veto.yaml:7". Errors begin with it, relaxations carry it. nil is unknown.
	Where func(setting string) string
	// RuleBudget is the processor time of each rule; 0 is DefaultRuleBudget. Where no other thread can read it (not Linux), time passes.
	RuleBudget time.Duration
}

// RuleInfo describes one rule, for people and documents.
type RuleInfo struct {
	ID          string
	Title       string
	Description string
	Action      string // after configuration: deny, warn, info, off
	Default     string // the action that the rule was written with
	Severity    string // "" when the rule states none
	Remediation string
	URL         string
	Categories  []string
	Aliases     []string
	Package     string // "veto.vulnerabilities"
	Source      string // "default", or the policy file with its line
	Waivable    bool
	EnforcedAt  time.Time            // before it a deny only warns; zero is at once
	Declared    map[string]Parameter // what the METADATA declares
	Params      map[string]any       // the values that it is evaluated with, every one present
}

// Policy is a set of loaded rules. It is immutable and safe for concurrent use.
type Policy struct {
	rules       []*rule // sorted by id
	relaxations []engine.Relaxation
	info        engine.PolicyInfo
	now         time.Time // the frozen clock
	budget      time.Duration
	inputs      inputBuilder
	reads       *readSet          // what the rules that are switched on read, together
	reportNames map[string]string // the name of each policy file in reports, by its name in errors
}

// Info says where the rules came from.
func (p *Policy) Info() engine.PolicyInfo {
	info := p.info
	info.Sources = append([]engine.PolicySource{}, info.Sources...)
	return info
}

// Relaxations lists what the options weaken: rules.<id> where the action went down, params.<id>.<name> where a value is not the
// default. <id> is written as the options wrote it.
func (p *Policy) Relaxations() []engine.Relaxation {
	return append([]engine.Relaxation{}, p.relaxations...)
}

// Rules describes every rule, sorted by id.
func (p *Policy) Rules() []RuleInfo {
	out := make([]RuleInfo, 0, len(p.rules))
	for _, r := range p.rules {
		out = append(out, RuleInfo{
			ID: r.id, Title: r.title(), Description: r.meta.description, Action: r.action, Default: r.defaultAction, Severity: r.meta.severity,
			Remediation: r.meta.remediation, URL: r.meta.url, Categories: r.meta.categories, Aliases: r.meta.aliases, Package: r.pkg,
			Source: r.source, Waivable: r.meta.waivable, EnforcedAt: r.enforcedAt, Declared: r.meta.params, Params: r.params,
		})
	}
	return out
}

// Reads says whether a rule that is switched on refers to a top-level section of the input, by itself or through the index.
func (p *Policy) Reads(section string) bool { return p.reads.includes(section) }

// program is everything that was read and parsed, before and after compilation.
type program struct {
	options     Options
	sets        []*policySet
	modules     map[string]*ast.Module // by file name
	files       map[string]*file       // the files of modules, by name
	data        map[string]any
	schema      any
	rules       []*rule
	byName      map[string]*rule // by id and alias
	params      map[string]any   // what policies see as data.params
	relaxations []engine.Relaxation
	compiler    *ast.Compiler
	store       storage.Store
	unreadable  bool              // some policy could not be read
	linted      map[position]bool // where the lint has found something
	issues      issueList
}
