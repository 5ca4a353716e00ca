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
	effectiveOn time.Time // before it a deny only warns; zero is at once
	params      map[string]Parameter
}

func customKeys() []string {
	return []string{"aliases", "categories", "effective_on", "id", "params", "remediation", "severity", "waivable"}
}

// readMetadata reads the METADATA of a rule: one block, before any of its bodies. A rule of the library must have a title.
func (p *program) readMetadata(r *rule) {
	r.meta = metadata{waivable: true, params: map[string]Parameter{}}
	var blocks []*ast.Annotations
	for _, body := range r.bodies {
		blocks = append(blocks, body.Annotations...)
	}
	for _, body := range r.skips {
		for _, a := range body.Annotations {
			p.issues.addAt(a.Location, "", "METADATA of a skip is not read; it goes to the rule %s itself", r.id)
		}
	}
	for _, more := range blocks[min(1, len(blocks)):] {
		p.issues.addAt(more.Location, "", "the rule %s has METADATA at line %d too; one block describes a rule", r.id, blocks[0].Location.Row)
	}
	if len(blocks) > 0 {
		a := blocks[0]
		r.meta.title, r.meta.description = a.Title, a.Description
		if len(a.RelatedResources) > 0 {
			r.meta.url = a.RelatedResources[0].Ref.String()
		}
		for _, key := range slices.Sorted(maps.Keys(a.Custom)) {
			if err := r.setCustom(key, a.Custom[key]); err != nil {
				p.issues.addAt(a.Location, hintOf(err), "METADATA of %s: %v", r.id, err)
			}
		}
	}
	if r.meta.title == "" && r.set.library {
		p.issues.addAt(r.loc, "put a METADATA comment with a title before it", "the rule %s has no title", r.id)
	}
}

// setCustom reads one key of METADATA custom.
func (r *rule) setCustom(key string, value any) (err error) {
	m := &r.meta
	switch key {
	case "severity":
		return m.setSeverity(value)
	case "remediation":
		m.remediation, err = stringValue(key, value)
	case "categories":
		m.categories, err = stringList(key, value)
	case "aliases":
		if m.aliases, err = stringList(key, value); err == nil {
			for _, alias := range m.aliases {
				if !ruleIDPattern.MatchString(alias) {
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
		m.effectiveOn, err = parseTime(value)
	case "params":
		m.params, err = parseParameters(value)
	case "id":
		if s, ok := value.(string); !ok || !ruleIDPattern.MatchString(s) || s != r.id {
			return fmt.Errorf("custom.id %v is not the id of the rule, %q", value, r.id)
		}
	default:
		return engine.UnknownWord("key of custom", key, customKeys())
	}
	return err
}

func (m *metadata) setSeverity(value any) error {
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

// stringValue reads a key of METADATA custom that is text.
func stringValue(key string, value any) (string, error) {
	s, ok := value.(string)
	if !ok || s == "" {
		return "", fmt.Errorf("custom.%s is text, not %v", key, value)
	}
	return s, nil
}

// stringList reads a key of METADATA custom that is a list of texts.
func stringList(key string, value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("custom.%s is a list, not %v", key, value)
	}
	var out []string
	for _, v := range list {
		s, err := stringValue(key, v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// parseTime reads a day (its start, UTC) or an RFC 3339 time.
func parseTime(value any) (time.Time, error) {
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
