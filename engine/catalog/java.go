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

// java reads Java archives and those inside them: an application's war, a fat jar, a library with others shaded into it.
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

// ofJava says whether only Java has files of that name; the others are of Perl, Nix and the like too.
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

// opening is the reading of one archive with all that is in it.
type archiveReader struct {
	ctx   context.Context
	ev    *engine.Evidence
	left  int64 // bytes that its lists of files may still have, and what is unpacked of it
	files int
}

// fileList bounds what archive/zip reads when it opens an archive: it keeps every file of the list, however many the archive says that
// there are.
type directoryReader struct {
	*archiveReader
	at        io.ReaderAt
	left      int64 // of this archive
	unbounded bool
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
	poms     []pom
	manifest map[string]string
	classes  bool
}

type pom struct{ group, artifact, version string }

// archive reads one; inside is its path within the outermost, "" for that itself.
func (r *archiveReader) readArchive(at io.ReaderAt, size int64, name, innerPath string, depth int) error {
	directory := &directoryReader{archiveReader: r, at: at, left: engine.MaxArchiveList}
	z, err := zip.NewReader(directory, size)
	if limit := (*engine.LimitError)(nil); errors.As(err, &limit) || r.ctx.Err() != nil {
		return err
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
	if own := r.addPackages(&j, path.Base(name), innerPath); err == nil { // what was read before a limit is kept
		err = own
	}
	return err
}

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
	const encrypted = 1 // of the flags (APPNOTE.TXT, 4.4.4)
	if f.Method == zip.Store && f.Flags&encrypted == 0 && f.CompressedSize64 == f.UncompressedSize64 && f.CompressedSize64 <= math.MaxInt64 {
		from, err := f.DataOffset() // as Spring Boot stores them: read where they are
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

func (r *archiveReader) readBody(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(max(limit, 0)) { //nolint:gosec // not negative
		return nil, &engine.LimitError{What: "bytes of a file in an archive", Limit: limit}
	}
	rc, err := f.Open()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(rc, limit+1))
	if r.left -= int64(len(b)); r.left < 0 { // one file may be listed many times
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

// packages are those of one archive: what Maven wrote down, or what manifest and name say for certain. An archive of classes that does not
// say whose they are is a gap, because a guessed group is the source of most false findings.
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

// own is which of Maven's properties are those of the archive itself, and not of what was shaded into it; -1 says none. Only a file's name
// with another artifact and version than all of them tells that: an application is often built under a name of its own.
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

// coordinates puts together what the manifest and the file's name say (JAR File Specification; OSGi Core, "Bundle-SymbolicName"). The group
// counts when the vendor's id is one, and the symbolic name is that with the artifact behind it. Either alone is often the organisation's
// domain and not the group: a package under a wrong group has no findings and hides the gap (com.google.gson is com.google.code.gson's,
// org.apache many groups').
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

// mainAttributes reads the main section of a manifest, whose long lines go on after a space.
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

// bundleLicense understands the addresses that bundles give for their licence.
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
