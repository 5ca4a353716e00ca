// Package document reads documents strictly: JSON of machines, in which no key may stand twice, and YAML files that people write: a mistake
// is a usage error with its place and the nearest known word.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
)

// File names a document in the errors about it.
type File struct{ Name string }

// Parse reads the one YAML document of a file, without aliases: they can make a small file a huge one.
func Parse(name string, data []byte) (File, *yaml.Node, error) {
	f := File{name}
	if len(data) > engine.MaxSettings {
		return f, nil, engine.Usage("%s: %v", name, &engine.LimitError{What: "file size", Limit: engine.MaxSettings})
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return f, nil, engine.Hint(engine.Usage("%s is empty", name), "the least that it holds is `version: 1`")
	} else if err != nil {
		return f, nil, engine.Usage("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return f, nil, engine.Usage("%s: more than one YAML document", name)
	}
	if len(doc.Content) != 1 {
		return f, nil, engine.Usage("%s: no YAML document", name)
	}
	return f, doc.Content[0], f.noAliases(&doc, 0)
}

func (f File) noAliases(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode {
		return f.Errorf(n, "YAML aliases are not supported here")
	}
	if depth > engine.MaxJSONDepth {
		return f.Errorf(n, "%v", &engine.LimitError{What: "nesting", Limit: engine.MaxJSONDepth})
	}
	for _, c := range n.Content {
		if err := f.noAliases(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Errorf makes a usage error with the place of a node.
func (f File) Errorf(n *yaml.Node, format string, args ...any) error {
	return engine.Usage("%s:%d: %s", f.Name, n.Line, fmt.Sprintf(format, args...))
}

// Wrap puts the place before an error and keeps its hint.
func (f File) Wrap(n *yaml.Node, err error) error {
	placed := f.Errorf(n, "%v", err)
	if hint := (*engine.HintError)(nil); errors.As(err, &hint) {
		return engine.Hint(placed, "%s", hint.Hint)
	}
	return placed
}

// Version1 wants a mapping's version to be 1.
func (f File) Version1(top map[string]*yaml.Node) error {
	switch v := top["version"]; {
	case v == nil:
		return engine.Hint(engine.Usage("%s: `version` is missing", f.Name), "add `version: 1`")
	case v.Value != "1":
		return f.Errorf(v, "version %q is not known; this veto reads version 1", v.Value)
	}
	return nil
}

// Text is a scalar that is text and not empty.
func (f File) Text(n *yaml.Node, what string) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" || n.Value == "" {
		return "", f.Errorf(n, "%s must be text", what)
	}
	return n.Value, nil
}

// Word is a text that is one of the known ones.
func (f File) Word(n *yaml.Node, what string, known []string) (string, error) {
	s, err := f.Text(n, what)
	if err == nil && !slices.Contains(known, s) {
		err = f.Wrap(n, engine.UnknownWord(what, s, known))
	}
	return s, err
}

// Flag is true or false, in any of YAML's spellings (YAML 1.2.2, section 10.3.2).
func (f File) Flag(n *yaml.Node, what string) (bool, error) {
	var b bool
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&b) != nil {
		return false, f.Errorf(n, "%s is true or false", what)
	}
	return b, nil
}

// Texts is a list of texts.
func (f File) Texts(n *yaml.Node, what string) ([]string, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, f.Errorf(n, "%s is a list", what)
	}
	var out []string
	for _, item := range n.Content {
		s, err := f.Text(item, "each of "+what)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Mapping returns a mapping's values by key; a key that is there twice or not known is an error. known nil allows any key.
func (f File) Mapping(n *yaml.Node, what string, known []string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, f.Errorf(n, "%s must be a mapping (key: value)", what)
	}
	out := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if known != nil && !slices.Contains(known, k.Value) {
			return nil, f.Wrap(k, engine.UnknownWord("key", k.Value, known))
		}
		if out[k.Value] != nil {
			return nil, f.Errorf(k, "%s has the key %q twice", what, k.Value)
		}
		out[k.Value] = v
	}
	return out, nil
}
