package rego

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

func resultKeys() []string {
	return []string{"details", "finding", "findings", "layer", "msg", "path", "subject"}
}

// results reads what a rule says. One wrong shape is an error of the rule: it is never dropped.
func (e *evaluation) results(r *rule, values []any) ([]engine.Result, error) {
	out := make([]engine.Result, 0, len(values))
	for _, v := range values {
		one, err := e.result(v)
		if err != nil {
			return nil, fmt.Errorf("the result %s: %w", short(v), err)
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

func (e *evaluation) result(value any) (engine.Result, error) {
	out := engine.Result{Findings: []string{}}
	switch v := value.(type) {
	case string:
		out.Msg = v
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := e.key(&out, key, v[key]); err != nil {
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
	slices.Sort(out.Findings)
	out.Findings = slices.Compact(out.Findings)
	return out, nil
}

func (e *evaluation) key(out *engine.Result, key string, value any) error {
	s, isText := value.(string)
	switch key {
	case "msg":
		if out.Msg = s; !isText {
			return fmt.Errorf("msg is text, not %s", short(value))
		}
	case "finding":
		return e.refer(out, value)
	case "findings":
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return fmt.Errorf("findings is a list of the input's refs, not %s", short(value))
		}
		for _, v := range list {
			if err := e.refer(out, v); err != nil {
				return err
			}
		}
	case "subject", "path", "layer":
		if !isText && value != nil {
			return fmt.Errorf("%s is text or null, not %s", key, short(value))
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
		return fmt.Errorf("it has the key %q, which veto does not read (%s); what is your own goes under details", key, nearest(key, resultKeys()))
	}
	return nil
}

func (e *evaluation) refer(out *engine.Result, value any) error {
	ref, ok := value.(string)
	if !ok {
		return fmt.Errorf("finding is the ref of a finding or gap, not %s", short(value))
	}
	if _, ok := e.known[ref]; !ok {
		return fmt.Errorf("no finding or gap has the ref %q", ref)
	}
	out.Findings = append(out.Findings, ref)
	return nil
}

// fingerprint names a result across rebuilds: the rule and what the result is about, never the message.
func (e *evaluation) fingerprint(id string, r *engine.Result) string {
	parts := []string{id}
	switch {
	case len(r.Findings) > 0:
		for _, ref := range r.Findings {
			parts = append(parts, e.known[ref])
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

// short shows a value in an error, cut to a length that people read.
func short(v any) string {
	const most = 120
	b, err := json.Marshal(v)
	s := string(b)
	if err != nil {
		s = fmt.Sprint(v)
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
