package catalog

import (
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// reach marks the packages that hold what the image starts: the entrypoint, the command, and the first word of a shell's -c. What those start or
// load in turn is not followed, so that other packages stay unknown.
func (a *assembly) reach(c engine.Config, packages []engine.Package) {
	started := map[string]bool{}
	for _, words := range [][]string{c.Entrypoint, c.Cmd} {
		for _, word := range commands(words) {
			if p := a.program(word, c); p != "" {
				started[p] = true
			}
		}
	}
	if len(started) == 0 {
		return
	}
	owners := map[string]bool{}
	for _, at := range a.visible {
		for i := range a.last(at).Owned {
			o := &a.last(at).Owned[i]
			for _, f := range o.Files {
				if started[f.Path] || started[a.canonical(f.Path)] {
					owners[o.Type+"/"+o.Package] = true
				}
			}
		}
	}
	for i := range packages {
		p := &packages[i]
		if owners[p.Type+"/"+p.Name] || !osType(p.Type) && slices.ContainsFunc(p.Locations, func(l engine.Location) bool { return started[l.Path] }) {
			p.Reached = "yes"
		}
	}
}

// commands are the programs that a command line starts: its first word, and of sh -c "exec program …" the program too.
func commands(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	out := []string{words[0]}
	switch path.Base(words[0]) {
	case "sh", "bash", "ash", "dash", "busybox", "tini", "dumb-init", "docker-init", "env", "gosu", "su-exec":
	default:
		return out
	}
	for _, w := range words[1:] {
		fields := strings.Fields(w)
		if len(fields) > 0 && fields[0] == "exec" {
			fields = fields[1:]
		}
		if len(fields) == 0 || strings.HasPrefix(fields[0], "-") || strings.ContainsAny(fields[0], "=$`;&|<>(){}") {
			continue
		}
		return append(out, fields[0])
	}
	return out
}

// program is where in the merged tree the kernel would find a program, by the image's PATH; "" when nowhere.
func (a *assembly) program(word string, c engine.Config) string {
	places := []string{word}
	if !strings.Contains(word, "/") {
		search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // what runtimes set when an image does not
		for _, e := range c.Env {
			if v, ok := strings.CutPrefix(e, "PATH="); ok {
				search = v
			}
		}
		places = places[:0]
		for dir := range strings.SplitSeq(search, ":") {
			places = append(places, path.Join("/", dir, word))
		}
	} else if !strings.HasPrefix(word, "/") {
		places = []string{path.Join("/", string(c.WorkingDir), word)}
	}
	for _, p := range places {
		if n, err := a.tree.Resolve(p); err == nil && n.Type == engine.TypeFile {
			return n.Path
		}
	}
	return ""
}
