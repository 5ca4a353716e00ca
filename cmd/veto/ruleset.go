package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/engine/remedy"
	"github.com/vetoci/veto/engine/vex"
	"github.com/vetoci/veto/engine/waiver"
	"github.com/vetoci/veto/policies"
)

// policyFlags choose the rules, their settings and the waivers.
type policyFlags struct {
	policies  []string
	noDefault bool
	config    string
	trust     string
	waivers   string
	vex       []string
	now       string
}

func (p *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&p.policies, "policy", "p", nil, "add the policies of `PATH`, a .rego file or a folder; repeats")
	cmd.Flags().BoolVar(&p.noDefault, "no-default-policy", false, "leave the shipped policies out")
	cmd.Flags().StringVarP(&p.config, "config", "c", "",
		"configuration `FILE` (default: veto.yaml here or further up, to the repository's root)")
	cmd.Flags().StringVar(&p.trust, "trust", "",
		"take configuration, waivers and policies from `DIR|REVISION` only; a directory is written ./DIR")
	cmd.Flags().StringVar(&p.waivers, "waivers", "", "waiver `FILE` (default: what the configuration names)")
	cmd.Flags().StringArrayVar(&p.vex, "vex", nil,
		"VEX document `FILE` (OpenVEX, CycloneDX or CSAF, JSON) that says which findings are of no consequence; repeats")
	cmd.Flags().StringVar(&p.now, "now", "", "the clock, `RFC3339` or a day (listed as a relaxation)")
}

// ruleset is everything that decides: the policies, the waivers, the clock, and what weakens them.
type ruleset struct {
	settings   *settings
	policy     *rego.Policy
	waivers    *waiver.File // nil without a waiver file
	vex        []*vex.Document
	at         time.Time
	weakened   []engine.Relaxation
	workspace  *workspace
	waiverPath string
	// wait ends when the policies are compiled and the waivers read; what they fill in is not to be touched before.
	wait func() error
}

// load reads and checks all of it. Every error is a usage error: nothing has been evaluated yet.
func (p *policyFlags) load(ctx context.Context, cmd *cobra.Command, sys *system) (*ruleset, error) {
	l, err := p.begin(ctx, cmd, sys)
	if err != nil {
		return nil, err
	}
	return l, l.wait()
}

// begin reads the configuration and leaves the rest to wait, for who can read an image meanwhile.
func (p *policyFlags) begin(ctx context.Context, cmd *cobra.Command, sys *system) (*ruleset, error) {
	l := &ruleset{at: sys.now().UTC()}
	if p.now != "" {
		at, err := parseClock(p.now, whence(cmd, "now"))
		if err != nil {
			return nil, err
		}
		l.at = at
		l.relax("--now", "", at.Format(time.RFC3339), whence(cmd, "now"))
	}
	var err error
	if l.workspace, err = openWorkspace(ctx, sys, p.trust); err != nil {
		return nil, err
	}
	if l.settings, err = loadSettings(l.workspace, p.config); err != nil {
		return nil, err
	}
	sys.inputs = append(sys.inputs, l.files(p)...)
	options, err := p.options(l)
	if err != nil {
		return nil, err
	}
	l.wait = sync.OnceValue(func() (err error) {
		if l.policy, err = rego.Load(ctx, options); err != nil {
			if hint := (*engine.HintError)(nil); !errors.As(err, &hint) {
				err = engine.Hint(err,
					"policies are .rego files or folders of them; `veto policy check` finds mistakes before a scan does, "+
						"docs/first-policy.md shows a whole one")
			}
			return usage(err)
		}
		if p.noDefault {
			l.relax("--no-default-policy", "", "", whence(cmd, "no-default-policy"))
		}
		l.weakened = append(l.weakened, l.policy.Relaxations()...)
		if err := l.loadVEX(p.vex, whence(cmd, "vex")); err != nil {
			return err
		}
		return l.loadWaivers(p.waivers)
	})
	return l, nil
}

// files are those of the working tree that the configuration and the flags name.
func (l *ruleset) files(p *policyFlags) []string {
	if l.workspace.trusted != nil {
		return nil
	}
	return slices.Concat([]string{l.settings.Name, l.settings.Waivers, p.waivers}, l.settings.Policies, p.policies, l.settings.VEX, p.vex)
}

// options names the policies: the shipped ones, those of the configuration, then those of the flags.
func (p *policyFlags) options(l *ruleset) (rego.Options, error) {
	o := rego.Options{Schema: policies.InputSchema(), At: l.at, Rules: map[string]rego.RuleSetting{}, Params: l.settings.Params,
		Where: l.settings.where}
	if !p.noDefault {
		o.Library = policies.Library()
	}
	var err error
	if o.Paths, err = l.workspace.policies(slices.Concat(l.settings.Policies, p.policies)); err != nil {
		return o, err
	}
	for id, r := range l.settings.Rules {
		o.Rules[id] = rego.RuleSetting{Action: r.Action, EnforceAfter: r.EnforceAfter, Waivable: r.Waivable}
	}
	return o, nil
}

func (l *ruleset) relax(what, from, to, where string) {
	l.weakened = append(l.weakened, engine.Relaxation{What: what, From: engine.Maybe(from), To: engine.Maybe(to), Where: where})
}

func (l *ruleset) loadWaivers(flag string) error {
	path := l.settings.Waivers
	if flag != "" {
		path = flag
	}
	if path == "" {
		return nil
	}
	data, err := l.workspace.read(path)
	if err != nil {
		return err
	}
	if l.waivers, err = waiver.Parse(path, data); err != nil {
		return usage(err)
	}
	l.waiverPath = path
	l.waivers.Bound(l.settings.waiverDays())
	if days := l.settings.WaiverMax; days > waiver.DefaultMaxDays {
		l.relax("waivers.max_days", strconv.Itoa(waiver.DefaultMaxDays), strconv.Itoa(days), l.settings.where("waivers.max_days"))
	}
	var known []string
	for _, r := range l.policy.Rules() {
		known = append(known, r.ID)
	}
	return usage(l.waivers.CheckRules(known))
}

// watched are the policies under the watchdog.
func (l *ruleset) watched() watched {
	sys := l.workspace.sys
	return watched{l.policy, l.waivers, func(err error) { endNow(sys, err.Error()) }}
}

// gate puts together what decides about one image.
func (l *ruleset) gate(id engine.Identity, more []engine.Relaxation) (*engine.Gate, error) {
	marks := waiver.None()
	if l.waivers != nil {
		marks = l.waivers.For(id, l.at)
	}
	return engine.NewGate(engine.GateParts{
		VEX:      func(f *engine.Facts) error { return vex.Mark(l.vex, f, l.at) },
		Waivers:  marks,
		Policy:   l.watched(),
		Plan:     remedy.Plan,
		Weakened: append(append([]engine.Relaxation{}, l.weakened...), more...),
	})
}

// now is the clock as reports show it.
func (l *ruleset) now() string { return l.at.Format(time.RFC3339) }

// parseClock reads a clock that was given where from says.
func parseClock(s, from string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, engine.Hint(engine.Usage("%s: %s is no time", from, s), "write 2026-11-23 or 2026-11-23T10:00:00Z")
}

// usage makes an error of loading a usage error, and leaves nil nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &engine.UsageError{Err: err}
}
