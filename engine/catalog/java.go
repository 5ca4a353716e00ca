package catalog

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// java reads Java archives and those inside them: an application's war, a fat jar, a library with others shaded into it. Archives have the
// format of zip with the metadata of the JAR File Specification and of Maven. Java takes an archive under any name, and with anything in
// front of it.
type java struct{}

func (java) Name() string { return "java/5" }

func (java) Wants(p string, _ fs.FileMode, size int64) bool {
	return size >= zipEndSize || javaArchive(p)
}

// Fits implements engine.Sniffing. What begins as a program is read by programs.
func (java) Fits(p string, _ fs.FileMode, _ int64, e *engine.Edges) bool {
	switch head := string(e.Head); {
	case javaArchive(p), head == zipFileSig:
		return true
	case len(head) == 4 && head[:2] == "#!" && e.Tail == nil:
		return true
	case head == "\x7fELF":
		return false
	}
	return bytes.Contains(e.Tail, []byte(zipEndSig))
}

// PassedBy implements engine.Passing. What is in such an archive behind other bytes is not known: the list at its end says that it is
// Java's.
func (java) PassedBy(_ string, e *engine.Edges, tail []byte) *engine.Gap {
	if !bytes.Contains(tail, []byte(zipEndSig)) { // of nearly all files, and many times faster than LastIndex
		return nil
	}
	head := string(e.Head)
	i := bytes.LastIndex(tail, []byte(zipEndSig))
	if head == jmodSig || head == "\x7fELF" || !bytes.Contains(tail[:i], []byte(zipListSig)) {
		return nil
	}
	for _, mark := range []string{manifestMark, mavenMark, classMark} {
		if bytes.Contains(bytes.ToUpper(tail[:i+len(zipEndSig)]), bytes.ToUpper([]byte(mark))) {
			return &engine.Gap{Kind: engine.GapUnsupported, Subject: "java archives behind other bytes",
				Detail: "an archive of Java behind other bytes, in a compressed layer, where it cannot be read a second time"}
		}
	}
	return nil
}

// jmodSig is how a module of the JDK begins (JEP 261, "JMOD files"). No program loads its classes, which are in the folder classes.
const jmodSig = "JM\x01\x00"

func javaArchive(p string) bool {
	i := len(p) - len(".jar")
	if i <= 0 || p[i] != '.' {
		return false
	}
	return onlyJava(p) || equalFoldAny(p[i+1:], "par", "sar", "kar", "hpi", "jpi", "nar", "rar")
}

// onlyJava says whether only Java has files of that suffix. The other suffixes of javaArchive are Perl's, Nix's and others' too.
func onlyJava(p string) bool { return equalFoldAny(p[max(0, len(p)-4):], ".jar", ".war", ".ear") }

func equalFoldAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

func (java) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	named := javaArchive(f.Path)
	if !onlyJava(f.Path) {
		head, err := f.Head(4)
		if err != nil || javaArchive(f.Path) && !bytes.HasPrefix(head, []byte("PK")) {
			return ev, err
		}
		if f.Size > engine.MaxArchiveHeld && !f.Seekable() {
			return ev, passArchive(f)
		}
	}
	at, err := f.ReaderAt(engine.MaxArchiveHeld)
	if err != nil {
		return ev, err
	}
	r := &archiveReader{ctx: ctx, ev: &ev, left: engine.MaxNestedBytes}
	return ev, r.readArchive(at, f.Size, archiveName{base: path.Base(f.Path), sure: named})
}

// readAppendedArchive reads the Java archive at the end of a program, if one is there.
func readAppendedArchive(ctx context.Context, at io.ReaderAt, size int64, p string, ev *engine.Evidence) error {
	r := &archiveReader{ctx: ctx, ev: ev, left: engine.MaxNestedBytes}
	return r.readArchive(at, size, archiveName{base: path.Base(p)})
}

// Marks of Java in the bytes of an archive.
const (
	manifestMark = "META-INF/MANIFEST.MF"
	mavenMark    = "META-INF/maven/"
	classMark    = ".classPK"
)

// passArchive looks for Java in an archive without its name that is too large to be held and can be read only once.
func passArchive(f *engine.File) error {
	seen := newMarkSearch(manifestMark, mavenMark, classMark)
	if _, err := io.CopyBuffer(seen, struct{ io.Reader }{f.Stream(engine.AllSums)}, make([]byte, signatureBlock)); err != nil {
		return err
	}
	if seen.has(manifestMark) || seen.has(mavenMark) || seen.has(classMark) {
		return &engine.LimitError{What: "size of an archive of Java in a compressed layer", Limit: engine.MaxArchiveHeld}
	}
	return nil
}

