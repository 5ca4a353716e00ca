package rego

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego/lint"
)

// parseResults turns the values of a rule's set into results, sorted. A value that is no result is the rule's error: none is dropped.
func (e *evaluation) parseResults(r *rule, values []any) ([]engine.Result, error) {
	out := make([]engine.Result, 0, len(values))
	for _, v := range values {
		one, err := e.parseResult(v)
		if err != nil {
			return nil, fmt.Errorf("the result %s: %w", jsonExcerpt(v), err)
		}
		one.Fingerprint = e.fingerprint(r.id, &one)
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b engine.Result) int {
		return cmp.Or(slices.Compare(a.Findings, b.Findings), strings.Compare(string(a.Subject), string(b.Subject)),
			strings.Compare(string(a.Path), string(b.Path)), strings.Compare(string(a.Layer), string(b.Layer)), strings.Compare(a.Msg, b.Msg))
	})
	return out, nil
}

// parseResult reads one result: a message, or an object with a message.
func (e *evaluation) parseResult(value any) (engine.Result, error) {
	out := engine.Result{Findings: []string{}}
	switch v := value.(type) {
	case string:
		out.Msg = v
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := e.setField(&out, key, v[key]); err != nil {
				return out, err
			}
		}
		if v["finding"] != nil && v["findings"] != nil {
			return out, errors.New("it has both finding and findings")
		}
	default:
		return out, errors.New("a result is text or {msg, finding, findings, subject, path, layer, details}")
	}
	if strings.TrimSpace(out.Msg) == "" {
		return out, errors.New("it has no msg")
	}
	for _, s := range []string{out.Msg, string(out.Subject), string(out.Path), string(out.Layer)} {
		if len(s) > engine.MaxResultText {
			return out, &engine.LimitError{What: "bytes of a text of a result", Limit: engine.MaxResultText}
		}
	}
	slices.Sort(out.Findings)
	out.Findings = slices.Compact(out.Findings)
	return out, nil
}

// setField reads one key of a result.
func (e *evaluation) setField(out *engine.Result, key string, value any) error {
	s, isText := value.(string)
	switch key {
	case "msg":
		if out.Msg = s; !isText {
			return fmt.Errorf("msg is text, not %s", jsonExcerpt(value))
		}
	case "finding":
		return e.addRef(out, value)
	case "findings":
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return fmt.Errorf("findings is a list of the input's refs, not %s", jsonExcerpt(value))
		}
		for _, v := range list {
			if err := e.addRef(out, v); err != nil {
				return err
			}
		}
	case "subject", "path", "layer":
		if !isText && value != nil {
			return fmt.Errorf("%s is text or null, not %s", key, jsonExcerpt(value))
		}
		switch key {
		case "subject":
			out.Subject = engine.Maybe(s)
		case "path":
			out.Path = engine.Maybe(s)
		default:
			out.Layer = engine.Maybe(s)
		}
	case "details":
		out.Details = value
	default:
		hint := hintOf(engine.UnknownWord("key", key, lint.ResultKeys()))
		return fmt.Errorf("it has the key %q, which veto does not read (%s); what is your own goes under details", key, hint)
	}
	return nil
}

// addRef adds a reference to a finding, secret or gap of the input.
func (e *evaluation) addRef(out *engine.Result, value any) error {
	ref, ok := value.(string)
	if !ok {
		return fmt.Errorf("finding is the ref of a finding or gap, not %s", jsonExcerpt(value))
	}
	if _, ok := e.fingerprints[ref]; !ok {
		return fmt.Errorf("no finding or gap has the ref %q", ref)
	}
	out.Findings = append(out.Findings, ref)
	return nil
}

// fingerprint names a result across rebuilds, by the rule and by what the result is about: its findings, else its subject and path. The
// message may change.
func (e *evaluation) fingerprint(id string, r *engine.Result) string {
	parts := []string{id}
	switch {
	case len(r.Findings) > 0:
		for _, ref := range r.Findings {
			parts = append(parts, e.fingerprints[ref])
		}
		slices.Sort(parts[1:])
	default:
		if r.Subject != "" {
			parts = append(parts, "subject", string(r.Subject))
		}
		if r.Path != "" {
			parts = append(parts, "path", engine.PathClass(string(r.Path)))
		}
	}
	return engine.Fingerprint(parts...)
}

// jsonExcerpt is the beginning of a value as JSON, for an error: 120 bytes at most, so that it stays a sentence.
func jsonExcerpt(v any) string {
	const limit = 120
	s := toJSON(v)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
