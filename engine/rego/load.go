package rego

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego/lint"
)

// Load reads, checks and compiles policies. The error joins one engine.UsageError for everything that is wrong with them or with their
// settings, each "file:line:column: text; hint", sorted by file and line.
func Load(ctx context.Context, o Options) (*Policy, error) {
	p := loadProgram(o, false, false)
	if err := p.issues.asError(); err != nil {
		return nil, err
	}
	return p.newPolicy(ctx)
}

// loadProgram does all that needs no evaluation. It goes on as far as the mistakes let it, so that one run shows as many as it can.
func loadProgram(o Options, libraryTests, tests bool) *program {
	p := &program{options: o}
	p.readSchema()
	p.readFiles(libraryTests, tests)
	p.parse()
	p.collectRules()
	p.applySettings()
	p.lintModules()
	p.compileModules()
	return p
}

type position struct {
	file string
	line int // from 1
}

// lintModules finds what OPA's checker lets pass.
func (p *program) lintModules() {
	if len(p.modules) == 0 || p.schema == nil {
		return
	}
	p.linted = map[position]bool{}
	roots := slices.Sorted(maps.Keys(p.data))
	in := lint.Input{Modules: p.modules, Schema: p.options.Schema, DataRoots: roots, Builtins: builtinDeclarations()}
	for _, i := range lint.Check(in) {
		p.linted[position{i.File, i.Line}] = true
		p.issues.add(issue{File: i.File, Line: i.Line, Col: i.Col, Text: i.Msg, Hint: i.Hint})
	}
}

// compileModules compiles all modules together, and builds the data that they see. Of a line in which the lint has found something
// it reports no more, because OPA says the same in words that are harder to read.
func (p *program) compileModules() {
	if len(p.modules) == 0 || p.schema == nil {
		return
	}
	p.compiler = p.newCompiler()
	p.compiler.Compile(p.modules)
	for _, e := range p.compiler.Errors {
		if i := issueOf("", e); i.Line == 0 || !p.linted[position{i.File, i.Line}] {
			p.issues.add(i)
		}
	}
	if p.compiler.Failed() {
		return
	}
	doc := map[string]any{"params": p.params}
	maps.Copy(doc, p.data)
	value, err := ast.InterfaceToValue(doc)
	object, ok := value.(ast.Object)
	if err != nil || !ok {
		p.issues.addError("", fmt.Errorf("building the policies' data: %w", err))
		return
	}
	p.store = inmem.NewFromASTObject(object)
}

func (p *program) newCompiler() *ast.Compiler {
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, p.schema)
	return ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities()).WithSchemas(schemas).WithEnablePrintStatements(true)
}

// newPolicy prepares the query of every rule.
func (p *program) newPolicy(ctx context.Context) (*Policy, error) {
	out := &Policy{rules: p.rules, relaxations: p.relaxations, now: p.options.At, budget: p.options.RuleBudget,
		inputs: newInputBuilder(), reads: &readSet{}, reportNames: map[string]string{}}
	for name, f := range p.files {
		out.reportNames[name] = f.reportName
	}
	if out.budget <= 0 {
		out.budget = DefaultRuleBudget
	}
	if out.now.IsZero() {
		return nil, fmt.Errorf("loading policies: the clock is missing")
	}
	if p.compiler == nil || p.compiler.Failed() {
		return nil, errors.New("the policies are not compiled")
	}
	for _, r := range p.rules {
		if err := p.prepareRule(ctx, r); err != nil {
			return nil, fmt.Errorf("preparing the rule %s: %w", r.id, err)
		}
		if r.action != "off" {
			out.reads.merge(r.reads)
		}
	}
	for _, s := range p.sets {
		out.info.Sources = append(out.info.Sources, engine.PolicySource{Name: s.name, Digest: s.digest(), Rules: s.rules})
	}
	return out, nil
}

// prepareRule prepares the queries of a rule, and finds out what they read of the input.
func (p *program) prepareRule(ctx context.Context, r *rule) error {
	refs := []ast.Ref{r.ref}
	if len(r.skips) > 0 {
		pkg := r.bodies[0].Module.Package.Path
		refs = append(refs, dataRef(pkg, r.skips[0].Head.Ref()))
	}
	r.reads = readSetOf(p.compiler, refs...)
	for i, ref := range refs {
		query := ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))
		options := []func(*opa.Rego){opa.ParsedQuery(query), opa.Compiler(p.compiler), opa.Store(p.store), opa.StrictBuiltinErrors(true)}
		for _, b := range builtins() {
			options = append(options, b.function())
		}
		q, err := opa.New(options...).PrepareForEval(ctx)
		if err != nil {
			return err
		}
		if i == 0 {
			r.query = q
		} else {
			r.skipQuery, r.skipReads = &q, readSetOf(p.compiler, ref)
		}
	}
	return nil
}
