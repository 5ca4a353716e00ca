package vex

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// OpenVEX 0.2.0 (github.com/openvex/spec, OPENVEX-SPEC.md).
type openVEX struct {
	Context    string             `json:"@context"`
	ID         string             `json:"@id"`
	Author     string             `json:"author"`
	Timestamp  string             `json:"timestamp"`
	Updated    string             `json:"last_updated"`
	Version    json.RawMessage    `json:"version"`
	Statements []openVEXStatement `json:"statements"`
}

type openVEXStatement struct {
	Vulnerability struct {
		ID      string   `json:"@id"`
		Name    string   `json:"name"`
		Aliases []string `json:"aliases"`
	} `json:"vulnerability"`
	Timestamp     string           `json:"timestamp"`
	Updated       string           `json:"last_updated"`
	Products      []openVEXProduct `json:"products"`
	Status        string           `json:"status"`
	Notes         string           `json:"status_notes"`
	Justification string           `json:"justification"`
	Impact        string           `json:"impact_statement"`
	Action        string           `json:"action_statement"`
}

type openVEXProduct struct {
	openVEXComponent
	Parts []openVEXComponent `json:"subcomponents"`
}

type openVEXComponent struct {
	ID          string            `json:"@id"`
	Identifiers map[string]string `json:"identifiers"`
	Hashes      map[string]string `json:"hashes"`
}

const openVEXContext = "https://openvex.dev/ns/v0.2.0"

// justifications are OpenVEX's labels (OPENVEX-SPEC.md, "Status Justifications"), which CSAF shares.
func justifications() []string {
	return []string{"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
		"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"}
}

// parseOpenVEX reads a document of OpenVEX 0.2.0; of another version it is an error.
func (d *Document) parseOpenVEX(data []byte) error {
	var context struct {
		Context json.RawMessage `json:"@context"`
	}
	if err := decode(data, &context); err != nil {
		return err
	}
	if string(context.Context) != `"`+openVEXContext+`"` {
		return engine.Hint(fmt.Errorf("@context: %.80s is not OpenVEX 0.2.0", context.Context), "veto reads %q", openVEXContext)
	}
	var doc openVEX
	if err := decode(data, &doc); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(doc.ID) == "":
		return errors.New("@id: it has none")
	case strings.TrimSpace(doc.Author) == "":
		return errors.New("author: it has none")
	case doc.Timestamp == "":
		return errors.New("timestamp: it has none")
	case len(doc.Statements) == 0:
		return errors.New("statements: it has none")
	case len(doc.Statements) > engine.MaxVEXStatements:
		return &engine.LimitError{What: "number of statements", Limit: engine.MaxVEXStatements}
	}
	d.id, d.author = doc.ID, doc.Author
	d.format, d.version = "OpenVEX", strings.Trim(string(doc.Version), `"`)
	for i, in := range doc.Statements {
		s, err := in.statement(doc.Timestamp)
		if err == nil {
			err = d.add(s)
		}
		if err != nil {
			return fmt.Errorf("statements[%d]: %w", i, err)
		}
	}
	return nil
}

// statement checks and converts one statement. Without a time of its own it has the document's, inherited.
func (in openVEXStatement) statement(inherited string) (s statement, err error) {
	v := in.Vulnerability
	if v.Name == "" && v.ID == "" {
		return s, errors.New("vulnerability: it has no name")
	}
	s = statement{names: []string{v.Name, lastSegment(v.ID)}, aliases: v.Aliases, status: in.Status, justification: in.Justification,
		impact: cmp.Or(in.Impact, in.Notes), action: in.Action}
	if !slices.Contains(statuses(), in.Status) {
		return s, engine.UnknownWord("status", in.Status, statuses())
	}
	if in.Justification != "" && !slices.Contains(justifications(), in.Justification) {
		return s, engine.UnknownWord("justification", in.Justification, justifications())
	}
	if in.Status == notAffected && in.Justification == "" && !says(in.Impact) {
		return s, errors.New("not_affected needs a justification or an impact_statement")
	}
	if s.time, err = firstTime(in.Updated, in.Timestamp, inherited); err != nil {
		return s, fmt.Errorf("timestamp: %w", err)
	}
	for _, p := range in.Products {
		whole := p.component().settle()
		if len(p.Parts) == 0 {
			s.products = append(s.products, whole)
		}
		for _, part := range p.Parts {
			inner := part.component().settle()
			inner.within = slices.Concat(inner.within, whole.within, []component{whole.component})
			s.products = append(s.products, inner)
		}
	}
	return s, nil
}

// lastSegment returns the last part of an IRI: "https://nvd.nist.gov/vuln/detail/CVE-2023-1" names CVE-2023-1.
func lastSegment(iri string) string { return iri[strings.LastIndexAny(iri, "/#")+1:] }

func (c openVEXComponent) component() (out component) {
	out.addID(c.ID)
	for _, kind := range slices.Sorted(maps.Keys(c.Identifiers)) {
		value := c.Identifiers[kind]
		switch {
		case kind == "purl":
			out.addPURL(value)
		case (kind == "cpe22" || kind == "cpe23") && hasScheme(value, "cpe"):
			out.cpes = append(out.cpes, value)
		default:
			out.unmatchable = true
		}
	}
	for algorithm, value := range c.Hashes {
		out.addHash(algorithm, value)
	}
	return out
}
