package rego

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vetoci/veto/engine"
)

func actions() []string { return []string{"deny", "warn", "info", "off"} }

// strength orders the actions: the larger, the more it stops.
func strength(action string) int { return len(actions()) - slices.Index(actions(), action) }

// applySettings applies the configuration to the rules and lists what it weakens.
func (p *program) applySettings() {
	p.unreadable = !p.issues.empty()
	named := map[*rule]string{}
	for _, name := range slices.Sorted(maps.Keys(p.options.Rules)) {
		r := p.findRule("rules", name, named)
		if r == nil {
			continue
		}
		if err := p.applyRuleSetting(r, name, p.options.Rules[name]); err != nil {
			p.addSettingIssue("rules."+name, err)
		}
	}
	p.applyParams()
	for _, r := range p.rules {
		if r.meta.effectiveOn.After(r.enforcedAt) {
			r.enforcedAt = r.meta.effectiveOn
		}
	}
	if len(p.rules) > 0 && !slices.ContainsFunc(p.rules, func(r *rule) bool { return r.action != "off" }) {
		p.issues.add(issue{Text: "every rule is switched off", Hint: "leave at least one rule on"})
	}
}

// findRule returns the rule that a setting of a section ("rules" or "params") names, by id or alias. Without one it returns nil and adds an
// issue, and so when named has the rule already under another name.
func (p *program) findRule(section, name string, named map[*rule]string) *rule {
	r := p.byName[name]
	switch {
	case r == nil && p.unreadable: // the rule may be one of those that could not be read
	case r == nil:
		p.addSettingIssue(section+"."+name, engine.UnknownWord("rule", name, slices.Sorted(maps.Keys(p.byName))))
	case named[r] != "":
		p.addSettingIssue(section+"."+name, fmt.Errorf("%s and %s are the same rule", named[r], name))
		return nil
	default:
		named[r] = name
	}
	return r
}

// addSettingIssue adds a mistake of the configuration, headed by its file and line where the caller knows them.
func (p *program) addSettingIssue(setting string, err error) {
	i := issue{Text: fmt.Sprintf("%s: %v", setting, err), Hint: hintOf(err)}
	if p.options.Where != nil {
		if at := p.options.Where(setting); at != "" {
			i.Text = at + ": " + i.Text
		}
	}
	p.issues.add(i)
}

// addRelaxation records that a setting weakens the gate.
func (p *program) addRelaxation(setting, from, to string) {
	r := engine.Relaxation{What: setting, From: engine.Maybe(from), To: engine.Maybe(to)}
	if p.options.Where != nil {
		r.Where = p.options.Where(setting)
	}
	p.relaxations = append(p.relaxations, r)
}

// applyRuleSetting applies what the configuration says of a rule, which it calls name.
func (p *program) applyRuleSetting(r *rule, name string, s RuleSetting) error {
	if s.Action != "" {
		if !slices.Contains(actions(), s.Action) {
			return engine.UnknownWord("action", s.Action, actions())
		}
		if strength(s.Action) < strength(r.defaultAction) {
			p.addRelaxation("rules."+name, r.defaultAction, s.Action)
		}
		r.action = s.Action
	}
	if s.Waivable != nil {
		if *s.Waivable && !r.meta.waivable {
			p.addRelaxation("rules."+name+".waivable", "false", "true")
		}
		r.meta.waivable = *s.Waivable
	}
	if s.EnforceAfter == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, s.EnforceAfter)
	if err != nil {
		return fmt.Errorf("enforce_after is a day such as 2026-12-31, not %q", s.EnforceAfter)
	}
	r.enforcedAt = day
	if r.action == "deny" && p.options.At.Before(day) {
		p.addRelaxation("rules."+name, "deny", "warn until "+s.EnforceAfter)
	}
	return nil
}

// applyParams gives every parameter of every rule its value: what policies see as data.params.
func (p *program) applyParams() {
	p.params = map[string]any{}
	for _, r := range p.rules {
		r.params = map[string]any{}
		for name, decl := range r.meta.params {
			r.params[name] = decl.Default
		}
	}
	named := map[*rule]string{}
	for _, id := range slices.Sorted(maps.Keys(p.options.Params)) {
		r := p.findRule("params", id, named)
		if r == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(p.options.Params[id])) {
			if err := p.applyParam(r, id, name, p.options.Params[id][name]); err != nil {
				p.addSettingIssue("params."+id+"."+name, err)
			}
		}
	}
	for _, r := range p.rules {
		p.params[r.id] = r.params
	}
}

// applyParam gives one parameter the value that the configuration has for it. id is what the configuration calls the rule.
func (p *program) applyParam(r *rule, id, name string, value any) error {
	decl, ok := r.meta.params[name]
	if !ok {
		if len(r.meta.params) == 0 {
			return fmt.Errorf("the rule has no parameter %q, nor any other", name)
		}
		return engine.UnknownWord("parameter", name, slices.Sorted(maps.Keys(r.meta.params)))
	}
	v, err := decl.validate(value)
	if err != nil {
		return err
	}
	r.params[name] = v
	if from, to := toJSON(decl.Default), toJSON(v); from != to {
		p.addRelaxation("params."+id+"."+name, from, to)
	}
	return nil
}
