package main

import (
	"maps"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What the action trusts follows from the event, and never from what the checkout calls origin: here that is a fork, whose main is the
// contributor's.
func TestActionTrustsTheBaseOfTheEvent(t *testing.T) {
	a := readAction(t)
	work := pullRequest(t)
	base := revParse(t, work, "origin/main")
	git(t, filepath.Dir(work), "clone", "-q", "--bare", "origin.git", "fork.git")
	git(t, work, "push", "-q", "--force", "../fork.git", "HEAD:main")
	git(t, filepath.Dir(work), "clone", "-q", "--depth=1", "file://"+filepath.Join(filepath.Dir(work), "fork.git"), "checkout")
	fork := revParse(t, filepath.Join(filepath.Dir(work), "checkout"), "HEAD")

	pr := func(base string, repo int) map[string]any {
		return map[string]any{"base": map[string]any{"sha": base, "repo": map[string]any{"id": repo}}}
	}
	run := func(cause string, prs ...any) map[string]any {
		return map[string]any{"workflow_run": map[string]any{"event": cause, "pull_requests": prs}}
	}
	for _, c := range []struct {
		name, event, trust string
		payload            map[string]any
		want               string // the commit that is trusted, "" for the checkout, or an error
	}{
		{"pull request", "pull_request", "auto", map[string]any{"pull_request": pr(base, 1)}, base},
		{"pull request of a fork", "pull_request_target", "auto", map[string]any{"pull_request": pr(base, 1)}, base},
		{"review", "pull_request_review", "auto", map[string]any{"pull_request": pr(base, 1)}, base},
		{"merge queue", "merge_group", "auto", map[string]any{"merge_group": map[string]any{"base_sha": base}}, base},
		{"run after a pull request", "workflow_run", "auto", run("pull_request", pr(base, 1)), base},
		{"run after one of a fork", "workflow_run", "auto", run("pull_request"), "error"},
		{"run after one into a fork", "workflow_run", "auto", run("pull_request", pr(fork, 2)), "error"},
		{"run after one into a fork too", "workflow_run", "auto", run("pull_request", pr(base, 1), pr(base, 2)), "error"},
		{"run after two targets", "workflow_run", "auto", run("pull_request", pr(base, 1), pr(fork, 1)), "error"},
		{"run after a push", "workflow_run", "auto", run("push"), ""},
		{"run after a comment", "workflow_run", "auto", run("issue_comment"), "error"},
		{"no base", "pull_request_target", "auto", map[string]any{}, "error"},
		{"no commit", "pull_request", "auto", map[string]any{"pull_request": pr("main", 1)}, "error"},
		{"a commit that is nowhere", "pull_request", "auto", map[string]any{"pull_request": pr(strings.Repeat("1", 40), 1)}, "error"},
		{"comment", "issue_comment", "auto", map[string]any{"issue": map[string]any{"pull_request": map[string]any{}}}, "error"},
		{"an event of tomorrow", "pull_request_merged", "auto", map[string]any{}, "error"},
		{"push", "push", "auto", map[string]any{}, ""},
		{"by hand", "workflow_dispatch", "auto", map[string]any{}, ""},
		{"named", "issue_comment", "origin/main", map[string]any{}, "origin/main"},
		{"none", "pull_request", "none", map[string]any{"pull_request": pr(base, 1)}, ""},
		{"two lines", "push", "main\nnone", map[string]any{}, "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "checkout")
			git(t, filepath.Dir(dir), "clone", "-q", "--depth=1", "file://"+filepath.Join(filepath.Dir(work), "fork.git"), dir)
			r := &runner{t: t, dir: dir, temp: t.TempDir(), inputs: map[string]string{"trust": c.trust}, server: "file://" + filepath.Dir(work),
				steps: []string{"trust"}, github: map[string]any{"event_name": c.event, "event": c.payload, "repository_id": 1, "token": "t"}}
			ok := r.run(a)
			got := r.outputs["trust.revision"]
			if got == "refs/veto/trust" {
				got = revParse(t, dir, got)
			}
			if !ok {
				got = "error"
				if !strings.Contains(r.log.String(), "veto: ") || !strings.Contains(r.log.String(), "hint: ") {
					t.Errorf("no word to the user: %s", r.log.String())
				}
			}
			if got != c.want {
				t.Errorf("%q, want %q: %s", got, c.want, r.log.String())
			}
		})
	}
}

// The action logs in with the job's token, also where the checkout kept none, and shows one login where it kept another.
func TestActionFetchesWithTheToken(t *testing.T) {
	a := readAction(t)
	work := pullRequest(t)
	base := revParse(t, work, "origin/main")
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(work), "GIT_HTTP_EXPORT_ALL=1"}}
	var mu sync.Mutex
	logins := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		logins[strings.Join(r.Header["Authorization"], " and ")] = true
		mu.Unlock()
		if len(r.Header["Authorization"]) != 1 {
			http.Error(w, "one login", http.StatusBadRequest)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	for _, kept := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "checkout")
		git(t, filepath.Dir(dir), "init", "-q", dir)
		if kept {
			git(t, dir, "config", "http."+server.URL+"/.extraheader", "AUTHORIZATION: basic c3RhbGU=")
		}
		clear(logins)
		r := &runner{t: t, dir: dir, temp: t.TempDir(), inputs: map[string]string{}, server: server.URL, steps: []string{"trust"},
			github: map[string]any{"event_name": "merge_group", "repository_id": 1, "token": "job", "event": map[string]any{
				"merge_group": map[string]any{"base_sha": base}}}}
		if !r.run(a) || revParse(t, dir, "refs/veto/trust") != base {
			t.Errorf("kept %v: %s", kept, r.log.String())
		}
		if !maps.Equal(logins, map[string]bool{"basic eC1hY2Nlc3MtdG9rZW46am9i": true}) { // x-access-token:job
			t.Errorf("kept %v: logins %v", kept, logins)
		}
	}
}
