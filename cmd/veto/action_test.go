package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what this test reads of action.yml.
type action struct {
	Description string
	Inputs      map[string]struct{ Description, Default string }
	Outputs     map[string]struct{ Description, Value string }
	Runs        struct {
		Using string
		Steps []step
	}
}

type step struct {
	ID, Name, If, Shell, Run, Uses string
	Env, With                      map[string]string
}

func readAction(t *testing.T) action {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(b, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// runner executes the run steps of a composite action as GitHub's runner does, for what action.yml uses of it.
type runner struct {
	t       *testing.T
	dir     string // the checkout
	temp    string
	builds  bool // the step that builds veto runs, too; else the tests' own veto stands in for what it makes
	inputs  map[string]string
	github  map[string]any    // the github context, with "event"
	server  string            // the URL above the repository "origin.git"
	steps   []string          // the steps to run, all without any
	outputs map[string]string // "step.name"
	log     bytes.Buffer
	summary string
}

// expand evaluates the expressions of a text: paths, `a || b` and join(path, ' ').
func (r *runner) expand(s string) string {
	return regexp.MustCompile(`\$\{\{\s*([^}]+?)\s*\}\}`).ReplaceAllStringFunc(s, func(e string) string {
		e = strings.TrimSpace(strings.Trim(e, "${}"))
		for _, either := range strings.Split(e, "||") {
			if v := r.evaluate(strings.TrimSpace(either)); v != "" {
				return v
			}
		}
		return ""
	})
}

func (r *runner) evaluate(e string) string {
	if list, ok := strings.CutPrefix(e, "join("); ok {
		list, ok = strings.CutSuffix(list, ", ' ')")
		if !ok {
			r.t.Fatalf("an expression that this test cannot evaluate: %s", e)
		}
		return strings.Join(texts(r.github, strings.Split(strings.TrimPrefix(list, "github."), ".")), " ")
	}
	switch p := strings.Split(e, "."); p[0] {
	case "github":
		return strings.Join(texts(r.github, p[1:]), " ")
	case "runner":
		return r.temp
	case "inputs":
		return r.inputs[p[1]]
	case "steps":
		return r.outputs[p[1]+"."+p[3]]
	}
	r.t.Fatalf("an expression that this test cannot evaluate: %s", e)
	return ""
}

// texts are the scalars that a path leads to; "*" is every element of a list.
func texts(v any, path []string) (out []string) {
	if len(path) == 0 {
		return []string{fmt.Sprint(v)}
	}
	switch v := v.(type) {
	case map[string]any:
		if next, ok := v[path[0]]; ok {
			return texts(next, path[1:])
		}
	case []any:
		for _, next := range v {
			out = append(out, texts(next, path[1:])...)
		}
	}
	return out
}

// run returns whether every step succeeded.
func (r *runner) run(a action) bool {
	r.outputs = map[string]string{}
	for name, in := range a.Inputs {
		if _, given := r.inputs[name]; !given {
			r.inputs[name] = in.Default
		}
	}
	ok := true
	for _, s := range a.Runs.Steps {
		switch {
		case s.Run == "" || !ok && s.If == "" || len(r.steps) > 0 && !slices.Contains(r.steps, s.ID):
		case s.ID == "build" && !r.builds:
			linkVeto(r.t, filepath.Join(r.temp, "veto", "bin"))
		default:
			ok = r.step(s) && ok
		}
	}
	if b, err := os.ReadFile(filepath.Join(r.temp, "summary")); err == nil {
		r.summary = string(b)
	}
	return ok
}

// step runs one script and reads the outputs that it sets.
func (r *runner) step(s step) bool {
	output, script := filepath.Join(r.temp, "output"), filepath.Join(r.temp, "step.sh")
	writeText(r.t, output, "")
	writeText(r.t, script, s.Run)
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.dir, &r.log, &r.log
	cmd.Env = append(cleanEnv(), "RUNNER_TEMP="+r.temp, "GITHUB_ACTION_PATH="+root(r.t), "GITHUB_OUTPUT="+output,
		"GITHUB_STEP_SUMMARY="+filepath.Join(r.temp, "summary"), "GITHUB_ACTIONS=true", "CI=true", "GITHUB_WORKSPACE="+r.dir,
		"GITHUB_SERVER_URL="+r.server, "GITHUB_REPOSITORY=origin.git")
	for k, v := range s.Env {
		cmd.Env = append(cmd.Env, k+"="+r.expand(v))
	}
	err := cmd.Run()
	b, readErr := os.ReadFile(output)
	if readErr != nil {
		r.t.Fatal(readErr)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if k, v, found := strings.Cut(line, "="); found {
			r.outputs[s.ID+"."+k] = v
		}
	}
	return err == nil
}

// pullRequest makes a bare repository with a target branch and a pull-request branch that weakens everything it can, and
// returns a checkout of the latter.
func pullRequest(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "--bare", "origin.git")
	git(t, dir, "clone", "-q", "origin.git", "work")
	work := filepath.Join(dir, "work")
	image, err := os.ReadFile(quickstart(t, "image.tar"))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(work, "app.tar"), string(image))
	writeText(t, filepath.Join(work, "veto.yaml"), "version: 1\npolicies: [policy]\nwaivers: waivers.yaml\nrules: {database-stale: warn}\n")
	writeText(t, filepath.Join(work, "waivers.yaml"), "version: 1\nwaivers: []\n")
	writeText(t, filepath.Join(work, "policy", "own.rego"), `# METADATA
# scope: package
package own

# METADATA
# title: No nginx
# custom: {severity: high}
deny["no-nginx"] contains r if {
	some p in input.packages
	p.name == "nginx"
	r := {"msg": "nginx is not allowed", "subject": p.name}
}
`)
	git(t, work, "add", ".")
	git(t, work, "commit", "-qm", "target")
	git(t, work, "push", "-q", "origin", "HEAD:main")
	git(t, work, "checkout", "-qb", "pr")
	var off strings.Builder
	off.WriteString("version: 1\nwaivers: waivers.yaml\nrules:\n")
	for _, id := range []string{"vuln-known-exploited", "vuln-fixable", "package-malicious", "os-end-of-life", "assessment-incomplete",
		"advisories-missing", "database-missing", "database-stale", "inventory-empty", "user-root"} {
		off.WriteString("  " + id + ": off\n")
	}
	writeText(t, filepath.Join(work, "veto.yaml"), off.String())
	writeText(t, filepath.Join(work, "policy", "own.rego"), "package own\n\nwarn[\"no-nginx\"] contains \"never mind\" if false\n")
	writeText(t, filepath.Join(work, "waivers.yaml"),
		"version: 1\nwaivers:\n  - {rule: vuln-fixable, broad: true, reason: because, owner: me, expires: 2099-01-01}\n")
	// A folder named like the revision must not be taken for it.
	writeText(t, filepath.Join(work, "refs", "veto", "trust", "veto.yaml"), off.String())
	git(t, work, "add", ".")
	git(t, work, "commit", "-qm", "weaken the gate")
	return work
}

// revParse returns the commit or object that a revision means.
func revParse(t *testing.T, dir, rev string) string {
	t.Helper()
	cmd := exec.Command("git", "rev-parse", "--verify", "--quiet", rev)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git rev-parse %s: %v", rev, err)
	}
	return strings.TrimSpace(string(out))
}
