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
)

// parse parses every policy and decodes every data file.
func (p *program) parse() {
	p.modules, p.files, p.data = map[string]*ast.Module{}, map[string]*file{}, map[string]any{}
	options := ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities()}
	dataFiles := map[string]*file{} // by the top-level key that they define
	for _, s := range p.sets {
		for _, f := range s.files {
			if isData(f.path) {
				p.addData(f, dataFiles)
				continue
			}
			if other := p.files[f.name]; other != nil {
				p.issues.addError(f.name, errors.New("the file is in two of the policy paths"))
				continue
			}
			mod, err := ast.ParseModuleWithOpts(f.name, string(f.text), options)
			switch {
			case err != nil:
				p.issues.addParserErrors(f.name, err)
			case mod == nil:
				p.issues.addError(f.name, errors.New("the file holds no policy"))
			default:
				p.modules[f.name], p.files[f.name] = mod, f
			}
		}
	}
	p.checkPackages(dataFiles)
}

// checkPackages refuses a package that two policy paths define, one whose name is veto's own, and one that data would hide.
func (p *program) checkPackages(dataFiles map[string]*file) {
	definedIn := map[string]*file{}
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		mod, f := p.modules[name], p.files[name]
		pkg := packageName(mod)
		root, _, _ := strings.Cut(pkg, ".")
		loc := mod.Package.Location
		switch first := definedIn[pkg]; {
		case root == "veto" && !f.set.library:
			p.issues.addAt(loc, "name the package otherwise", "package %s: packages below veto are those of veto's library", pkg)
		case root == "params" || root == "system":
			p.issues.addAt(loc, "name the package otherwise", "package %s: data.%s is veto's own", pkg, root)
		case first != nil && first.set != f.set:
			p.issues.addAt(loc, "name the package otherwise", "package %s is in %s too; a package has one source", pkg, first.name)
		case first == nil:
			definedIn[pkg] = f
		}
		if d := dataFiles[root]; d != nil {
			p.issues.addAt(loc, "rename one of them", "package %s and the data of %s overlap", pkg, d.name)
		}
	}
}

// packageName is a package's path below data: "veto.vulnerabilities".
func packageName(mod *ast.Module) string {
	return strings.TrimPrefix(mod.Package.Path.String(), "data.")
}

// addData adds the top-level keys of a data file to data, and the file to dataFiles under each.
func (p *program) addData(f *file, dataFiles map[string]*file) {
	doc, err := decodeData(f)
	if err != nil {
		p.issues.addError(f.name, err)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		switch {
		case key == "params" || key == "system" || key == "veto":
			p.issues.addError(f.name, fmt.Errorf("data.%s is veto's own", key))
		case dataFiles[key] != nil:
			p.issues.addError(f.name, fmt.Errorf("data.%s is in %s too", key, dataFiles[key].name))
		default:
			p.data[key], dataFiles[key] = doc[key], f
		}
	}
}

// decodeData reads one JSON or YAML document, which is a mapping. Numbers stay exact where an int64 holds them.
func decodeData(f *file) (map[string]any, error) {
	var value any
	if strings.HasSuffix(f.path, ".json") {
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
	value, err := normalize(value, 0)
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
	if len(p.options.Schema) == 0 {
		p.issues.addError("", errors.New("the schema of the input is missing"))
		return
	}
	if err := json.Unmarshal(p.options.Schema, &p.schema); err != nil {
		p.issues.addError("", fmt.Errorf("reading the schema of the input: %w", err))
	}
}
