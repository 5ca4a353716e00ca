package rego

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/vetoci/veto/engine"
)

// metadata is what the METADATA of a rule says.
type metadata struct {
	title       string
	description string
	url         string
	severity    string
	remediation string
	categories  []string
	aliases     []string
	waivable    bool
	effective   time.Time // zero: at once
	params      map[string]Parameter
}

func customKeys() []string {
	return []string{"aliases", "categories", "effective_on", "id", "params", "remediation", "severity", "waivable"}
}

// describe reads the METADATA of a rule, which one of its bodies carries.
func (p *program) describe(r *rule) {
	r.meta = metadata{waivable: true, params: map[string]Parameter{}}
	var said []*ast.Annotations
	for _, body := range r.bodies {
		said = append(said, body.Annotations...)
	}
	for _, body := range r.skips {
		for _, a := range body.Annotations {
			p.problems.at(a.Location, "", "METADATA of a skip is not read; it goes to the rule %s itself", r.id)
		}
	}
	for _, more := range said[min(1, len(said)):] {
		p.problems.at(more.Location, "", "the rule %s has METADATA at line %d too; one block describes a rule", r.id, said[0].Location.Row)
	}
	if len(said) > 0 {
		a := said[0]
		r.meta.title, r.meta.description = a.Title, a.Description
		if len(a.RelatedResources) > 0 {
			r.meta.url = a.RelatedResources[0].Ref.String()
		}
		for _, key := range slices.Sorted(maps.Keys(a.Custom)) {
			if err := r.custom(key, a.Custom[key]); err != nil {
				i := Issue{File: a.Location.File, Line: a.Location.Row, Col: a.Location.Col}
				i.Text, i.Hint = fmt.Sprintf("METADATA of %s: %v", r.id, err), hintOf(err)
				p.problems.add(i)
			}
		}
	}
	if r.meta.title == "" {
		i := Issue{File: r.loc.File, Line: r.loc.Row, Col: r.loc.Col, Severity: "warning", Text: fmt.Sprintf("the rule %s has no title", r.id),
			Hint: "put a METADATA comment with a title before it"}
		if r.owner.library {
			i.Severity = "error"
		}
		p.problems.add(i)
	}
}

// custom reads one key of METADATA custom.
func (r *rule) custom(key string, value any) (err error) {
	m := &r.meta
	switch key {
	case "severity":
		return m.level(value)
	case "remediation":
		m.remediation, err = text(key, value)
	case "categories":
		m.categories, err = texts(key, value)
	case "aliases":
		if m.aliases, err = texts(key, value); err == nil {
			for _, alias := range m.aliases {
				if !kebab.MatchString(alias) {
					return fmt.Errorf("the alias %q is no rule id", alias)
				}
			}
		}
	case "waivable":
		var ok bool
		if m.waivable, ok = value.(bool); !ok {
			m.waivable = true
			return fmt.Errorf("custom.waivable is true or false, not %v", value)
		}
	case "effective_on":
		m.effective, err = moment(value)
	case "params":
		m.params, err = declared(value)
	case "id":
		if s, ok := value.(string); !ok || !kebab.MatchString(s) || s != r.id {
			return fmt.Errorf("custom.id %v is not the id of the rule, %q", value, r.id)
		}
	default:
		return engine.UnknownWord("key of custom", key, customKeys())
	}
	return err
}

func (m *metadata) level(value any) error {
	var known []string
	for _, l := range engine.Levels() {
		known = append(known, string(l))
	}
	s, ok := value.(string)
	if !ok || !slices.Contains(known, s) {
		return engine.UnknownWord("severity", fmt.Sprint(value), known)
	}
	m.severity = s
	return nil
}

func text(key string, value any) (string, error) {
	s, ok := value.(string)
	if !ok || s == "" {
		return "", fmt.Errorf("custom.%s is text, not %v", key, value)
	}
	return s, nil
}

func texts(key string, value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("custom.%s is a list, not %v", key, value)
	}
	var out []string
	for _, v := range list {
		s, err := text(key, v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// moment reads a day (its start, UTC) or an RFC 3339 time.
func moment(value any) (time.Time, error) {
	if t, ok := value.(time.Time); ok { // YAML without quotes
		return t.UTC(), nil
	}
	s, _ := value.(string)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("custom.effective_on %v is no date; write 2026-12-31 or 2026-12-31T00:00:00Z", value)
}
