package rego

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vetoci/veto/engine"
)

func actions() []string { return []string{"deny", "warn", "info", "off"} }

// strength orders the actions.
func strength(action string) int { return len(actions()) - slices.Index(actions(), action) }

// settings applies the configuration to the rules and lists what it weakens.
func (p *program) settings() {
	p.broken = p.problems.failed()
	set := map[*rule]string{}
	for _, name := range slices.Sorted(maps.Keys(p.o.Rules)) {
		r := p.known("rules", name, set)
		if r == nil {
			continue
		}
		if err := p.apply(r, name, p.o.Rules[name]); err != nil {
			p.complain("rules."+name, err)
		}
	}
	p.values()
	on := 0
	for _, r := range p.rules {
		if until := r.meta.effective; until.After(r.enforcedAt) {
			r.enforcedAt = until
		}
		if r.action != "off" {
			on++
		}
	}
	if on == 0 && len(p.rules) > 0 {
		p.problems.add(Issue{Text: "every rule is switched off", Hint: "leave at least one rule on"})
	}
}

// known finds the rule that a setting names; naming it twice, by id and by alias, is a problem.
func (p *program) known(what, name string, set map[*rule]string) *rule {
	r := p.byName[name]
	switch {
	case r == nil && p.broken: // the rule may be one of those that could not be read
	case r == nil:
		p.complain(what+"."+name, engine.UnknownWord("rule", name, slices.Sorted(maps.Keys(p.byName))))
	case set[r] != "":
		p.complain(what+"."+name, fmt.Errorf("%s and %s are the same rule", set[r], name))
		return nil
	default:
		set[r] = name
	}
	return r
}

// complain adds a problem of the configuration, with its place where the caller knows it.
func (p *program) complain(setting string, err error) {
	i := Issue{Text: fmt.Sprintf("%s: %v", setting, err), Hint: hintOf(err)}
	if p.o.Where != nil {
		if at := p.o.Where(setting); at != "" {
			i.Text = at + ": " + i.Text
		}
	}
	p.problems.add(i)
}

func (p *program) relax(setting, from, to string) {
	r := engine.Relaxation{What: setting, From: engine.Maybe(from), To: engine.Maybe(to)}
	if p.o.Where != nil {
		r.Where = p.o.Where(setting)
	}
	p.relaxed = append(p.relaxed, r)
}

func (p *program) apply(r *rule, name string, s RuleSetting) error {
	if s.Action != "" {
		if !slices.Contains(actions(), s.Action) {
			return engine.UnknownWord("action", s.Action, actions())
		}
		if strength(s.Action) < strength(r.set) {
			p.relax("rules."+name, r.set, s.Action)
		}
		r.action = s.Action
	}
	if s.EnforceAfter == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, s.EnforceAfter)
	if err != nil {
		return fmt.Errorf("enforce_after is a day such as 2026-12-31, not %q", s.EnforceAfter)
	}
	r.enforcedAt = day
	if r.action == "deny" && p.o.At.Before(day) {
		p.relax("rules."+name, "deny", "warn until "+s.EnforceAfter)
	}
	return nil
}

// values gives every parameter of every rule its value: what policies see as data.params.
func (p *program) values() {
	p.params = map[string]any{}
	for _, r := range p.rules {
		r.params = map[string]any{}
		for name, decl := range r.meta.params {
			r.params[name] = decl.Default
		}
	}
	set := map[*rule]string{}
	for _, id := range slices.Sorted(maps.Keys(p.o.Params)) {
		r := p.known("params", id, set)
		if r == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.o.Params[id])) {
			if err := p.value(r, id, name, p.o.Params[id][name]); err != nil {
				p.complain("params."+id+"."+name, err)
			}
		}
	}
	for _, r := range p.rules {
		p.params[r.id] = r.params
	}
}

func (p *program) value(r *rule, id, name string, value any) error {
	decl, ok := r.meta.params[name]
	if !ok {
		if len(r.meta.params) == 0 {
			return fmt.Errorf("the rule has no parameter %q, nor any other", name)
		}
		return engine.UnknownWord("parameter", name, slices.Sorted(maps.Keys(r.meta.params)))
	}
	v, err := decl.accept(value)
	if err != nil {
		return err
	}
	r.params[name] = v
	if from, to := show(decl.Default), show(v); from != to {
		p.relax("params."+id+"."+name, from, to)
	}
	return nil
}
