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

// Load reads, checks and compiles policies. The error joins one engine.UsageError, with path and line, for every problem.
func Load(ctx context.Context, o Options) (*Policy, error) {
	p := compile(o, false, false)
	if err := p.problems.join(); err != nil {
		return nil, err
	}
	return p.policy(ctx)
}

// Check returns everything that is wrong with policies and their settings, and what could be better (severity warning), sorted by
// place. The error is of another kind: the context's end, or a failure of the engine.
func Check(ctx context.Context, o Options) ([]Issue, error) {
	p := compile(o, false, false)
	if !p.problems.failed() {
		if _, err := p.policy(ctx); err != nil {
			return nil, err
		}
	}
	return p.problems.sorted(), ctx.Err()
}

// compile does all that needs no evaluation. It goes on as far as the problems let it, so that one run shows as many as it can.
func compile(o Options, libraryTests, tests bool) *program {
	p := &program{o: o}
	p.readSchema()
	p.read(libraryTests, tests)
	p.parse()
	p.collect()
	p.settings()
	p.lint()
	p.compile()
	return p
}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (p *program) lint() {
	if len(p.modules) == 0 || p.schema == nil {
		return
	}
	p.linted = map[place]bool{}
	for _, i := range lint.Check(lint.Input{Modules: p.modules, Schema: p.o.Schema, DataRoots: slices.Sorted(maps.Keys(p.data)), Builtins: declarations()}) {
		p.linted[place{i.File, i.Line}] = true
		p.problems.add(Issue{File: i.File, Line: i.Line, Col: i.Col, Text: i.Msg, Hint: i.Hint})
	}
}

// compile compiles all modules as one. What the lint has already said of a line is not said again in OPA's words.
func (p *program) compile() {
	if len(p.modules) == 0 || p.schema == nil {
		return
	}
	p.compiler = p.newCompiler()
	p.compiler.Compile(p.modules)
	for _, e := range p.compiler.Errors {
		if i := p.problems.translate("", e); i.Line == 0 || !p.linted[place{i.File, i.Line}] {
			p.problems.add(i)
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
		p.problems.err("", fmt.Errorf("building the policies' data: %w", err))
		return
	}
	p.store = inmem.NewFromASTObject(object)
}

func (p *program) newCompiler() *ast.Compiler {
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, p.schema)
	return ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities()).WithSchemas(schemas).WithEnablePrintStatements(true)
}

// policy prepares the query of every rule.
func (p *program) policy(ctx context.Context) (*Policy, error) {
	out := &Policy{rules: p.rules, relaxed: p.relaxed, at: p.o.At, timeout: p.o.RuleTimeout, build: newBuilder(), sections: &reads{},
		shown: map[string]string{}}
	for name, f := range p.owners {
		out.shown[name] = f.shown
	}
	if out.timeout <= 0 {
		out.timeout = DefaultRuleTimeout
	}
	if out.at.IsZero() {
		return nil, fmt.Errorf("loading policies: the clock is missing")
	}
	if p.compiler == nil || p.compiler.Failed() {
		return nil, errors.New("the policies are not compiled")
	}
	for _, r := range p.rules {
		if err := p.prepare(ctx, r); err != nil {
			return nil, fmt.Errorf("preparing the rule %s: %w", r.id, err)
		}
		if r.action != "off" {
			out.sections.add(r.reads)
		}
	}
	for _, s := range p.sources {
		out.info.Sources = append(out.info.Sources, engine.PolicySource{Name: s.name, Digest: s.digest(), Rules: s.rules})
	}
	return out, nil
}

func (p *program) prepare(ctx context.Context, r *rule) error {
	refs := []ast.Ref{r.ref}
	if len(r.skips) > 0 {
		pkg := r.bodies[0].Module.Package.Path
		refs = append(refs, concat(pkg, r.skips[0].Head.Ref()))
	}
	r.reads = readsOf(p.compiler, refs...)
	for i, ref := range refs {
		options := []func(*opa.Rego){opa.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(ref)))), opa.Compiler(p.compiler), opa.Store(p.store),
			opa.StrictBuiltinErrors(true)}
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
			r.skip, r.skipReads = &q, readsOf(p.compiler, ref)
		}
	}
	return nil
}
