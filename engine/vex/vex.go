// Package vex reads VEX documents, in which vendors and maintainers say whether a vulnerability affects a product, and marks the findings
// that their statements are about.
//
// It fails closed: a statement counts only when it is for certain about the finding. A statement about another image, another version, one
// of several packages or one of several CVEs leaves the finding as it is.
package vex

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
)

// The statuses, in OpenVEX's words.
const (
	notAffected        = "not_affected"
	affected           = "affected"
	fixed              = "fixed"
	underInvestigation = "under_investigation"
)

// statuses lists them from the most to the least severe.
func statuses() []string { return []string{affected, underInvestigation, fixed, notAffected} }

// statusRank orders statuses: a more severe one is greater.
func statusRank(status string) int { return len(statuses()) - slices.Index(statuses(), status) }

// Document is one VEX document.
type Document struct {
	name       string // as the user gave it
	id, author string
	statements []*statement
	products   int // how many products its statements name, bounded by engine.MaxVEXProducts
}

// statement says the status of some products for one vulnerability.
type statement struct {
	ids           []string // of the vulnerability, in upper case
	products      []product
	status        string
	justification string // one of OpenVEX's justifications; "" none
	impact        string // why it is not affected, or any other remark
	action        string // what to do about it
	wontFix       bool   // there will be no fix
	time          string // RFC 3339, UTC; "" unknown
}

