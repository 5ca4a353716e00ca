package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine"
)

// claim checks the files of the outputs before anything is evaluated, and removes what an earlier run left in them: a stale report must
// never be taken for this run's. What the command reads is never removed: inputs are the files that its configuration names, and its
// arguments.
func claim(sys *system, outs []output, inputs []string) error {
	seen := map[string]bool{}
	for _, out := range outs {
		if out.path == "" {
			continue
		}
		path := filepath.Clean(out.path)
		if seen[path] {
			return engine.Usage("two outputs go to %s", out.path)
		}
		seen[path] = true
		if isInput(path, append(inputs, sys.args...)) {
			return engine.Hint(engine.Usage("-o %s=%s: that file is an input", out.name, out.path), "write to another file")
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return engine.Hint(engine.Usage("-o %s=%s: there is no directory %s", out.name, out.path, filepath.Dir(out.path)), "create it first")
		}
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return engine.Usage("-o %s: %v", out.name, err)
		case info.IsDir():
			return engine.Usage("-o %s=%s: that is a directory", out.name, out.path)
		case isStale(path, info):
			if err := os.Remove(path); err != nil {
				return engine.Usage("-o %s: removing what an earlier run left: %v", out.name, err)
			}
		}
	}
	return nil
}

// isStale says whether an output's path holds what an earlier run can have left: a regular file, or a link to one or to nothing, of which
// the link is removed. A pipe, a device or a link to one stays: it is written to as it is.
func isStale(path string, info fs.FileInfo) bool {
	if info.Mode()&fs.ModeSymlink == 0 {
		return info.Mode().IsRegular()
	}
	target, err := os.Stat(path)
	return err != nil || target.Mode().IsRegular()
}

// removeStale removes, after a mistake that ended the command before it claimed its outputs, what an earlier run left in them. The
// mistake is said anyway, so failing to remove is not.
func removeStale(sys *system) {
	if len(sys.args) == 0 || engine.Nearest(sys.args[0], []string{"scan", "judge", "render", "inspect"}) == "" {
		return // a mistyped one of these is meant, too
	}
	for _, path := range namedOutputs(sys) {
		if info, err := os.Lstat(path); err == nil && isStale(path, info) && !isInput(path, append(sys.inputs, sys.args...)) {
			_ = os.Remove(path)
		}
	}
}

// namedOutputs finds the files of outputs in the words of the command line, which may be as mistaken as they like, and in VETO_OUTPUT.
func namedOutputs(sys *system) (paths []string) {
	specs := nonEmptyLines(sys.getenv(variableOf("output")))
	for i, word := range sys.args {
		letters, _ := strings.CutPrefix(word, "-")
		rest, short := strings.CutPrefix(strings.TrimLeft(letters, "qh"), "o") // -o, also behind shorthands without a value: -qojson=run.json
		short = short && letters != word
		switch {
		case short && rest == "" || word == "--output":
			if i+1 < len(sys.args) {
				specs = append(specs, sys.args[i+1])
			}
		case strings.HasPrefix(word, "--output="):
			specs = append(specs, strings.TrimPrefix(word, "--output="))
		case short:
			specs = append(specs, strings.TrimPrefix(rest, "="))
		case word == "--out" && i+1 < len(sys.args):
			paths = append(paths, sys.args[i+1])
		case strings.HasPrefix(word, "--out="):
			paths = append(paths, strings.TrimPrefix(word, "--out="))
		}
	}
	for _, spec := range specs {
		if _, path, ok := strings.Cut(spec, "="); ok && path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// isFolderOfData says whether a folder is an image layout or a vulnerability database, whose every file is an input.
func isFolderOfData(dir string) bool {
	for _, mark := range []string{"oci-layout", "manifest.json", "as_of.txt", "kev.json"} {
		if info, err := os.Stat(filepath.Join(dir, mark)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// isBelow says whether a file is in a folder, or in one of its folders.
func isBelow(path string, folder fs.FileInfo) bool {
	at, err := filepath.EvalSymlinks(path)
	if err == nil {
		at, err = filepath.Abs(at)
	}
	for err == nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		if info, err := os.Stat(at); err == nil && os.SameFile(info, folder) {
			return true
		}
	}
	return false
}

// isInput says whether a file is one that the words of a command or its configuration name: as they are, behind a prefix (oci:DIR,
// osv=DIR), by another spelling or through a link. The word that names the output itself, FORMAT=PATH, is none.
func isInput(path string, words []string) bool {
	file, err := os.Stat(path)
	if err != nil || !file.Mode().IsRegular() {
		return false
	}
	if name := filepath.Base(path); name == settingsName || strings.HasSuffix(name, ".rego") {
		return true
	}
	same := func(p string) bool {
		other, err := os.Stat(p)
		return err == nil && (os.SameFile(file, other) || other.IsDir() && isFolderOfData(p) && isBelow(path, other))
	}
	for i, word := range words {
		if i > 0 && words[i-1] == "--out" {
			continue
		}
		if same(word) {
			return true
		}
		if _, rest, ok := strings.Cut(word, ":"); ok && same(rest) {
			return true
		}
		if flag, rest, ok := strings.Cut(word, "="); ok && strings.HasPrefix(flag, "--") && flag != "--output" && flag != "--out" && same(rest) {
			return true
		}
	}
	return false
}
