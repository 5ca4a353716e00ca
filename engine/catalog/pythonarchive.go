package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// pythonArchives reads archives that Python imports from as they are (zipimport): wheels, eggs, and programs that are one file (zipapp,
// pex, shiv), which begin with a line for the kernel and often have no suffix.
type pythonArchives struct{}

func (pythonArchives) Name() string { return "python-archive/1" }

// FindsLittle implements engine.Sparse.
func (pythonArchives) FindsLittle() {}

// BaseNames implements engine.Placed.
func (pythonArchives) BaseNames() []string { return []string{"*.whl", "*.egg", "*.pyz", "*.pex"} }

// minPythonArchive is the size in bytes below which no archive holds a package with its metadata.
const minPythonArchive = 150

func (pythonArchives) Wants(p string, mode fs.FileMode, size int64) bool {
	base := p[strings.LastIndexByte(p, '/')+1:]
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 {
		return size >= minPythonArchive && (mode&0o111 != 0 || outsideSystem(p) && !isNoticeByName(base))
	}
	if mode&0o111 != 0 && size >= minPythonArchive && !isScriptOrLibrary(base[dot:]) {
		return true
	}
	return onlyPython(base) || strings.EqualFold(base[dot:], ".zip") && !strings.Contains(p, ".yarn/")
}

// isScriptOrLibrary says whether a suffix is one that executable files have by the thousand which are no archives.
func isScriptOrLibrary(suffix string) bool {
	switch suffix {
	case ".so", ".py", ".sh", ".js", ".pl", ".rb", ".pm", ".txt", ".json", ".c", ".h",
		".0", ".1", ".2", ".3", ".4", ".5", ".6", ".node", ".jar":
		return true
	}
	return false
}

// outsideSystem says whether a file is where distributions have nothing: there a program may lie that is started as "python FILE", and
// needs no mode for it.
func outsideSystem(p string) bool {
	first, rest, _ := strings.Cut(p, "/")
	if first == "usr" {
		first, _, _ = strings.Cut(rest, "/")
		return first == "local" || first == "src"
	}
	switch first {
	case "etc", "var", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "boot", "proc", "sys", "dev", "run":
		return false
	}
	return true
}

// isNoticeByName says whether a file has one of the names that thousands of files have which are no programs.
func isNoticeByName(base string) bool {
	switch base {
	case "METADATA", "RECORD", "WHEEL", "INSTALLER", "REQUESTED", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "README", "Makefile",
		"Kconfig", "PKG-INFO", "CHANGELOG", "Dockerfile":
		return true
	}
	return false
}

// onlyPython says whether only Python has files of that suffix.
func onlyPython(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	return dot >= 0 && equalFoldAny(name[dot+1:], "whl", "egg", "pyz", "pyzw", "pex")
}

func (pythonArchives) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	if f.Size == 0 {
		return ev, nil
	}
	sure := onlyPython(f.Path)
	if !sure {
		head, err := f.Head(maxInterpreterLine)
		if err != nil || !bytes.HasPrefix(head, []byte("PK\x03\x04")) && !startsPython(head) {
			return ev, err
		}
	}
	at, err := f.ReaderAt(engine.MaxArchiveHeld)
	if err != nil {
		return ev, err
	}
	r := &pythonReader{ctx: ctx, ev: &ev, left: engine.MaxNestedBytes}
	if err := r.read(at, f.Size, f.Path, "", 0); err != nil && (sure || !errors.Is(err, zip.ErrFormat)) {
		return ev, fmt.Errorf("an archive of Python: %w", err)
	}
	return ev, nil
}

// maxInterpreterLine is how long the first line of a program is that names its interpreter (execve(2)).
const maxInterpreterLine = 256

// startsPython says whether a program's first line names Python.
func startsPython(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.HasPrefix(line, []byte("#!")) && (bytes.Contains(line, []byte("python")) || bytes.Contains(line, []byte("pypy")))
}

// pythonReader reads an archive and those in it. Their limits are common.
type pythonReader struct {
	ctx   context.Context
	ev    *engine.Evidence
	left  int64 // bytes that lists and unpacked files may still have
	files int   // that lists have named
}

// spend takes bytes of what may still be read.
func (r *pythonReader) spend(n int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.left -= n; r.left < 0 { // a list may name one file many times
		return &engine.LimitError{What: "bytes of what is in an archive", Limit: engine.MaxNestedBytes}
	}
	return nil
}

// pythonList bounds what archive/zip reads when it opens an archive: it keeps all that the list of files names.
type pythonList struct {
	*pythonReader
	at   io.ReaderAt
	left int64 // bytes of this archive's list
	open bool  // the list has been read
}

func (l *pythonList) ReadAt(b []byte, off int64) (int, error) {
	n, err := l.at.ReadAt(b, off)
	if l.open {
		return n, err
	}
	if l.left -= int64(n); l.left < 0 {
		return 0, &engine.LimitError{What: "bytes of the list of files of an archive", Limit: engine.MaxArchiveList}
	}
	if limit := l.spend(int64(n)); limit != nil {
		return 0, limit
	}
	return n, err
}

// body unpacks a file of at most limit bytes.
func (r *pythonReader) body(f *zip.File, limit int64) ([]byte, error) {
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, min(limit, max(r.left, 0))+1))
	if err = errors.Join(err, rc.Close(), r.spend(int64(len(b)))); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &engine.LimitError{What: "bytes of a file in an archive", Limit: limit}
	}
	return b, nil
}