// archiveName is where an archive is.
type archiveName struct {
	base  string // the file's name
	inner string // its path within the outermost archive, "" for that itself
	sure  bool   // the name says that it is Java's; otherwise its content has to
	depth int    // how many archives are around it
}

// archiveReader is the state of reading one archive with all archives in it. Their limits are common.
type archiveReader struct {
	ctx   context.Context
	ev    *engine.Evidence
	left  int64 // bytes that lists and unpacked files may still have
	files int   // that lists have named
	flate io.ReadCloser
}

// spend takes bytes of what may still be read.
func (r *archiveReader) spend(n int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.left -= n; r.left < 0 { // a list may name one file many times
		return &engine.LimitError{What: "bytes of what is in an archive", Limit: engine.MaxNestedBytes}
	}
	return nil
}

// jar is what an archive says of itself.
type jar struct {
	poms     []pom             // of META-INF/maven
	models   map[string]pom    // what pom.xml says, by the folder; without a version where it cannot be told
	manifest map[string]string // main attributes of META-INF/MANIFEST.MF, by their names in lower case
	classes  bool              // it has classes, which some package has to be of
	folders  map[string]bool   // of the classes
}

// pom names a package of Maven.
type pom struct{ group, artifact, version string }

// readArchive reads one archive.
func (r *archiveReader) readArchive(at io.ReaderAt, size int64, name archiveName) error {
	z := &zipReader{at: at, size: size, read: r.spend}
	entries, err := z.entries()
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) {
		return err
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if z.hasSig(0, jmodSig) {
		entries = slices.DeleteFunc(entries, func(e zipEntry) bool { return strings.HasPrefix(e.name, "classes/") })
	}
	if !name.sure && !saysJava(entries) && (err == nil || !looksJava(z)) {
		return nil
	}
	if err != nil {
		if name.inner == "" && len(entries) == 0 {
			return fmt.Errorf("an archive of Java: %w", err)
		}
		if addErr := addMalformed(r.ev, strings.TrimPrefix(fmt.Sprintf("%.200q in it: %v", name.inner, err), `"" in it: `)); addErr != nil {
			return addErr
		}
	}
	var j jar
	err = r.readEntries(z, entries, &j, name)
	if addErr := r.addPackages(&j, name); err == nil { // after an error too: what was read is kept
		err = addErr
	}
	return err
}

// saysJava says whether the files of an archive are those of one that Java runs: classes, or a manifest.
func saysJava(entries []zipEntry) bool {
	for i := range entries {
		if name := entries[i].name; strings.HasSuffix(name, ".class") || strings.EqualFold(strings.TrimPrefix(name, "/"), manifestMark) {
			return true
		}
	}
	return false
}

// looksJava says whether an archive that cannot be read has Java's names in it.
func looksJava(z *zipReader) bool {
	if !z.ended && !z.hasSig(0, zipFileSig) {
		return false
	}
	seen := newMarkSearch(manifestMark, mavenMark, classMark)
	body := io.NewSectionReader(z.at, 0, min(z.size, engine.MaxArchiveHeld))
	if _, err := io.CopyBuffer(seen, struct{ io.Reader }{body}, make([]byte, min(z.size, signatureBlock))); err != nil {
		return false // nobody can read it
	}
	return seen.has(manifestMark) || seen.has(mavenMark) || seen.has(classMark)
}

