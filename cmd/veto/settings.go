package main

import (
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
)

// ruleSetting is what veto.yaml says about one rule.
type ruleSetting struct {
	Action       string // deny, warn, info, off
	EnforceAfter string // a day; before it a deny only warns
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
	VEX       []string
}

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
		p, err := y.Text(n, "waivers (the path of the waiver file)")
		s.Waivers = p
		return err
	case "rules":
		return y.rules(s, n)
	case "params":
		return y.params(s, n)
	}
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
			m, err := y.Mapping(v, "rules."+id, []string{"action", "enforce_after"})
			if err != nil && slices.ContainsFunc(v.Content, func(n *yaml.Node) bool { return n.Value == "params" }) {
				return engine.Hint(err, "parameters stand apart: `params: {%s: {…}}`", id)
			}
			if err != nil {
				return err
			}
			if action = m["action"]; action == nil && m["enforce_after"] == nil {
				return y.Errorf(v, "rules.%s is empty", id)
			}
			if d := m["enforce_after"]; d != nil {
				if _, err := time.Parse(time.DateOnly, d.Value); err != nil {
					return y.Errorf(d, "rules.%s.enforce_after is a day such as 2026-12-31, not %q", id, d.Value)
				}
				r.EnforceAfter = d.Value
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
	case len(parts) == 2 && parts[0] == "rules":
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
