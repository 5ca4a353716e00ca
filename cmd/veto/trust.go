package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// openTrusted resolves --trust. A folder is only what is written as one (./x, ../x, /x): a name such as "main" is always a git revision,
// because a pull request could bring a folder of that name.
func (ws *workspace) openTrusted(ctx context.Context, trust string) error {
	if !isPath(trust) {
		return ws.openCommit(ctx, trust)
	}
	info, err := os.Stat(trust)
	if err != nil {
		return engine.Usage("--trust: %v", err)
	}
	if !info.IsDir() {
		return engine.Usage("--trust %s: not a directory", trust)
	}
	root, err := os.OpenRoot(trust) // links may not lead out of what is trusted
	if err != nil {
		return engine.Usage("--trust: %v", err)
	}
	ws.trusted = root.FS()
	return nil
}

// repository is a git repository as the machine has it, and not as what was checked out says: what a pull request adds can be a whole
// bare repository with a configuration, refs and filters of its own.
type repository struct {
	sys *system
	dir string // the .git folder, or the file that leads to it
	top string // the work tree's root
}

// findRepository finds the .git at the root of the work tree. Git itself never checks a file of that name out.
func findRepository(sys *system) (*repository, error) {
	for dir := sys.dir; ; dir = filepath.Dir(dir) {
		dot := filepath.Join(dir, ".git")
		if _, err := os.Lstat(dot); err == nil {
			if isSubmodule(dot) {
				err := engine.Usage("%s is a submodule, and a pull request can put another repository there", dir)
				return nil, engine.Hint(err, "run veto in the repository that it belongs to")
			}
			return &repository{sys: sys, dir: dot, top: dir}, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if dir == filepath.Dir(dir) {
			return nil, errors.New("there is no git repository here")
		}
	}
}

// isSubmodule says whether a .git is the file that leads to a repository in the modules of another one (gitsubmodules(7)). That of a work
// tree (git-worktree(1)) leads to the worktrees of its own.
func isSubmodule(dot string) bool {
	text, err := os.ReadFile(dot)
	if err != nil || len(text) > 8<<10 {
		return false
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	target = strings.TrimSpace(target)
	if !ok {
		return false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(dot), target)
	}
	for dir := filepath.Clean(target); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) != "modules" {
			continue
		}
		if info, err := os.Stat(filepath.Join(filepath.Dir(dir), "HEAD")); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}

// command makes a command of git's plumbing that looks for no other repository, reads no configuration but the machine's and the
// repository's own, and starts no pager, hook, prompt or replacement of objects.
func (r *repository) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false", "-c",
		"core.hooksPath=/dev/null",
		"--no-replace-objects", "--no-optional-locks", "--no-pager", "--literal-pathspecs", "--git-dir", r.dir}, args...)...)
	cmd.Dir = r.top
	for _, kv := range r.sys.environ {
		if !strings.HasPrefix(kv, "GIT_") || strings.HasPrefix(kv, "GIT_CONFIG_") || strings.HasPrefix(kv, "GIT_SSH") || strings.HasPrefix(kv,
			"GIT_ASKPASS") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", "GIT_ATTR_NOSYSTEM=1", "LC_ALL=C")
	return cmd
}

// run returns what a short command prints, at most 64 KiB.
func (r *repository) run(ctx context.Context, args ...string) (string, error) {
	out, err := r.command(ctx, args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	if len(out) > 64<<10 {
		return "", &engine.LimitError{What: "git's output", Limit: 64 << 10}
	}
	return strings.TrimSpace(string(out)), err
}

// openCommit trusts the files of one commit, of the repository around the working directory.
func (ws *workspace) openCommit(ctx context.Context, rev string) error {
	r, err := findRepository(ws.sys)
	if hinted := (*engine.HintError)(nil); errors.As(err, &hinted) {
		return engine.Hint(engine.Usage("--trust %s: %w", rev, hinted.Err), "%s", hinted.Hint)
	}
	if err != nil {
		return engine.Hint(engine.Usage("--trust %s: %v", rev, err), "a directory to trust is written ./%s", rev)
	}
	commit, err := r.resolve(ctx, rev)
	if err != nil {
		return err
	}
	tree, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{tree}")
	if err != nil {
		return engine.Usage("--trust %s: %v", rev, err)
	}
	files, err := openGitTree(ctx, r.command, tree)
	if err != nil {
		return engine.Usage("--trust %s: %v", rev, err)
	}
	base, err := filepath.Rel(r.top, ws.sys.dir)
	if err != nil {
		return errors.Join(engine.Usage("--trust %s: %v", rev, err), files.Close())
	}
	ws.trusted, ws.base, ws.repository = files, filepath.ToSlash(base), r
	return nil
}

// A revision is a ref's name or a commit's id, and how many parents to go back from it.
func revisionForm() *regexp.Regexp { return regexp.MustCompile(`^([^~^@{:\s]+)((?:[~^]\d*)*)$`) }

// resolve returns the id of the commit that a revision means. Where git would choose among a tag, a branch and a remote's branch of one
// name (gitrevisions(7)), a contributor's tag could stand for the target branch: such a name is refused, unless all that it can mean are
// one commit.
func (r *repository) resolve(ctx context.Context, rev string) (string, error) {
	m := revisionForm().FindStringSubmatch(rev)
	if m == nil || strings.HasPrefix(rev, "-") {
		return "", engine.Hint(engine.Usage("--trust %s: not a git revision", rev),
			"name a branch of the remote, such as origin/main, or a commit's whole id")
	}
	name, back := m[1], m[2]
	refs := []string{name}
	if !strings.HasPrefix(name, "refs/") && !slices.Contains([]string{"HEAD", "FETCH_HEAD", "MERGE_HEAD", "ORIG_HEAD"}, name) {
		refs = []string{"refs/remotes/" + name, "refs/heads/" + name, "refs/tags/" + name, "refs/remotes/origin/" + name, "refs/" + name}
	}
	var found, commits []string
	note := func(what, spec string) {
		if id, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", spec+"^{commit}"); err == nil && id != "" {
			found, commits = append(found, what), append(commits, id)
		}
	}
	for _, ref := range refs {
		if strings.HasPrefix(ref, "refs/") {
			if _, err := r.run(ctx, "show-ref", "--verify", "--quiet", ref); err != nil {
				continue
			}
		}
		note(ref, ref)
	}
	if id := regexp.MustCompile(`^[0-9a-f]{4,64}$`); id.MatchString(name) {
		if full, err := r.run(ctx, "rev-parse", "--disambiguate="+name); err == nil && full != "" && !strings.Contains(full, "\n") {
			note("the commit "+full[:min(12, len(full))], full)
		}
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(commits)))
	switch {
	case len(distinct) == 0:
		return "", engine.Hint(engine.Usage("--trust %s: no such commit here", rev),
			"fetch it first (git fetch --depth=1 origin BRANCH), or write a directory as ./%s", rev)
	case len(distinct) > 1:
		return "", engine.Hint(engine.Usage("--trust %s is ambiguous: %s are different commits", rev, strings.Join(found, " and ")), "write %s",
			found[0])
	case back == "":
		return distinct[0], nil
	}
	id, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", distinct[0]+back+"^{commit}")
	if err != nil || id == "" {
		return "", engine.Usage("--trust %s: %s has no such ancestor here", rev, name)
	}
	return id, nil
}
