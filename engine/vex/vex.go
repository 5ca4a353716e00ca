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
	"strconv"
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
	format     string // and version: of two documents of one format and id, the higher version is the author's word
	version    string
	statements []*statement
	products   int // how many products its statements name, bounded by engine.MaxVEXProducts
}

// statement says the status of some products for one vulnerability.
type statement struct {
	names         []string // what it calls the vulnerability, in upper case; more than one has to mean the same
	aliases       []string // what else the vulnerability is called, in upper case
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
	s.names, s.aliases = plainIDs(s.names), plainIDs(s.aliases)
	if d.products += len(s.products); d.products > engine.MaxVEXProducts {
		return &engine.LimitError{What: "products of a VEX document", Limit: engine.MaxVEXProducts}
	}
	if len(s.names)+len(s.aliases) == 0 || len(s.products) == 0 {
		return nil
	}
	d.statements = append(d.statements, &s)
	return nil
}

// plainIDs returns ids as they are compared: in upper case, without blanks, sorted, each once.
func plainIDs(ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if id = strings.ToUpper(strings.TrimSpace(id)); id != "" {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
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

// maxClockSkew is how far ahead of this machine's clock the time of a statement may be.
const maxClockSkew = 24 * time.Hour

// Mark sets VEX and VEXStatus of each finding to what the documents say of it at the time now, in place of what was there: what later
// versions of a document replace does not count, nor does what a document will say one day in a finding's favour. It fails with an
// engine.LimitError when that takes more than engine.MaxVEXWork comparisons.
func Mark(docs []*Document, f *engine.Facts, now time.Time) error {
	byID := map[string][]sourcedStatement{}
	latest := now.UTC().Add(maxClockSkew).Format(time.RFC3339)
	for _, d := range current(docs) {
		for _, s := range d.statements {
			if s.time > latest && (s.status == notAffected || s.status == fixed) {
				continue
			}
			for _, id := range plainIDs(slices.Concat(s.names, s.aliases)) {
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

// current returns the documents that no later version of theirs replaces.
func current(docs []*Document) []*Document {
	type identity struct{ format, id string }
	newest := map[identity]string{}
	for _, d := range docs {
		key := identity{d.format, d.id}
		if have, known := newest[key]; !known || compareVersions(d.version, have) > 0 {
			newest[key] = d.version
		}
	}
	var out []*Document
	for _, d := range docs {
		if d.id == "" || compareVersions(d.version, newest[identity{d.format, d.id}]) == 0 {
			out = append(out, d)
		}
	}
	return out
}

// compareVersions compares the numbers of two versions of a document: "2", "1.10.0" (CSAF 2.0, 3.1.11). What follows "-" or "+" counts for
// nothing, and what is no number is 0.
func compareVersions(a, b string) int {
	numbers := func(v string) (out [3]int) {
		v, _, _ = strings.Cut(v, "+")
		v, _, _ = strings.Cut(v, "-")
		for i, part := range strings.SplitN(v, ".", 3) {
			out[i], _ = strconv.Atoi(part)
		}
		return out
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:])
}
