package waiver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

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

// file names the text in errors about what Append was given or makes.
const file = "the waiver file"

// Append adds entries to the text of a waiver file, which may be empty. Where the file ends with its list of waivers, what is there
// stays byte for byte; else it is written anew, with its comments. What comes back has been read again: it says what it did, and the
// entries.
func Append(old []byte, entries []Entry) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("version: 1\nwaivers: []\n")
	}
	before, err := Parse(file, old)
	if err != nil {
		return nil, err
	}
	alone, err := encode([]byte("version: 1\nwaivers: []\n"), entries)
	if err != nil {
		return nil, err
	}
	added, err := Parse("the new waivers", alone)
	if err != nil {
		return nil, err
	}
	if text, ok, err := insert(old, entries); err != nil {
		return nil, err
	} else if ok && says(text, before, added) {
		return text, nil
	}
	text, err := encode(old, entries)
	if err != nil {
		return nil, err
	}
	if !says(text, before, added) {
		return nil, errors.New("writing the waiver file: it would not say the same any more; add the waivers by hand")
	}
	return text, nil
}

// says reports whether a text holds the waivers of both files, in this order.
func says(text []byte, before, added *File) bool {
	after, err := Parse(file, text)
	if err != nil {
		return false
	}
	ids := func(ws []engine.Waiver) (out []string) {
		for _, w := range ws {
			out = append(out, w.ID)
		}
		return out
	}
	return slices.Equal(ids(after.waivers), append(ids(before.waivers), ids(added.waivers)...))
}

// listOf finds the list of waivers, and says whether it is the last thing in the file.
func listOf(doc *yaml.Node) (list *yaml.Node, last bool) {
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "waivers" {
			return top.Content[i+1], i+2 == len(top.Content)
		}
	}
	return nil, false
}

// insert adds entries below a list at the end of the file, in its own indentation. ok is false where that cannot be done.
func insert(old []byte, entries []Entry) (text []byte, ok bool, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, false, fmt.Errorf("reading the waiver file: %w", err)
	}
	list, last := listOf(&doc)
	if list == nil || !last || len(list.Content) == 0 || list.Style&yaml.FlowStyle != 0 || doc.Content[0].Style&yaml.FlowStyle != 0 {
		return nil, false, nil
	}
	more := &yaml.Node{Kind: yaml.SequenceNode}
	for _, e := range entries {
		more.Content = append(more.Content, e.node())
	}
	lines, err := marshal(more)
	if err != nil {
		return nil, false, err
	}
	text = append(bytes.TrimRight(bytes.Clone(old), "\n"), '\n')
	margin := strings.Repeat(" ", max(list.Column-1, 0))
	for line := range strings.Lines(string(lines)) {
		if line != "\n" {
			line = margin + line
		}
		text = append(text, line...)
	}
	return text, true, nil
}

// encode writes the whole file anew.
func encode(old []byte, entries []Entry) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, fmt.Errorf("reading the waiver file: %w", err)
	}
	list, _ := listOf(&doc)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, errors.New("the waiver file has no list of waivers")
	}
	list.Style = 0
	for _, e := range entries {
		list.Content = append(list.Content, e.node())
	}
	return marshal(&doc)
}

func marshal(n *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(n), enc.Close()); err != nil {
		return nil, fmt.Errorf("writing the waiver file: %w", err)
	}
	return b.Bytes(), nil
}

// maxComment is in characters: names of packages come from images.
const maxComment = 200

// remark makes one harmless line of a comment; the YAML encoder takes what it is given, and fails at bytes that are no UTF-8.
func remark(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxComment {
		s = string(r[:maxComment]) + "…"
	}
	return strings.TrimSpace(s)
}

func (e Entry) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, HeadComment: remark(e.Comment)}
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
		for _, c := range run.Reports[i].Gaps {
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
