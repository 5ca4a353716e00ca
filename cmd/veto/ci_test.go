package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Inputs reach the binary through the environment only: an expression in a script, or in a description, is evaluated as text.
func TestActionIsInert(t *testing.T) {
	a := readAction(t)
	for name, in := range a.Inputs {
		if strings.Contains(in.Description, "${{") {
			t.Errorf("input %s: an expression in its description is evaluated", name)
		}
	}
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") {
			t.Errorf("step %s: an expression in the script", s.Name)
		}
		if s.Run != "" && s.Shell != "bash" {
			t.Errorf("step %s: a composite step names its shell", s.Name)
		}
		if s.Uses != "" && !regexp.MustCompile(`@[0-9a-f]{40}$`).MatchString(s.Uses) {
			t.Errorf("step %s: %s is not pinned by a commit", s.Name, s.Uses)
		}
		if strings.Contains(s.Run, "GITHUB_ENV") || strings.Contains(s.Run, "GITHUB_PATH") || strings.Contains(s.Run, "eval ") {
			t.Errorf("step %s: leaks into later steps", s.Name)
		}
	}
	for _, want := range []string{"verdict", "exit-code", "sarif", "junit"} {
		if a.Outputs[want].Value == "" {
			t.Errorf("no output %s", want)
		}
	}
}

// runner executes the run steps of a composite action as GitHub's runner does, for what action.yml uses of it.
type runner struct {
	t       *testing.T
	dir     string // the checkout
	temp    string
	builds  bool // the step that builds veto runs, too; else the tests' own veto stands in for what it makes
	inputs  map[string]string
	baseRef string
	outputs map[string]string // "step.name"
	log     bytes.Buffer
	summary string
}

func (r *runner) expand(s string) string {
	return regexp.MustCompile(`\$\{\{\s*([^}]+?)\s*\}\}`).ReplaceAllStringFunc(s, func(e string) string {
		e = strings.TrimSpace(strings.Trim(e, "${}"))
		switch {
		case e == "github.base_ref":
			return r.baseRef
		case e == "runner.temp":
			return r.temp
		case strings.HasPrefix(e, "inputs."):
			return r.inputs[strings.TrimPrefix(e, "inputs.")]
		case strings.HasPrefix(e, "steps."):
			p := strings.SplitN(e, ".", 4)
			return r.outputs[p[1]+"."+p[3]]
		}
		r.t.Fatalf("an expression that this test cannot evaluate: %s", e)
		return ""
	})
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
		case s.Run == "" || !ok && s.If == "":
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
		"GITHUB_STEP_SUMMARY="+filepath.Join(r.temp, "summary"), "GITHUB_ACTIONS=true", "CI=true")
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

func TestActionTrustsTheTargetBranch(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	db := quickstart(t, "advisories")
	for name, c := range map[string]struct {
		trust, baseRef string
		ok             bool
		verdict        string
	}{
		"pull request":               {"auto", "main", false, "denied"},
		"revision":                   {"origin/main", "", false, "denied"},
		"not trusted, as the PR has": {"none", "main", true, "pass"},
		"no such revision":           {"no-such", "", false, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runner{t: t, dir: pullRequest(t), temp: t.TempDir(), baseRef: c.baseRef, builds: name == "pull request" && !testing.Short(),
				inputs: map[string]string{"image": "./app.tar", "db": db, "trust": c.trust}}
			ok := r.run(a)
			if ok != c.ok || r.outputs["scan.verdict"] != c.verdict {
				t.Fatalf("success %v, verdict %q; want %v, %q\n%s", ok, r.outputs["scan.verdict"], c.ok, c.verdict, r.log.String())
			}
			if c.verdict == "error" {
				return
			}
			for _, file := range []string{"sarif", "junit", "json", "facts"} {
				if _, err := os.Stat(r.outputs["scan."+file]); err != nil {
					t.Errorf("output %s: %v", file, err)
				}
			}
			if !strings.Contains(strings.ToLower(r.summary), c.verdict) {
				t.Errorf("the summary does not say %s:\n%.400s", c.verdict, r.summary)
			}
			if c.verdict == "denied" && !strings.Contains(r.log.String(), "no-nginx") {
				t.Errorf("the target branch's own policy did not decide:\n%s", r.log.String())
			}
		})
	}
}

