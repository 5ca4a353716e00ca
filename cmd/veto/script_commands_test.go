package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are the commands of stories beside testscript's own, veto and mkimage.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "zip": zipFiles, "rename": renameField}
}

// scriptEnv fences a story off from this machine's settings and caches.
func scriptEnv(repo string) func(*testscript.Env) error {
	return func(env *testscript.Env) error {
		env.Setenv("REPO", repo)
		env.Setenv("VETO_CACHE", filepath.Join(env.WorkDir, ".cache"))
		env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
		env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache-home"))
		env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
		return nil
	}
}

// exits runs a command and compares its exit code: `exits 3 veto scan x.tar`.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ok bool
		if got, ok = exitCode(err); !ok {
			ts.Fatalf("%v: %v", args[1:], err)
		}
	}
	if got != want {
		ts.Fatalf("%v: exit %d, want %d", args[1:], got, want)
	}
}

// zipFiles packs files: `zip OUT FILE…`.
func zipFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: zip OUT FILE…")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range args[1:] {
		w, err := z.Create(filepath.Base(name))
		ts.Check(err)
		_, err = w.Write([]byte(ts.ReadFile(name)))
		ts.Check(err)
	}
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// renameField copies a JSON document with one field under another name, or without it: `rename OUT FILE FIELD [NAME]`. FIELD is a path
// such as reports.0.gaps.
func renameField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: rename OUT FILE FIELD [NAME]")
	}
	var doc any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &doc))
	path := strings.Split(args[2], ".")
	at := doc
	for _, key := range path[:len(path)-1] {
		if list, ok := at.([]any); ok {
			i, err := strconv.Atoi(key)
			ts.Check(err)
			at = list[i]
			continue
		}
		at = at.(map[string]any)[key]
	}
	object, last := at.(map[string]any), path[len(path)-1]
	if _, there := object[last]; !there {
		ts.Fatalf("%s has no %s", args[1], args[2])
	}
	if len(args) == 4 {
		object[args[3]] = object[last]
	}
	delete(object, last)
	b, err := json.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}
