package waiver

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"gopkg.in/yaml.v3"

	"github.com/vetoci/veto/engine"
)

// Entry is a waiver to be written.
type Entry struct {
	Rule    engine.Maybe
	Match   engine.WaiverMatch
	Broad   bool
	Images  []string
	Reason  string
	Owner   string
	Expires string // "2026-12-31"
	Until   engine.Maybe
	Ticket  string
	Origin  string
	Comment string // written above it: what the fingerprint is
}

// Append adds entries to the text of a waiver file, which may be empty, and keeps what is there, comments too.
func Append(old []byte, entries []Entry) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("version: 1\nwaivers: []\n")
	} else if _, err := Parse("the waiver file", old); err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, fmt.Errorf("reading the waiver file: %w", err)
	}
	var list *yaml.Node
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "waivers" {
			list = top.Content[i+1]
		}
	}
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, errors.New("the waiver file has no list of waivers")
	}
	list.Style = 0
	for _, e := range entries {
		list.Content = append(list.Content, e.node())
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&doc), enc.Close()); err != nil {
		return nil, fmt.Errorf("writing the waiver file: %w", err)
	}
	return b.Bytes(), nil
}

func (e Entry) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, HeadComment: e.Comment}
	add := func(to *yaml.Node, key, value string) {
		if value != "" {
			to.Content = append(to.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, text(value))
		}
	}
	add(n, "rule", string(e.Rule))
	match := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	add(match, "vuln", string(e.Match.Vuln))
	add(match, "purl", string(e.Match.PURL))
	add(match, "path", string(e.Match.Path))
	add(match, "fingerprint", string(e.Match.Fingerprint))
	if len(match.Content) > 0 {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "match"}, match)
	}
	if e.Broad {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "broad"}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	if len(e.Images) > 0 {
		images := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, g := range e.Images {
			images.Content = append(images.Content, text(g))
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "images"}, images)
	}
	add(n, "reason", e.Reason)
	add(n, "owner", e.Owner)
	add(n, "expires", e.Expires)
	add(n, "until", string(e.Until))
	add(n, "ticket", e.Ticket)
	add(n, "origin", e.Origin)
	return n
}

// text is a scalar that reads back as text, whatever it looks like.
func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// Baseline makes an entry from the template for everything that the run denies and a waiver may accept: for each finding by its
// fingerprint, for a result without one by rule and fingerprint. Sorted, each once.
func Baseline(run *engine.Run, template Entry) []Entry {
	template.Origin = "baseline"
	byKey := map[string]Entry{}
	for i := range run.Reports {
		names := map[string][2]string{} // ref to fingerprint and name
		for _, v := range run.Reports[i].Findings {
			names[v.Ref] = [2]string{v.Fingerprint, v.ID + " in " + v.Package.Name}
		}
		for _, c := range run.Reports[i].Coverage {
			names[c.Ref] = [2]string{c.Fingerprint, string(c.Kind) + " " + string(c.Path+c.Subject)}
		}
		for _, rule := range run.Reports[i].Decision.Rules {
			if rule.Status != engine.StatusDeny || !rule.Waivable {
				continue
			}
			for _, res := range rule.Results {
				if res.WaivedBy != "" {
					continue
				}
				for _, ref := range res.Findings {
					e := template
					e.Match.Fingerprint, e.Comment = engine.Maybe(names[ref][0]), names[ref][1]
					byKey[names[ref][0]] = e
				}
				if len(res.Findings) == 0 {
					e := template
					e.Rule, e.Match.Fingerprint, e.Comment = engine.Maybe(rule.ID), engine.Maybe(res.Fingerprint), rule.Title
					byKey[rule.ID+res.Fingerprint] = e
				}
			}
		}
	}
	keys := make([]string, 0, len(byKey))
	for k := range byKey {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := make([]Entry, 0, len(keys))
	for _, k := range keys {
		out = append(out, byKey[k])
	}
	return out
}
