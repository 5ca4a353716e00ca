package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// java reads Java archives and those inside them: an application's war, a fat jar, a library with others shaded into it. Archives have the
// format of zip (APPNOTE.TXT) with the metadata of the JAR File Specification and of Maven.
type java struct{}

func (java) Name() string { return "java/3" }

func (java) Wants(p string, _ fs.FileMode, _ int64) bool { return javaArchive(p) }

func javaArchive(p string) bool {
	i := len(p) - len(".jar")
	if i <= 0 || p[i] != '.' {
		return false
	}
	return onlyJava(p) || equalFoldAny(p[i+1:], "par", "sar", "kar", "hpi", "jpi", "nar")
}

// onlyJava says whether only Java has files of that suffix. The other suffixes of javaArchive are Perl's, Nix's and others' too.
func onlyJava(p string) bool { return equalFoldAny(p[max(0, len(p)-3):], "jar", "war", "ear") }

func equalFoldAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

func (java) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	if !onlyJava(f.Path) {
		if head, err := f.Head(2); err != nil || string(head) != "PK" {
			return ev, err
		}
	}
	at, err := f.ReaderAt(engine.MaxArchiveHeld)
	if err != nil {
		return ev, err
	}
	r := &archiveReader{ctx: ctx, ev: &ev, left: engine.MaxNestedBytes}
	return ev, r.readArchive(at, f.Size, f.Path, "", 0)
}

// archiveReader is the state of reading one archive with all archives in it. Their limits are common.
type archiveReader struct {
	ctx   context.Context
	ev    *engine.Evidence
	left  int64 // bytes that central directories and unpacked files may still have
	files int   // that central directories have listed
}

// directoryReader bounds what archive/zip reads when it opens an archive: it keeps all entries of the central directory, which may be more
// than the archive says that there are.
type directoryReader struct {
	*archiveReader
	at        io.ReaderAt
	left      int64 // bytes of this archive's central directory
	unbounded bool  // the archive is open; readBody bounds what follows
}

func (d *directoryReader) ReadAt(b []byte, off int64) (int, error) {
	if d.unbounded {
		return d.at.ReadAt(b, off)
	}
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := d.at.ReadAt(b, off)
	if d.left, d.archiveReader.left = d.left-int64(n), d.archiveReader.left-int64(n); d.left < 0 {
		return 0, &engine.LimitError{What: "bytes of the list of files of an archive", Limit: engine.MaxArchiveList}
	}
	if d.archiveReader.left < 0 {
		return 0, &engine.LimitError{What: "bytes of what is in an archive", Limit: engine.MaxNestedBytes}
	}
	return n, err
}

// jar is what an archive says of itself.
type jar struct {
	poms     []pom             // of META-INF/maven
	manifest map[string]string // main attributes of META-INF/MANIFEST.MF
	classes  bool              // it has classes, which some package has to be of
}

// pom names a package of Maven.
type pom struct{ group, artifact, version string }

// readArchive reads one archive. innerPath is its path within the outermost one, "" for that itself; depth counts the archives around it.
func (r *archiveReader) readArchive(at io.ReaderAt, size int64, name, innerPath string, depth int) error {
	directory := &directoryReader{archiveReader: r, at: at, left: engine.MaxArchiveList}
	z, err := zip.NewReader(directory, size)
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) {
		return err
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if err != nil {
		if innerPath == "" {
			return fmt.Errorf("an archive of Java: %w", err)
		}
		return addMalformed(r.ev, fmt.Sprintf("%.200q in it: %v", innerPath, err))
	}
	directory.unbounded = true
	var j jar
	err = r.readEntries(z, at, &j, innerPath, depth)
	if addErr := r.addPackages(&j, path.Base(name), innerPath); err == nil { // after an error too: what was read is kept
		err = addErr
	}
	return err
}

