package catalog

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// markReached sets Reached of the packages that the image's entrypoint and command lead to: the packages of their programs, what those need
// by their database, and so on; of a program that is in no package, the packages of the libraries that it is linked with. Nobody knows what
// a script calls or a program loads by name, so that all other packages stay unknown.
func (a *assembly) markReached(c engine.Config, packages []engine.Package) {
	r := &reachability{
		assembly: a, packages: packages, marked: make([]bool, len(packages)),
		started: map[string]bool{}, needed: map[string]bool{}, byName: map[string][]int{},
	}
	for _, words := range [][]string{slices.Concat(c.Entrypoint, c.Cmd), c.Cmd} { // a script that is the entrypoint mostly starts the command
		for _, word := range startedPrograms(words) {
			if p := a.findProgram(word, c); p != "" {
				r.started[p] = true
			}
		}
	}
	if len(r.started) == 0 {
		return
	}
	r.indexNames()
	r.addLibraries()
	for wanted := maps.Clone(r.started); len(wanted) > 0; {
		wanted = r.markNeeded(wanted)
	}
	for i := range packages {
		p := &packages[i]
		if !engine.OfDistribution(p.Type) && slices.ContainsFunc(p.Locations, func(l engine.Location) bool {
			file, _, _ := strings.Cut(l.Path, "!/")
			return r.started[file]
		}) {
			p.Reached = "yes"
		}
	}
}

// reachability is the state of one markReached.
type reachability struct {
	*assembly
	packages  []engine.Package
	started   map[string]bool  // paths of the programs that are started, and of the libraries that they are linked with
	needed    map[string]bool  // names and paths that have been looked up
	byName    map[string][]int // indexes of the distribution's packages, by their names and what they provide
	marked    []bool           // packages whose dependencies have been followed
	listScans int              // how often all lists of files have been searched
}

// maxScans is how often all lists of files are searched at most. Real packages need files of others in one or two steps; forged ones could
// ask for thousands.
const maxScans = 32

// indexNames fills byName.
func (r *reachability) indexNames() {
	for i := range r.packages {
		if p := &r.packages[i]; engine.OfDistribution(p.Type) {
			r.byName[p.Name] = append(r.byName[p.Name], i)
		}
	}
	names := 0
	for i := range r.packages {
		p := &r.packages[i]
		if !engine.OfDistribution(p.Type) {
			continue
		}
		for name := range relationNames(p.Type, p.Provides) {
			if names++; names > engine.MaxProvided {
				return
			}
			if list := r.byName[name]; len(list) == 0 || list[len(list)-1] != i {
				r.byName[name] = append(list, i)
			}
		}
	}
}

// addLibraries adds to started the libraries that started programs are linked with, and those that these are linked with.
func (r *reachability) addLibraries() {
	linked := map[string]*engine.Program{}
	for _, key := range r.visible {
		if ev := r.latest(key); ev.Traits != nil && ev.Traits.Program != nil && len(ev.Traits.Program.Needed) > 0 {
			linked[key.path] = ev.Traits.Program
		}
	}
	todo := slices.Sorted(maps.Keys(r.started))
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		if linked[p] == nil {
			continue
		}
		for _, name := range linked[p].Needed {
			if at := r.findLibrary(name, p, linked[p].RunPath); at != "" && !r.started[at] {
				r.started[at] = true
				todo = append(todo, at)
			}
		}
	}
}

// findLibrary returns the path at which the loader finds a library (ld.so(8)), "" when nowhere: first in the program's own run path, then
// in the folders of the system, of which there is one for each architecture.
func (r *reachability) findLibrary(name, program string, runPath []string) string {
	if strings.Contains(name, "/") {
		return ""
	}
	var dirs []string
	for _, p := range runPath {
		for dir := range strings.SplitSeq(p, ":") {
			origin := "/" + path.Dir(program)
			dirs = append(dirs, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir))
		}
	}
	dirs = append(dirs, "/usr/local/lib")
	for _, triplet := range []string{"x86_64", "aarch64", "arm", "i386", "powerpc64le", "s390x", "riscv64"} {
		abi := "gnu"
		if triplet == "arm" {
			abi = "gnueabihf"
		}
		dirs = append(dirs, "/usr/lib/"+triplet+"-linux-"+abi)
	}
	for _, dir := range append(dirs, "/lib", "/usr/lib", "/lib64", "/usr/lib64") {
		if n, err := r.tree.Resolve(path.Join("/", dir, name)); err == nil && n.Type == engine.TypeFile {
			return n.Path
		}
	}
	return ""
}