// read reads one archive. inner is its path within the outermost one, "" for that itself; depth counts the archives around it.
func (r *pythonReader) read(at io.ReaderAt, size int64, name, inner string, depth int) error {
	list := &pythonList{pythonReader: r, at: at, left: engine.MaxArchiveList}
	z, err := zip.NewReader(list, size)
	if err != nil {
		return err
	}
	list.open = true
	if len(z.File) == 0 && onlyPython(name) {
		return errors.New("it lists no file")
	}
	infos := map[string]bool{} // folders of metadata, and whether it names the package
	modules := false
	for _, f := range z.File {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if r.files++; r.files > engine.MaxArchiveEntries {
			return &engine.LimitError{What: "number of files of an archive", Limit: engine.MaxArchiveEntries}
		}
		inside := strings.TrimSuffix(strings.TrimPrefix(f.Name, "/"), "/")
		if dir := pythonInfoOf(inside); dir != "" && !infos[dir] {
			infos[dir] = false
		}
		modules = modules || equalFoldAny(path.Ext(inside), ".py", ".pyc", ".so")
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		err := r.entry(f, name, inside, inner, depth, infos)
		if limit := (*engine.LimitError)(nil); err != nil && !errors.As(err, &limit) && r.ctx.Err() == nil {
			err = addMalformed(r.ev, fmt.Sprintf("%.200q in it: %v", path.Join(inner, inside), err))
		}
		if err != nil {
			return err
		}
	}
	return r.unread(name, inner, infos, modules)
}

// pythonInfoOf returns the outermost folder of metadata in a path within an archive, or the path itself, "" where there is none.
func pythonInfoOf(p string) string {
	for i := 0; i <= len(p); i++ {
		if i != len(p) && p[i] != '/' {
			continue
		}
		dir := p[:i]
		base := dir[strings.LastIndexByte(dir, '/')+1:]
		if endsFold(base, ".dist-info") || endsFold(base, ".egg-info") || strings.EqualFold(base, "EGG-INFO") {
			return dir
		}
	}
	return ""
}

// entry reads a file that says something of a package, or an archive in the archive.
func (r *pythonReader) entry(f *zip.File, name, inside, inner string, depth int, infos map[string]bool) error {
	dir, base := path.Split(inside)
	dir = strings.TrimSuffix(dir, "/")
	switch metadata := base == "METADATA" || base == "PKG-INFO"; {
	case metadata && (isPythonInfo(dir) || strings.EqualFold(path.Base(dir), "EGG-INFO")):
	case endsFold(base, ".dist-info") || endsFold(base, ".egg-info"):
		dir = inside
	case onlyPython(base):
		if depth >= engine.MaxNestedArchives {
			return &engine.LimitError{What: "depth of archives in archives", Limit: engine.MaxNestedArchives}
		}
		body, err := r.body(f, engine.MaxArchiveHeld)
		if err != nil {
			return err
		}
		return r.read(bytes.NewReader(body), int64(len(body)), base, within(inner, inside), depth+1)
	default:
		return nil
	}
	body, err := r.body(f, engine.MaxMetadata)
	if err != nil || len(body) == 0 {
		return err
	}
	p, err := pythonPackage(body)
	if err != nil {
		return err
	}
	infos[dir] = true
	if named := otherName(path.Base(dir), p); named != nil {
		if err := r.add(named, name, inner, dir); err != nil {
			return err
		}
	}
	return r.add(p, name, inner, dir)
}

// within joins the path of an archive in an archive with that of a file in it.
func within(inner, inside string) string {
	if inner == "" {
		return inside
	}
	return inner + "!/" + inside
}

// add adds a package, with its place where it is not the archive's own.
func (r *pythonReader) add(p *engine.Package, name, inner, dir string) error {
	place := inner
	if own := onlyPython(name) && equalFoldAny(path.Ext(name), ".whl", ".egg") && !strings.Contains(dir, "/"); !own && dir != "" {
		place = within(inner, dir)
	}
	if place != "" {
		p.Locations = []engine.Location{{Path: place}}
	}
	return addPackage(r.ev, p)
}

// unread takes what has no metadata by its name: pip reads a folder NAME-VERSION.dist-info so, and a wheel's or an egg's own name begins
// the same way. Where the name does not say it, it is a gap.
func (r *pythonReader) unread(name, inner string, infos map[string]bool, modules bool) error {
	named := func(base, dir string) error {
		if p := pythonNamed(base); p != nil {
			return r.add(p, name, inner, dir)
		}
		return addMalformed(r.ev, fmt.Sprintf("%.200q: a package of Python whose metadata is not there", within(inner, base)))
	}
	base := path.Base(name)
	for _, dir := range slices.Sorted(maps.Keys(infos)) {
		info := path.Base(dir)
		if strings.EqualFold(info, "EGG-INFO") {
			info = firstOf(strings.Trim(path.Base(path.Dir(dir)), "."), base)
		}
		if infos[dir] {
			continue
		}
		if err := named(info, dir); err != nil {
			return err
		}
	}
	if len(infos) == 0 && modules && equalFoldAny(path.Ext(base), ".whl", ".egg") {
		return named(base, "")
	}
	return nil
}
