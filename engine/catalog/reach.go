package catalog

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// reach marks the packages that what the image starts can get to: those that hold the programs of the entrypoint and the command, what these
// packages need by their database, and so on; of a program that no package brought, the libraries that it is linked with. What a script
// calls and what a program loads by name is not known, so that all else stays unknown.
func (a *assembly) reach(c engine.Config, packages []engine.Package) {
	r := &reaching{assembly: a, packages: packages, started: map[string]bool{}, needed: map[string]bool{}, byName: map[string][]int{}, marked: make([]bool, len(packages))}
	for _, words := range [][]string{slices.Concat(c.Entrypoint, c.Cmd), c.Cmd} { // a script as entrypoint mostly starts the command
		for _, word := range commands(words) {
			if p := a.program(word, c); p != "" {
				r.started[p] = true
			}
		}
	}
	if len(r.started) == 0 {
		return
	}
	r.index()
	r.libraries()
	for wanted := maps.Clone(r.started); len(wanted) > 0; {
		wanted = r.follow(wanted)
	}
	for i := range packages {
		p := &packages[i]
		if !osType(p.Type) && slices.ContainsFunc(p.Locations, func(l engine.Location) bool {
			file, _, _ := strings.Cut(l.Path, "!/")
			return r.started[file]
		}) {
			p.Reached = "yes"
		}
	}
}

// reaching is the state of one reach.
type reaching struct {
	*assembly
	packages []engine.Package
	started  map[string]bool  // paths of the programs and the libraries that they are linked with
	needed   map[string]bool  // names and paths that have been looked up
	byName   map[string][]int // packages of the distribution by their name and what they provide
	marked   []bool           // packages that have been followed
	scans    int              // of all lists of files
}

// maxScans is how often all lists of files are searched: real packages need other's files in one or two steps, and made-up ones could in thousands.
const maxScans = 32

// index finds the packages by name.
func (r *reaching) index() {
	for i := range r.packages {
		if p := &r.packages[i]; osType(p.Type) {
			r.byName[p.Name] = append(r.byName[p.Name], i)
		}
	}
	names := 0
	for i := range r.packages {
		p := &r.packages[i]
		if !osType(p.Type) {
			continue
		}
		for name := range relations(p.Type, p.Provides) {
			if names++; names > engine.MaxProvided {
				return
			}
			if list := r.byName[name]; len(list) == 0 || list[len(list)-1] != i {
				r.byName[name] = append(list, i)
			}
		}
	}
}

// libraries adds to what is started what programs outside packages are linked with.
func (r *reaching) libraries() {
	linked := map[string]*engine.Program{}
	for _, at := range r.visible {
		if ev := r.last(at); ev.Traits != nil && ev.Traits.Program != nil && len(ev.Traits.Program.Needed) > 0 {
			linked[at.path] = ev.Traits.Program
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
			if at := r.library(name, p, linked[p].RunPath); at != "" && !r.started[at] {
				r.started[at] = true
				todo = append(todo, at)
			}
		}
	}
}

// library is where the loader finds a library (ld.so(8)): below the program's own run path, then in the folders of the system, of which there is
// one for each architecture.
func (r *reaching) library(name, program string, runPath []string) string {
	if strings.Contains(name, "/") {
		return ""
	}
	var dirs []string
	for _, p := range runPath {
		for dir := range strings.SplitSeq(p, ":") {
			dirs = append(dirs, strings.NewReplacer("$ORIGIN", "/"+path.Dir(program), "${ORIGIN}", "/"+path.Dir(program)).Replace(dir))
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

// follow marks the packages that own the wanted paths or go by the wanted names, and returns what those need in turn.
func (r *reaching) follow(wanted map[string]bool) map[string]bool {
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
		for name := range relations(p.Type, p.Depends) {
			if !r.needed[name] && (r.byName[name] != nil || r.file(name) != "") {
				next[name] = true
			}
		}
	}
	files := map[string]bool{}
	for name := range wanted {
		if at := r.file(name); at != "" {
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

// file is where in the merged tree a path of a package database, or of what is started, leads to; "" for what is no path or leads nowhere.
func (r *reaching) file(name string) string {
	if !strings.Contains(name, "/") {
		return ""
	}
	if n, err := r.tree.Resolve(path.Join("/", name)); err == nil && n.Type == engine.TypeFile {
		return n.Path
	}
	return ""
}

type packageName struct{ typ, name string }

// ownersOf are the packages of the distribution that list one of the paths.
func (r *reaching) ownersOf(paths map[string]bool) map[packageName]bool {
	out := map[packageName]bool{}
	if len(paths) == 0 || r.scans == maxScans {
		return out
	}
	r.scans++
	for _, at := range r.visible {
		owned := r.last(at).Owned
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

// relations are the names in what a package database says that a package needs or provides, without versions and architectures; of alternatives
// all. dpkg divides them by commas and bars (deb-control(5)), apk by spaces, the others' are kept in lines.
func relations(typ, raw string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.FieldsFuncSeq(raw, func(c rune) bool {
			return c == '\n' || typ == "deb" && (c == ',' || c == '|') || typ == "apk" && c == ' '
		}) {
			word = strings.TrimSpace(word)
			switch typ {
			case "deb":
				word = until(word, " (:[<")
			case "apk":
				word = until(word, "<>=~")
			case "alpm":
				word = until(word, "<>=:")
			}
			if word != "" && word[0] != '!' && !yield(word) { // apk writes a conflict as !name
				return
			}
		}
	}
}

// related joins two fields of a package database. What is longer than any real one is nothing, and leaves the package's reach unknown.
func related(a, b, between string) string {
	if len(a)+len(b) > engine.MaxRelations {
		return ""
	}
	if a == "" || b == "" {
		return a + b
	}
	return a + between + b
}

func until(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i]
	}
	return s
}

// commands are the programs that a command line starts: its first word, of sh -c "exec program …" the program too, and the archive of java -jar.
func commands(words []string) []string {
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
		return append(out, commands(append(slices.Clone(fields), words[i+2:]...))...)
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