// readEntries reads the files of an archive that say something of it, and the archives in it. What cannot be read is a gap.
func (r *archiveReader) readEntries(z *zip.Reader, at io.ReaderAt, j *jar, innerPath string, depth int) error {
	for _, f := range z.File {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if r.files++; r.files > engine.MaxArchiveEntries {
			return &engine.LimitError{What: "number of files of an archive", Limit: engine.MaxArchiveEntries}
		}
		err := r.readEntry(f, at, j, innerPath, depth)
		if limit := (*engine.LimitError)(nil); err != nil && !errors.As(err, &limit) && r.ctx.Err() == nil {
			err = addMalformed(r.ev, fmt.Sprintf("%.200q in it: %v", path.Join(innerPath, f.Name), err))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *archiveReader) readEntry(f *zip.File, at io.ReaderAt, j *jar, innerPath string, depth int) error {
	name := strings.TrimPrefix(f.Name, "/")
	switch {
	case name == "META-INF/MANIFEST.MF":
		body, err := r.readBody(f, engine.MaxMetadata)
		if err == nil {
			j.manifest = mainAttributes(body)
		}
		return err
	case strings.HasPrefix(name, "META-INF/maven/") && strings.HasSuffix(name, "/pom.properties"):
		body, err := r.readBody(f, engine.MaxReleaseFile)
		if err != nil {
			return err
		}
		p := pomProperties(body)
		if p.group == "" || p.artifact == "" || p.version == "" || strings.Contains(p.version+p.group, "${") {
			return errors.New("no groupId, artifactId or version")
		}
		j.poms = append(j.poms, p)
	case javaArchive(name) && !strings.HasSuffix(f.Name, "/"):
		return r.readNested(f, at, name, innerPath, depth)
	case strings.HasSuffix(name, ".class"):
		j.classes = true
	}
	return nil
}

func (r *archiveReader) readNested(f *zip.File, at io.ReaderAt, name, innerPath string, depth int) error {
	if depth >= engine.MaxNestedArchives {
		return &engine.LimitError{What: "depth of archives in archives", Limit: engine.MaxNestedArchives}
	}
	location := name
	if innerPath != "" {
		location = innerPath + "!/" + name
	}
	const encrypted = 1 // bit 0 of the flags (APPNOTE.TXT, 4.4.4)
	if f.Method == zip.Store && f.Flags&encrypted == 0 && f.CompressedSize64 == f.UncompressedSize64 && f.CompressedSize64 <= math.MaxInt64 {
		from, err := f.DataOffset() // Spring Boot stores them so: they are read where they are
		if err != nil {
			return err
		}
		size := int64(f.CompressedSize64) //nolint:gosec // not larger
		return r.readArchive(io.NewSectionReader(at, from, size), size, name, location, depth+1)
	}
	body, err := r.readBody(f, min(max(r.left, 0), engine.MaxArchiveHeld))
	if err != nil {
		return err
	}
	return r.readArchive(bytes.NewReader(body), int64(len(body)), name, location, depth+1)
}

// readBody unpacks a file of at most limit bytes.
func (r *archiveReader) readBody(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(max(limit, 0)) { //nolint:gosec // not negative
		return nil, &engine.LimitError{What: "bytes of a file in an archive", Limit: limit}
	}
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, limit+1))
	if r.left -= int64(len(b)); r.left < 0 { // a central directory may list one file many times
		err = &engine.LimitError{What: "bytes of what is in an archive", Limit: engine.MaxNestedBytes}
	}
	if err = errors.Join(err, rc.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &engine.LimitError{What: "bytes of a file in an archive", Limit: limit}
	}
	return b, nil
}

// addPackages adds the packages of one archive: those that Maven's properties name, or what the manifest and the file's name say for
// certain. An archive of classes that does not say whose they are is a gap: a guessed group is the source of most false findings.
func (r *archiveReader) addPackages(j *jar, base, innerPath string) error {
	stem := strings.TrimSuffix(base, path.Ext(base))
	p, known := j.coordinates(stem)
	poms, own := j.poms, j.ownPom(stem)
	if own < 0 && known {
		poms, own = append(poms, p), len(poms)
	}
	for i, p := range poms {
		k := languagePackage("maven", "Maven", p.group+":"+p.artifact, p.version)
		if l := bundleLicense(j.manifest["Bundle-License"]); i == own && l != "" {
			k.Licenses = []string{l}
		}
		if innerPath != "" {
			k.Locations = []engine.Location{{Path: innerPath}}
		}
		if err := addPackage(r.ev, k); err != nil {
			return err
		}
	}
	if own >= 0 || !j.classes || strings.HasPrefix(j.manifest["Implementation-Title"], "Java Runtime") {
		return nil
	}
	if len(r.ev.Gaps) < engine.MaxGaps {
		r.ev.Gaps = append(r.ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: "java archives without coordinates",
			Detail: "neither Maven's properties nor the manifest say which group, artifact and version its classes are of"})
	}
	return nil
}