// readEntries reads the files of an archive that say something of it, and the archives in it. What cannot be read is a gap.
func (r *archiveReader) readEntries(z *zipReader, entries []zipEntry, j *jar, name archiveName) error {
	for i := range entries {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if r.files++; r.files > engine.MaxArchiveEntries {
			return &engine.LimitError{What: "number of files of an archive", Limit: engine.MaxArchiveEntries}
		}
		e := &entries[i]
		err := r.readEntry(z, e, j, name)
		if limit := (*engine.LimitError)(nil); err != nil && !errors.As(err, &limit) && r.ctx.Err() == nil {
			err = addMalformed(r.ev, fmt.Sprintf("%.200q in it: %v", path.Join(name.inner, e.name), err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *archiveReader) readEntry(z *zipReader, e *zipEntry, j *jar, name archiveName) error {
	// Some tools write the separator of Windows, and a leading one.
	in := strings.TrimPrefix(strings.ReplaceAll(e.name, `\`, "/"), "/")
	switch {
	case strings.HasSuffix(in, "/"):
		return nil
	case strings.HasSuffix(in, ".class"):
		j.addFolder(in)
		return nil
	case strings.EqualFold(in, manifestMark):
		body, err := r.readBody(z, e, engine.MaxMetadata)
		if err == nil && j.manifest == nil {
			j.manifest = mainAttributes(body)
		}
		return err
	case isPomProperties(in):
		body, err := r.readBody(z, e, engine.MaxReleaseFile)
		if err != nil {
			return err
		}
		p, err := readPom(body)
		if err == nil {
			j.poms = append(j.poms, p)
		}
		return err
	case isPomModel(in):
		body, err := r.readBody(z, e, engine.MaxMetadata)
		if err == nil && len(j.models) < engine.MaxGaps {
			if j.models == nil {
				j.models = map[string]pom{}
			}
			j.models[path.Dir(in)] = readModel(body, in)
		}
		return err
	case javaArchive(in):
		return r.readNested(z, e, in, name)
	case e.opened >= zipEndSize && !neverArchive(in):
		return r.readNested(z, e, in, name)
	}
	return nil
}

// neverArchive says whether a file in an archive has a suffix of what no loader opens as an archive.
func neverArchive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".java", ".kt", ".xml", ".properties", ".html", ".htm", ".js", ".css", ".json", ".txt", ".md", ".mf", ".sf", ".rsa", ".dsa", ".png",
		".gif", ".jpg", ".jpeg", ".svg", ".yml", ".yaml", ".xsd", ".dtd", ".so", ".dll", ".dylib", ".jnilib", ".kotlin_module", ".clj",
		".groovy", ".scala", ".tld", ".jsp", ".vm", ".ftl", ".woff", ".woff2", ".ttf", ".ico", ".map":
		return true
	}
	return false
}

// isPomProperties says whether a file is what Maven writes into the archive of a package, also where that was unpacked into another one.
func isPomProperties(name string) bool {
	if !strings.HasSuffix(name, "/pom.properties") {
		return false
	}
	return strings.HasPrefix(name, mavenMark) || strings.Contains(name, "/"+mavenMark)
}

// isPomModel says whether a file is the model of a package of Maven, which stands beside its properties, or alone.
func isPomModel(name string) bool {
	return strings.HasSuffix(name, "/pom.xml") && (strings.HasPrefix(name, mavenMark) || strings.Contains(name, "/"+mavenMark))
}

// readNested reads a file in an archive that is one itself: by its name, or by its first bytes.
func (r *archiveReader) readNested(z *zipReader, e *zipEntry, in string, outer archiveName) error {
	sure := onlyJava(in)
	body, err := r.open(z, e)
	if err != nil {
		if sure {
			return err
		}
		return nil
	}
	if !sure {
		sure = javaArchive(in)
		head := make([]byte, len(zipFileSig))
		if n, _ := io.ReadFull(body, head); n < len(head) || string(head) != zipFileSig {
			return nil
		}
	}
	if outer.depth >= engine.MaxNestedArchives {
		return &engine.LimitError{What: "depth of archives in archives", Limit: engine.MaxNestedArchives}
	}
	name := archiveName{base: path.Base(in), inner: in, sure: sure, depth: outer.depth + 1}
	if outer.inner != "" {
		name.inner = outer.inner + "!/" + in
	}
	if e.method == 0 { // Spring Boot stores them so: they are read where they are
		section, err := z.data(e)
		if err != nil {
			return err
		}
		return r.readArchive(section, section.Size(), name)
	}
	held, err := r.readBody(z, e, min(max(r.left, 0), engine.MaxArchiveHeld))
	if err != nil {
		return err
	}
	return r.readArchive(bytes.NewReader(held), int64(len(held)), name)
}

// open returns the content of an entry, valid until the next call.
func (r *archiveReader) open(z *zipReader, e *zipEntry) (io.Reader, error) {
	section, err := z.data(e)
	switch {
	case err != nil:
		return nil, err
	case e.method == 0:
		return section, nil
	case e.method != 8:
		return nil, fmt.Errorf("its method of compression is %d, which Java does not know", e.method)
	}
	if r.flate == nil {
		r.flate = flate.NewReader(section)
		return r.flate, nil
	}
	return r.flate, r.flate.(flate.Resetter).Reset(section, nil) //nolint:errcheck // flate's readers are resetters
}

// readBody unpacks a file of at most limit bytes.
func (r *archiveReader) readBody(z *zipReader, e *zipEntry, limit int64) ([]byte, error) {
	tooLarge := &engine.LimitError{What: "bytes of a file in an archive", Limit: limit}
	if e.opened > limit {
		return nil, tooLarge
	}
	body, err := r.open(z, e)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	if spent := r.spend(int64(len(b))); spent != nil {
		return nil, spent
	}
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, tooLarge
	case crc32.ChecksumIEEE(b) != e.checksum: // Java does not check it
		err = addMalformed(r.ev, fmt.Sprintf("%.200q in it is not what its checksum says", e.name))
	}
	return b, err
}
