package main

import (
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

func TestActionTrustsTheTargetBranch(t *testing.T) {
	t.Parallel()
	a := readAction(t)
	db := quickstart(t, "advisories")
	for name, c := range map[string]struct {
		trust, event string
		ok           bool
		verdict      string
	}{
		"pull request":               {"auto", "pull_request", false, "denied"},
		"revision":                   {"origin/main", "push", false, "denied"},
		"not trusted, as the PR has": {"none", "pull_request", true, "pass"},
		"no such revision":           {"no-such", "pull_request", false, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			work := pullRequest(t)
			event := map[string]any{"pull_request": map[string]any{"base": map[string]any{"sha": revParse(t, work, "origin/main")}}}
			r := &runner{t: t, dir: work, temp: t.TempDir(), builds: name == "pull request" && !testing.Short(),
				github: map[string]any{"event_name": c.event, "event": event},
				server: "file://" + filepath.Dir(work), inputs: map[string]string{"image": "./app.tar", "db": db, "trust": c.trust}}
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
		Rules     []struct{ If, When string }
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
	if len(job.Rules) == 0 || job.Rules[0].If != `$CI_PIPELINE_SOURCE == "merge_request_event"` {
		t.Errorf("without a rule a job does not run in merge request pipelines: %+v", job.Rules)
	}
	if job.Artifacts.When != "always" || job.Artifacts.Reports["junit"] == "" {
		t.Errorf("the artifacts are not kept when the job fails: %+v", job.Artifacts)
	}
	bin := t.TempDir()
	linkVeto(t, bin)
	for target, want := range map[string]int{"main": exitDenied, "": exitPass, "gone": exitUsage} {
		work := pullRequest(t)
		// The pipeline of a fork's merge request runs in the fork, whose branches are the contributor's.
		git(t, work, "push", "-q", "--force", "origin", "HEAD:refs/heads/saved", "origin/main:refs/heads/saved-main")
		git(t, filepath.Dir(work), "clone", "-q", "--bare", "origin.git", "target.git")
		git(t, work, "push", "-q", "--force", "origin", "HEAD:main")
		cmd := exec.Command("bash", "-c", "set -eo pipefail\n"+strings.Join(job.Script, "\n"))
		cmd.Dir = work
		cmd.Env = append(cleanEnv(), "CI=true", "VETO_IMAGE=./app.tar", "VETO_DB="+quickstart(t, "advisories"), "CI_PROJECT_DIR="+work,
			"CI_SERVER_URL=file://"+filepath.Dir(work), "PATH="+bin+":"+os.Getenv("PATH"))
		if target != "" {
			cmd.Env = append(cmd.Env, "CI_PIPELINE_SOURCE=merge_request_event", "CI_MERGE_REQUEST_ID=7", "CI_MERGE_REQUEST_PROJECT_PATH=target",
				"CI_MERGE_REQUEST_TARGET_BRANCH_NAME="+target)
		}
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
		if _, err := os.Stat(filepath.Join(work, job.Artifacts.Reports["junit"])); err != nil && want != exitUsage {
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
