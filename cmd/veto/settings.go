package main

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
	"github.com/vetoci/veto/engine/waiver"
)

// ruleSetting is what veto.yaml says about one rule.
type ruleSetting struct {
	Action       string // deny, warn, info, off
	EnforceAfter string // a day; before it a deny only warns
	Waivable     *bool  // nil is as the rule says
	Line         int
}

// settings is a parsed veto.yaml.
type settings struct {
	Name      string // as shown, "" without a file
	Policies  []string
	Rules     map[string]ruleSetting
	Params    map[string]map[string]any
	ParamLine map[string]int // "rule.param"
	Waivers   string
	WaiverMax int // waivers.max_days; 0 is the default
	WaiverAt  int // its line
	VEX       []string
}

// waiverDays is how many days ahead the last day of a waiver may be.
func (s *settings) waiverDays() int { return cmp.Or(s.WaiverMax, waiver.DefaultMaxDays) }

func settingsKeys() []string {
	return []string{"version", "policies", "rules", "params", "waivers", "vex"}
}

// loadSettings reads the configuration: --config, else what is found, else nothing. Paths in it are relative to its own folder
// and come back relative to the working directory.
func loadSettings(ws *workspace, config string) (*settings, error) {
	p := config
	if p == "" {
		var err error
		if p, err = ws.findSettings(); err != nil {
			return nil, err
		}
		if p == "" {
			return &settings{}, nil
		}
	}
	data, err := ws.read(p)
	if err != nil {
		return nil, err
	}
	s, err := parseSettings(filepath.ToSlash(p), data)
	if err != nil {
		return nil, err
	}
	for i, policy := range s.Policies {
		s.Policies[i] = relativeTo(p, policy)
	}
	for i, document := range s.VEX {
		s.VEX[i] = relativeTo(p, document)
	}
	if s.Waivers != "" {
		s.Waivers = relativeTo(p, s.Waivers)
	}
	return s, nil
}

// relativeTo resolves a path of a settings file against the folder of that file.
func relativeTo(settingsPath, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return path.Join(path.Dir(filepath.ToSlash(settingsPath)), filepath.ToSlash(p))
}

// parseSettings parses veto.yaml strictly: every mistake is a usage error with its line.
func parseSettings(name string, data []byte) (*settings, error) {
	file, node, err := document.Parse(name, data)
	if err != nil {
		return nil, err
	}
	y := settingsFile{file}
	s := &settings{Name: name, Rules: map[string]ruleSetting{}, Params: map[string]map[string]any{}, ParamLine: map[string]int{}}
	top, err := y.Mapping(node, "the file", settingsKeys())
	if err != nil {
		return nil, err
	}
	if err := y.Version1(top); err != nil {
		return nil, err
	}
	for _, key := range settingsKeys() {
		if n := top[key]; n != nil {
			if err := y.set(s, key, n); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// settingsFile reads the sections of veto.yaml.
type settingsFile struct{ document.File }

func (y settingsFile) set(s *settings, key string, n *yaml.Node) error {
	switch key {
	case "policies":
		list, err := y.Texts(n, "policies")
		s.Policies = list
		return err
	case "vex":
		list, err := y.Texts(n, "vex")
		s.VEX = list
		return err
	case "waivers":
		return y.waivers(s, n)
	case "rules":
		return y.rules(s, n)
	case "params":
		return y.params(s, n)
	}
	return nil
}

// maxWaiverDays is the greatest waivers.max_days: ten years are no while.
const maxWaiverDays = 3660

// waivers reads the path of the waiver file, alone or with how long a waiver may hold.
func (y settingsFile) waivers(s *settings, n *yaml.Node) (err error) {
	if n.Kind != yaml.MappingNode {
		s.Waivers, err = y.Text(n, "waivers (the path of the waiver file)")
		return err
	}
	m, err := y.Mapping(n, "waivers", []string{"file", "max_days"})
	if err != nil {
		return err
	}
	if file := m["file"]; file != nil {
		if s.Waivers, err = y.Text(file, "waivers.file"); err != nil {
			return err
		}
	}
	days := m["max_days"]
	if days == nil {
		return nil
	}
	if err := days.Decode(&s.WaiverMax); err != nil || days.Tag != "!!int" || s.WaiverMax < 1 || s.WaiverMax > maxWaiverDays {
		return y.Errorf(days, "waivers.max_days is a number of days from 1 to %d", maxWaiverDays)
	}
	s.WaiverAt = days.Line
	return nil
}

func (y settingsFile) rules(s *settings, n *yaml.Node) error {
	rules, err := y.Mapping(n, "rules", nil)
	if err != nil {
		return err
	}
	for id, v := range rules {
		r := ruleSetting{Line: v.Line}
		action := v
		if v.Kind == yaml.MappingNode {
			m, err := y.Mapping(v, "rules."+id, []string{"action", "enforce_after", "waivable"})
			if err != nil && slices.ContainsFunc(v.Content, func(n *yaml.Node) bool { return n.Value == "params" }) {
				return engine.Hint(err, "parameters stand apart: `params: {%s: {…}}`", id)
			}
			if err != nil {
				return err
			}
			if action = m["action"]; action == nil && m["enforce_after"] == nil && m["waivable"] == nil {
				return y.Errorf(v, "rules.%s is empty", id)
			}
			if d := m["enforce_after"]; d != nil {
				if _, err := time.Parse(time.DateOnly, d.Value); err != nil {
					return y.Errorf(d, "rules.%s.enforce_after is a day such as 2026-12-31, not %q", id, d.Value)
				}
				r.EnforceAfter = d.Value
			}
			if w := m["waivable"]; w != nil {
				flag, err := y.Flag(w, "rules."+id+".waivable")
				if err != nil {
					return err
				}
				r.Waivable = &flag
			}
		}
		if action != nil {
			if r.Action, err = y.Word(action, "action", []string{"deny", "warn", "info", "off"}); err != nil {
				return err
			}
		}
		s.Rules[id] = r
	}
	return nil
}

func (y settingsFile) params(s *settings, n *yaml.Node) error {
	rules, err := y.Mapping(n, "params", nil)
	if err != nil {
		return err
	}
	for id, v := range rules {
		params, err := y.Mapping(v, "params."+id, nil)
		if err != nil {
			return err
		}
		s.Params[id] = map[string]any{}
		for name, value := range params {
			var decoded any
			if err := value.Decode(&decoded); err != nil {
				return y.Errorf(value, "params.%s.%s: %v", id, name, err)
			}
			s.Params[id][name] = decoded
			s.ParamLine[id+"."+name] = value.Line
		}
	}
	return nil
}

// sortedKeys of a map, for everything that is reported in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// where says, for people, where the configuration sets "rules.<id>" or "params.<id>.<name>": "veto.yaml:7".
func (s *settings) where(setting string) string {
	parts := strings.SplitN(setting, ".", 3)
	line := 0
	switch {
	case setting == "waivers.max_days":
		line = s.WaiverAt
	case len(parts) >= 2 && parts[0] == "rules":
		line = s.Rules[parts[1]].Line
	case len(parts) == 3 && parts[0] == "params":
		line = s.ParamLine[parts[1]+"."+parts[2]]
	}
	name := filepath.Base(s.Name)
	if line == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, line)
}
