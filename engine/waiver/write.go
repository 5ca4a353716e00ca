package waiver

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
)

// Draft is a waiver to be written. Reason, Owner and Expires are needed, and Match or Rule.
type Draft struct {
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
	Comment string // written above it: what the fingerprint stands for
}

// fileName is what errors call the text that Append is given or makes.
const fileName = "the waiver file"

// Append adds drafts to the text of a waiver file, which may be empty. Where the file ends with its list of waivers, what is there
// stays byte for byte; else the file is written anew, with its comments. The result has been parsed again, and holds the old waivers and
// the new ones.
func Append(old []byte, drafts []Draft) ([]byte, error) {
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("version: 1\nwaivers: []\n")
	}
	before, err := Parse(fileName, old)
	if err != nil {
		return nil, err
	}
	alone, err := encode([]byte("version: 1\nwaivers: []\n"), drafts)
	if err != nil {
		return nil, err
	}
	added, err := Parse("the new waivers", alone)
	if err != nil {
		return nil, err
	}
	if text, ok, err := insert(old, drafts); err != nil {
		return nil, err
	} else if ok && holdsBoth(text, before, added) {
		return text, nil
	}
	text, err := encode(old, drafts)
	if err != nil {
		return nil, err
	}
	if !holdsBoth(text, before, added) {
		return nil, errors.New("writing the waiver file: it would not say the same any more; add the waivers by hand")
	}
	return text, nil
}

// holdsBoth says whether a text holds the waivers of both files, in this order.
func holdsBoth(text []byte, before, added *File) bool {
	after, err := Parse(fileName, text)
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

// waiverList finds the list of waivers, and says whether it is the last key of the file.
func waiverList(doc *yaml.Node) (list *yaml.Node, last bool) {
	top := doc.Content[0]
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "waivers" {
			return top.Content[i+1], i+2 == len(top.Content)
		}
	}
	return nil, false
}

// insert adds drafts below a list at the end of the file, in the list's indentation. ok is false where that cannot be done.
func insert(old []byte, drafts []Draft) (text []byte, ok bool, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, false, fmt.Errorf("reading the waiver file: %w", err)
	}
	list, last := waiverList(&doc)
	if list == nil || !last || len(list.Content) == 0 || list.Style&yaml.FlowStyle != 0 || doc.Content[0].Style&yaml.FlowStyle != 0 {
		return nil, false, nil
	}
	more := &yaml.Node{Kind: yaml.SequenceNode}
	for _, d := range drafts {
		more.Content = append(more.Content, d.node())
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
func encode(old []byte, drafts []Draft) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return nil, fmt.Errorf("reading the waiver file: %w", err)
	}
	list, _ := waiverList(&doc)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil, errors.New("the waiver file has no list of waivers")
	}
	list.Style = 0
	for _, d := range drafts {
		list.Content = append(list.Content, d.node())
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

// maxComment bounds a comment, in characters: it shows names of packages, which come from images. A longer one is cut.
const maxComment = 200

// commentLine makes one harmless line of a comment. The YAML encoder writes what it is given, line ends too, and fails at bytes that are
// no UTF-8.
func commentLine(s string) string {
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

func (d Draft) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, HeadComment: commentLine(d.Comment)}
	add := func(to *yaml.Node, key, value string) {
		if value != "" {
			to.Content = append(to.Content, textNode(key), textNode(value))
		}
	}
	add(n, "rule", string(d.Rule))
	match := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	add(match, "vuln", string(d.Match.Vuln))
	add(match, "purl", string(d.Match.PURL))
	add(match, "path", string(d.Match.Path))
	add(match, "fingerprint", string(d.Match.Fingerprint))
	if len(match.Content) > 0 {
		n.Content = append(n.Content, textNode("match"), match)
	}
	if d.Broad {
		n.Content = append(n.Content, textNode("broad"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	if len(d.Images) > 0 {
		images := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, g := range d.Images {
			images.Content = append(images.Content, textNode(g))
		}
		n.Content = append(n.Content, textNode("images"), images)
	}
	add(n, "reason", d.Reason)
	add(n, "owner", d.Owner)
	add(n, "expires", d.Expires)
	add(n, "until", string(d.Until))
	add(n, "ticket", d.Ticket)
	add(n, "origin", d.Origin)
	return n
}

// textNode makes a scalar that is read back as text, also when it looks like a number or a boolean.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