// Parse reads an OpenVEX, CycloneDX or CSAF document in JSON. name is how errors and reports call it.
func Parse(name string, data []byte) (*Document, error) {
	d := &Document{name: name}
	if err := d.parse(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

func (d *Document) parse(data []byte) error {
	if len(data) > engine.MaxVEX {
		return &engine.LimitError{What: "size of a VEX document", Limit: engine.MaxVEX}
	}
	if err := document.CheckWords(data); err != nil {
		return err
	}
	var kind struct {
		Context  json.RawMessage `json:"@context"`
		Format   string          `json:"bomFormat"`
		Document *struct {
			Version string `json:"csaf_version"`
		} `json:"document"`
	}
	if err := decode(data, &kind); err != nil {
		return err
	}
	switch {
	case kind.Format == "CycloneDX":
		return d.parseCycloneDX(data)
	case kind.Document != nil && kind.Document.Version != "":
		return d.parseCSAF(data, kind.Document.Version)
	case kind.Context != nil:
		return d.parseOpenVEX(data)
	}
	return engine.Hint(fmt.Errorf("no VEX document that veto knows"),
		"OpenVEX 0.2.0 has @context, CycloneDX 1.4 to 1.7 has bomFormat, CSAF 2.0 has document.csaf_version")
}

// decode reads JSON that document.CheckWords has accepted. Its errors name the place in the document.
func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// add adds a statement. It leaves out one without a product or an id, which is about nothing.
func (d *Document) add(s statement) error {
	s.ids = slices.DeleteFunc(s.ids, func(id string) bool { return strings.TrimSpace(id) == "" })
	for i, id := range s.ids {
		s.ids[i] = strings.ToUpper(strings.TrimSpace(id))
	}
	if d.products += len(s.products); d.products > engine.MaxVEXProducts {
		return &engine.LimitError{What: "products of a VEX document", Limit: engine.MaxVEXProducts}
	}
	if len(s.ids) == 0 || len(s.products) == 0 {
		return nil
	}
	slices.Sort(s.ids)
	s.ids = slices.Compact(s.ids)
	d.statements = append(d.statements, &s)
	return nil
}

// firstTime parses the first text that is not empty, an RFC 3339 time or a day, and returns it in RFC 3339 and UTC; "" when all are empty.
func firstTime(texts ...string) (string, error) {
	text := cmp.Or(texts...)
	if text == "" {
		return "", nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%.40q is no time", text)
}

// source says where a document is from: the file, and what the document calls itself.
func (d *Document) source() string {
	if d.id == "" {
		return d.name
	}
	return d.name + " (" + d.id + ")"
}

// sourcedStatement is a statement with its document.
type sourcedStatement struct {
	*statement
	document *Document
}

func (s sourcedStatement) mark() engine.VEX {
	return engine.VEX{Status: s.status, Justification: engine.Maybe(s.justification), Statement: engine.Maybe(s.impact),
		Action: engine.Maybe(s.action), Source: s.document.source(), Author: engine.Maybe(s.document.author), At: engine.Maybe(s.time)}
}

// byAge orders statements from the oldest to the newest. Of two of the same time, the more severe counts as the newer.
func byAge(a, b sourcedStatement) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(statusRank(a.status), statusRank(b.status)),
		cmp.Compare(a.document.source(), b.document.source()), cmp.Compare(a.justification, b.justification),
		cmp.Compare(a.impact, b.impact), cmp.Compare(a.action, b.action))
}

// Mark sets VEX and VEXStatus of each finding to what the documents say of it, in place of what was there. It fails with an
// engine.LimitError when that takes more than engine.MaxVEXWork comparisons.
func Mark(docs []*Document, f *engine.Facts) error {
	byID := map[string][]sourcedStatement{}
	for _, d := range docs {
		for _, s := range d.statements {
			for _, id := range s.ids {
				byID[id] = append(byID[id], sourcedStatement{s, d})
			}
		}
	}
	m := &marker{facts: f, image: newImage(f)}
	for i := range f.Findings {
		finding := &f.Findings[i]
		finding.VEX, finding.VEXStatus = []engine.VEX{}, ""
		if len(byID) == 0 {
			continue
		}
		if err := m.mark(finding, byID); err != nil {
			return err
		}
	}
	return nil
}

// marker is the state of one Mark.
type marker struct {
	facts    *engine.Facts
	image    image
	compared int // how many products have been compared with findings
}

// mark finds the statements about a finding. Those that name the finding itself answer for all of it; one that names one of several CVEs
// answers for that CVE.
func (m *marker) mark(f *engine.Finding, byID map[string][]sourcedStatement) error {
	var subject *subject
	about := map[*statement]bool{}
	var all []sourcedStatement
	answers := map[string][]sourcedStatement{} // by CVE; "" is the whole finding
	for _, id := range idsOf(f) {
		for _, s := range byID[strings.ToUpper(id)] {
			applies, asked := about[s.statement]
			if !asked {
				if m.compared += len(s.products); m.compared > engine.MaxVEXWork {
					return &engine.LimitError{What: "comparisons of VEX products with findings", Limit: engine.MaxVEXWork}
				}
				if subject == nil {
					subject = m.subject(f)
				}
				applies = s.appliesTo(m.image, subject)
				about[s.statement] = applies
				if applies {
					all = append(all, s)
				}
			}
			if applies {
				cve := ""
				if len(f.CVEs) > 1 && slices.Contains(f.CVEs, id) {
					cve = id
				}
				answers[cve] = append(answers[cve], s)
			}
		}
	}
	slices.SortFunc(all, byAge)
	for _, s := range all {
		f.VEX = append(f.VEX, s.mark())
	}
	answer := newest(f.CVEs, answers)
	f.VEXStatus = engine.Maybe(answer.status)
	if answer.statement != nil && answer.wontFix && f.Fix == "none" {
		f.Fix = "wont_fix"
	}
	return nil
}

// idsOf returns all ids of a finding, each once.
func idsOf(f *engine.Finding) []string {
	ids := slices.Concat([]string{f.ID}, f.Aliases, f.CVEs)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// newest returns the newest answer; its status is "" when there is none. Each of several CVEs needs an answer, and the most severe of them
// holds: while one CVE has none, the finding has none.
func newest(cves []string, answers map[string][]sourcedStatement) sourcedStatement {
	newestOf := func(list []sourcedStatement) sourcedStatement {
		if len(list) == 0 {
			return sourcedStatement{statement: &statement{}}
		}
		return slices.MaxFunc(list, byAge)
	}
	if len(cves) < 2 {
		return newestOf(answers[""])
	}
	var worst sourcedStatement
	for _, cve := range cves {
		s := newestOf(slices.Concat(answers[""], answers[cve]))
		if s.status == "" {
			return s
		}
		if worst.statement == nil || statusRank(s.status) > statusRank(worst.status) {
			worst = s
		}
	}
	return worst
}