// ownPom returns the index of Maven's properties that are the archive's own, and not of a library shaded into it; -1 when none are. That is
// so only when the file's name has another artifact and another version than all of them: an application is often built under a name of its
// own.
func (j *jar) ownPom(stem string) int {
	version := ""
	for i := 1; i < len(stem)-1 && version == ""; i++ {
		if stem[i] == '-' && isDigit(stem[i+1]) {
			version = stem[i+1:]
		}
	}
	best := -1
	for i, p := range j.poms {
		named := stem == p.artifact || strings.HasPrefix(stem, p.artifact+"-")
		if named && (best < 0 || len(p.artifact) > len(j.poms[best].artifact)) {
			best = i
		}
	}
	for i, p := range j.poms {
		if best < 0 && (version == "" || version == p.version) {
			best = i
		}
	}
	return best
}

// coordinates returns what the manifest and the file's name (stem, without its suffix) say of an archive (JAR File Specification; OSGi
// Core, "Bundle-SymbolicName"). A group counts when it is the vendor's id and the symbolic name is that group and the artifact. Either
// alone is often the organisation's domain: com.google.gson is not a group, and org.apache is that of many. A package with a wrong group
// would have no findings, and would hide the gap.
func (j *jar) coordinates(stem string) (pom, bool) {
	artifact, version := stem, ""
	for i := 1; i < len(stem)-1; i++ {
		if stem[i] == '-' && isDigit(stem[i+1]) {
			artifact, version = stem[:i], stem[i+1:]
			break
		}
	}
	m := j.manifest
	for _, key := range []string{"Implementation-Version", "Bundle-Version", "Specification-Version"} {
		if v := m[key]; version == "" && v != "" && isDigit(v[0]) && !strings.ContainsAny(v, " \t") {
			version = v
		}
	}
	symbolic, _, _ := strings.Cut(m["Bundle-SymbolicName"], ";")
	group, _ := strings.CutSuffix(symbolic, "."+artifact)
	if group == symbolic || group != m["Implementation-Vendor-Id"] {
		group = ""
	}
	return pom{group, artifact, version}, group != "" && artifact != "" && version != ""
}

// mainAttributes reads the main section of a manifest, up to an empty line. A line that begins with a space continues the one before it.
func mainAttributes(body []byte) map[string]string {
	out := map[string]string{}
	key := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(string(body), "\r\n", "\n"), "\r", "\n"), "\n") {
		switch {
		case line == "":
			return out
		case line[0] == ' ':
			if key != "" && len(out[key]) < engine.MaxPath {
				out[key] += line[1:]
			}
		default:
			k, v, ok := strings.Cut(line, ":")
			if key = ""; ok {
				key = k
				out[key] = strings.TrimSpace(v)
			}
		}
	}
	return out
}

// pomProperties reads the pom.properties that Maven writes.
func pomProperties(body []byte) (p pom) {
	for line := range strings.SplitSeq(string(body), "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "groupId":
			p.group = value
		case "artifactId":
			p.artifact = value
		case "version":
			p.version = value
		}
	}
	return p
}

// bundleLicense returns the licence that a Bundle-License attribute names: many bundles give its address. It is "" for any other address.
func bundleLicense(s string) string {
	s, _, _ = strings.Cut(s, ";")
	switch l := strings.ToLower(strings.Trim(s, `"`)); {
	case strings.Contains(l, "apache.org/licenses/license-2.0"):
		return "Apache-2.0"
	case strings.Contains(l, "opensource.org/licenses/mit"):
		return "MIT"
	case strings.Contains(l, "eclipse.org/legal/epl-2.0"):
		return "EPL-2.0"
	case strings.Contains(l, "eclipse.org/legal/epl-v10"):
		return "EPL-1.0"
	case strings.Contains(l, "://"), len(l) > 100:
		return ""
	}
	return strings.Trim(s, `"`)
}