// markNeeded marks the packages that own the wanted paths or have the wanted names, and returns the names and paths that those packages
// need.
func (r *reachability) markNeeded(wanted map[string]bool) map[string]bool {
	maps.Copy(r.needed, wanted)
	next := map[string]bool{}
	mark := func(i int) {
		p := &r.packages[i]
		if r.marked[i] {
			return
		}
		r.marked[i] = true
		if p.NoCode == "" { // what has none is reached by nothing
			p.Reached = "yes"
		}
		for name := range relationNames(p.Type, p.Depends) {
			if !r.needed[name] && (r.byName[name] != nil || r.resolveFile(name) != "") {
				next[name] = true
			}
		}
	}
	files := map[string]bool{}
	for name := range wanted {
		if at := r.resolveFile(name); at != "" {
			files[strings.TrimPrefix(name, "/")], files[at] = true, true
		}
		for _, i := range r.byName[name] {
			mark(i)
		}
	}
	for owner := range r.ownersOf(files) {
		for _, i := range r.byName[owner.name] {
			if r.packages[i].Type == owner.typ {
				mark(i)
			}
		}
	}
	return next
}

// resolveFile returns the path of the file in the merged tree that a path leads to; "" for what is no path, or leads to no file.
func (r *reachability) resolveFile(name string) string {
	if !strings.Contains(name, "/") {
		return ""
	}
	if n, err := r.tree.Resolve(path.Join("/", name)); err == nil && n.Type == engine.TypeFile {
		return n.Path
	}
	return ""
}

type packageName struct{ typ, name string }

// ownersOf returns the packages of the distribution that list one of the paths.
func (r *reachability) ownersOf(paths map[string]bool) map[packageName]bool {
	out := map[packageName]bool{}
	if len(paths) == 0 || r.listScans == maxScans {
		return out
	}
	r.listScans++
	for _, key := range r.visible {
		owned := r.latest(key).Owned
		for i := range owned {
			for _, f := range owned[i].Files {
				if paths[f.Path] || paths[r.canonical(f.Path)] {
					out[packageName{owned[i].Type, owned[i].Package}] = true
					break
				}
			}
		}
	}
	return out
}

// relationNames yields the names in what a package database says that a package needs or provides, without versions and architectures, and
// all of several alternatives. dpkg separates them by commas and bars (deb-control(5)), apk by spaces; joinRelations keeps those of the
// others in lines.
func relationNames(typ, raw string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.FieldsFuncSeq(raw, func(c rune) bool {
			return c == '\n' || typ == "deb" && (c == ',' || c == '|') || typ == "apk" && c == ' '
		}) {
			word = strings.TrimSpace(word)
			switch typ {
			case "deb":
				word = cutBefore(word, " (:[<")
			case "apk":
				word = cutBefore(word, "<>=~")
			case "alpm":
				word = cutBefore(word, "<>=:")
			}
			if word != "" && word[0] != '!' && !yield(word) { // apk writes a conflict as !name
				return
			}
		}
	}
}

// joinRelations joins two fields of a package database. Above engine.MaxRelations it returns "", which leaves unknown what the package
// reaches.
func joinRelations(a, b, separator string) string {
	if len(a)+len(b) > engine.MaxRelations {
		return ""
	}
	if a == "" || b == "" {
		return a + b
	}
	return a + separator + b
}

// cutBefore returns what precedes the first of some characters.
func cutBefore(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i]
	}
	return s
}

// startedPrograms returns the programs that a command line starts: its first word, of sh -c "exec program …" the program too, and the
// archive of java -jar.
func startedPrograms(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	out := []string{words[0]}
	switch path.Base(words[0]) {
	case "java":
		if i := slices.Index(words, "-jar"); i > 0 && i+1 < len(words) {
			jar := words[i+1]
			if !strings.Contains(jar, "/") { // PATH is not searched for it
				jar = "./" + jar
			}
			out = append(out, jar)
		}
		return out
	case "sh", "bash", "ash", "dash", "busybox", "tini", "dumb-init", "docker-init", "env", "gosu", "su-exec":
	default:
		return out
	}
	for i, w := range words[1:] {
		fields := strings.Fields(w)
		if len(fields) > 0 && fields[0] == "exec" {
			fields = fields[1:]
		}
		if len(fields) == 0 || strings.HasPrefix(fields[0], "-") || strings.ContainsAny(fields[0], "=$`;&|<>(){}") {
			continue
		}
		return append(out, startedPrograms(append(slices.Clone(fields), words[i+2:]...))...)
	}
	return out
}

// findProgram returns the path of the file that a runtime would start for a word, by the image's PATH and working directory; "" when none.
func (a *assembly) findProgram(word string, c engine.Config) string {
	candidates := []string{word}
	if !strings.Contains(word, "/") {
		search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // what runtimes set when an image does not
		for _, e := range c.Env {
			if v, ok := strings.CutPrefix(e, "PATH="); ok {
				search = v
			}
		}
		candidates = candidates[:0]
		for dir := range strings.SplitSeq(search, ":") {
			candidates = append(candidates, path.Join("/", dir, word))
		}
	} else if !strings.HasPrefix(word, "/") {
		candidates = []string{path.Join("/", string(c.WorkingDir), word)}
	}
	for _, p := range candidates {
		if n, err := a.tree.Resolve(p); err == nil && n.Type == engine.TypeFile {
			return n.Path
		}
	}
	return ""
}
