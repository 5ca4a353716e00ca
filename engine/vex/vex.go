// Package vex reads VEX documents, in which vendors and maintainers say whether a vulnerability is of any consequence for a product, and marks the
// findings that their statements are about.
//
// It fails closed: a statement counts only when it is for certain about the finding. One about another image, another version, one of
// several packages or one of several CVEs leaves the finding as it is.
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

// statuses from the most to the least severe.
func statuses() []string { return []string{affected, underInvestigation, fixed, notAffected} }

func severity(status string) int { return len(statuses()) - slices.Index(statuses(), status) }

// Document is one VEX document.
type Document struct {
	name       string // as the user gave it
	id, author string
	statements []*statement
	refs       int // how many products its statements name
}

// statement is one answer about one vulnerability, for some products.
type statement struct {
	ids      []string // of the vulnerability
	products []product
	status   string
	reason   string // one of OpenVEX's justifications
	text     string
	action   string
	wontFix  bool
	at       string // RFC 3339, UTC; "" unknown
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
		return d.cycloneDX(data)
	case kind.Document != nil && kind.Document.Version != "":
		return d.csaf(data, kind.Document.Version)
	case kind.Context != nil:
		return d.openVEX(data)
	}
	return engine.Hint(fmt.Errorf("no VEX document that veto knows"), "OpenVEX 0.2.0 has @context, CycloneDX 1.4 to 1.7 has bomFormat, CSAF 2.0 has document.csaf_version")
}

// decode reads JSON whose keys have been checked. Its errors name the place in the words of the document.
func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// add keeps a statement about vulnerabilities that have ids. One without a product or an id is about nothing, and left out.
func (d *Document) add(s statement) error {
	s.ids = slices.DeleteFunc(s.ids, func(id string) bool { return strings.TrimSpace(id) == "" })
	for i, id := range s.ids {
		s.ids[i] = strings.ToUpper(strings.TrimSpace(id))
	}
	if d.refs += len(s.products); d.refs > engine.MaxVEXProducts {
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

// moment is the first time of texts that is given, in UTC.
func moment(texts ...string) (string, error) {
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

// source says where a statement is from: the file, and what the document calls itself.
func (d *Document) source() string {
	if d.id == "" {
		return d.name
	}
	return d.name + " (" + d.id + ")"
}

// said is a statement with its document.
type said struct {
	*statement
	in *Document
}

func (s said) mark() engine.VEX {
	return engine.VEX{Status: s.status, Justification: engine.Maybe(s.reason), Statement: engine.Maybe(s.text), Action: engine.Maybe(s.action),
		Source: s.in.source(), Author: engine.Maybe(s.in.author), At: engine.Maybe(s.at)}
}

// order is from the oldest to the newest; of the same time, the more severe counts as the newer.
func order(a, b said) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(severity(a.status), severity(b.status)), cmp.Compare(a.in.source(), b.in.source()),
		cmp.Compare(a.reason, b.reason), cmp.Compare(a.text, b.text), cmp.Compare(a.action, b.action))
}

// Mark writes onto findings what the documents say of them, in place of any earlier marks.
func Mark(docs []*Document, f *engine.Facts) error {
	byID := map[string][]said{}
	for _, d := range docs {
		for _, s := range d.statements {
			for _, id := range s.ids {
				byID[id] = append(byID[id], said{s, d})
			}
		}
	}
	m := &marking{facts: f, image: newImage(f)}
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

// marking is one Mark at work.
type marking struct {
	facts *engine.Facts
	image image
	work  int // products compared
}

// mark finds the statements about a finding. Those that name the finding itself speak for all of it; one that names one of several CVEs speaks
// for that CVE.
func (m *marking) mark(f *engine.Finding, byID map[string][]said) error {
	var subject *subject
	about := map[*statement]bool{}
	var all []said
	answers := map[string][]said{} // by CVE; "" is the whole finding
	for _, id := range names(f) {
		for _, s := range byID[strings.ToUpper(id)] {
			applies, asked := about[s.statement]
			if !asked {
				if m.work += len(s.products); m.work > engine.MaxVEXWork {
					return &engine.LimitError{What: "comparisons of VEX products with findings", Limit: engine.MaxVEXWork}
				}
				if subject == nil {
					subject = m.subject(f)
				}
				applies = s.about(m.image, subject)
				about[s.statement] = applies
				if applies {
					all = append(all, s)
				}
			}
			if applies {
				of := ""
				if len(f.CVEs) > 1 && slices.Contains(f.CVEs, id) {
					of = id
				}
				answers[of] = append(answers[of], s)
			}
		}
	}
	slices.SortFunc(all, order)
	for _, s := range all {
		f.VEX = append(f.VEX, s.mark())
	}
	newest := status(f.CVEs, answers)
	f.VEXStatus = engine.Maybe(newest.status)
	if newest.statement != nil && newest.wontFix && f.Fix == "none" {
		f.Fix = "wont_fix"
	}
	return nil
}

// names are all ids of a finding, each once.
func names(f *engine.Finding) []string {
	ids := slices.Concat([]string{f.ID}, f.Aliases, f.CVEs)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// status is the newest answer. Of several CVEs each needs one, and the most severe holds; while one has none, there is none.
func status(cves []string, answers map[string][]said) said {
	newest := func(list []said) said {
		if len(list) == 0 {
			return said{statement: &statement{}}
		}
		return slices.MaxFunc(list, order)
	}
	if len(cves) < 2 {
		return newest(answers[""])
	}
	var worst said
	for _, cve := range cves {
		s := newest(slices.Concat(answers[""], answers[cve]))
		if s.status == "" {
			return s
		}
		if worst.statement == nil || severity(s.status) > severity(worst.status) {
			worst = s
		}
	}
	return worst
}