// What comes in as an input stays data.
func TestActionHostileInputs(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	dir := pullRequest(t)
	for _, hostile := range []string{"./x$(touch pwned).tar", "./x`touch pwned`.tar", "./x;touch pwned;.tar", "./x\"; touch pwned; \".tar",
		"--help", "./x\nverdict=pass.tar"} {
		r := &runner{t: t, dir: dir, temp: t.TempDir(),
			inputs: map[string]string{"image": hostile, "policies": hostile, "db": "examples", "trust": "none"}}
		if r.run(a) {
			t.Errorf("%q: the action succeeded", hostile)
		}
		if v := r.outputs["scan.verdict"]; v == "pass" {
			t.Errorf("%q: verdict %s", hostile, v)
		}
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Fatalf("%q was executed", hostile)
		}
	}
}

func TestGitLabJobTrustsTheTargetBranch(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root(t), "examples", "gitlab", "veto.gitlab-ci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Variables map[string]string
		Script    []string
		Artifacts struct {
			When    string
			Reports map[string]string
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	job := file[".veto"]
	if job.Artifacts.When != "always" || job.Artifacts.Reports["junit"] == "" {
		t.Errorf("the artifacts are not kept when the job fails: %+v", job.Artifacts)
	}
	bin := t.TempDir()
	linkVeto(t, bin)
	for target, want := range map[string]int{"main": exitDenied, "": exitPass} {
		work := pullRequest(t)
		cmd := exec.Command("bash", "-c", "set -eo pipefail\n"+strings.Join(job.Script, "\n"))
		cmd.Dir = work
		cmd.Env = append(cleanEnv(), "CI=true", "VETO_IMAGE=./app.tar", "VETO_DB="+quickstart(t, "advisories"),
			"CI_MERGE_REQUEST_TARGET_BRANCH_NAME="+target, "PATH="+bin+":"+os.Getenv("PATH"))
		for k, v := range job.Variables {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
		out, err := cmd.CombinedOutput()
		code := 0
		if err != nil {
			code, _ = exitCode(err)
		}
		if code != want {
			t.Errorf("target branch %q: exit %d, want %d\n%s", target, code, want, out)
		}
		if _, err := os.Stat(filepath.Join(work, job.Artifacts.Reports["junit"])); err != nil {
			t.Errorf("target branch %q: %v", target, err)
		}
	}
}

func TestPrePush(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	linkVeto(t, bin)
	work := pullRequest(t)
	hook, err := os.ReadFile(filepath.Join(root(t), "examples", "pre-push", "pre-push"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(work, ".git", "hooks", "pre-push"), hook, 0o755); err != nil {
		t.Fatal(err)
	}
	push := func(image string, args ...string) (string, error) {
		cmd := exec.Command("git", append([]string{"push", "-q", "origin"}, args...)...)
		cmd.Dir = work
		cmd.Env = append(cleanEnv(), "PATH="+bin+":"+os.Getenv("PATH"), "VETO_IMAGE="+image,
			"VETO_DB="+quickstart(t, "advisories"))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := push("./app.tar", "pr"); err != nil {
		t.Errorf("an image that passes is not pushed: %v\n%s", err, out)
	}
	git(t, work, "checkout", "-q", "main")
	if out, err := push("./app.tar", "main:again"); err == nil || !strings.Contains(out, "DENIED") {
		t.Errorf("a denied image was pushed: %v\n%s", err, out)
	}
	if out, err := push("./missing.tar", "main:again"); err == nil || !strings.Contains(out, "hint:") {
		t.Errorf("no image, and yet pushed: %v\n%s", err, out)
	}
	if out, err := push("./missing.tar", ":pr"); err != nil {
		t.Errorf("a deletion needs no image: %v\n%s", err, out)
	}
}
