package rego

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
)

// parse parses every policy and decodes every data file.
func (p *program) parse() {
	p.modules, p.owners, p.data = map[string]*ast.Module{}, map[string]*file{}, map[string]any{}
	options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	from := map[string]*file{} // of each data root
	for _, s := range p.sources {
		for _, f := range s.files {
			if isData(f.rel) {
				p.document(f, from)
				continue
			}
			if other := p.owners[f.name]; other != nil {
				p.problems.err(f.name, errors.New("the file is in two of the policy paths"))
				continue
			}
			mod, err := ast.ParseModuleWithOpts(f.name, string(f.text), options)
			switch {
			case err != nil:
				p.problems.parsed(f.name, err)
			case mod == nil:
				p.problems.err(f.name, errors.New("the file holds no policy"))
			default:
				p.modules[f.name], p.owners[f.name] = mod, f
			}
		}
	}
	p.packages(from)
}

// packages holds "one package, one source", and keeps the roots that are veto's own.
func (p *program) packages(data map[string]*file) {
	owner := map[string]*file{}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		mod, f := p.modules[name], p.owners[name]
		pkg := packageName(mod)
		root, _, _ := strings.Cut(pkg, ".")
		loc := mod.Package.Location
		switch first := owner[pkg]; {
		case root == "veto" && !f.source.library:
			p.problems.at(loc, "name the package otherwise", "package %s: packages below veto are those of veto's library", pkg)
		case root == "params" || root == "system":
			p.problems.at(loc, "name the package otherwise", "package %s: data.%s is veto's own", pkg, root)
		case first != nil && first.source != f.source:
			p.problems.at(loc, "name the package otherwise", "package %s is in %s too; a package has one source", pkg, first.name)
		case first == nil:
			owner[pkg] = f
		}
		if d := data[root]; d != nil {
			p.problems.at(loc, "rename one of them", "package %s and the data of %s overlap", pkg, d.name)
		}
	}
}

// packageName is "veto.vulnerabilities".
func packageName(mod *ast.Module) string {
	return strings.TrimPrefix(mod.Package.Path.String(), "data.")
}

// document adds the top-level keys of a data file to data.
func (p *program) document(f *file, from map[string]*file) {
	doc, err := decode(f)
	if err != nil {
		p.problems.err(f.name, err)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		switch {
		case key == "params" || key == "system" || key == "veto":
			p.problems.err(f.name, fmt.Errorf("data.%s is veto's own", key))
		case from[key] != nil:
			p.problems.err(f.name, fmt.Errorf("data.%s is in %s too", key, from[key].name))
		default:
			p.data[key], from[key] = doc[key], f
		}
	}
}

func decode(f *file) (map[string]any, error) {
	var value any
	if strings.HasSuffix(f.rel, ".json") {
		dec := json.NewDecoder(bytes.NewReader(f.text))
		dec.UseNumber()
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("reading JSON: %w", err)
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("more than one JSON document")
		}
	} else {
		dec := yaml.NewDecoder(bytes.NewReader(f.text))
		if err := dec.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading YAML: %w", err)
		}
		if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
			return nil, errors.New("more than one YAML document")
		}
	}
	value, err := plain(value, 0)
	if err != nil {
		return nil, err
	}
	doc, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("a data file is a mapping; its keys become data.KEY")
	}
	return doc, nil
}

// readSchema decodes the input's schema.
func (p *program) readSchema() {
	if len(p.o.Schema) == 0 {
		p.problems.err("", errors.New("the schema of the input is missing"))
		return
	}
	if err := json.Unmarshal(p.o.Schema, &p.schema); err != nil {
		p.problems.err("", fmt.Errorf("reading the schema of the input: %w", err))
	}
}

// nearest is the hint of UnknownWord alone.
func nearest(word string, known []string) string {
	slices.Sort(known)
	var h *engine.HintError
	if errors.As(engine.UnknownWord("", word, known), &h) {
		return h.Hint
	}
	return ""
}
