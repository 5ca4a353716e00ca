package catalog

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// addPackages adds the packages of one archive: those that Maven's properties name, or what the manifest and the file's name say for
// certain. A guessed group is the source of most false findings: of an archive of classes that does not say whose they are, the matcher
// asks whether its name and its folders are those of a package that an advisory is about.
func (r *archiveReader) addPackages(j *jar, name archiveName) error {
	stem := name.base
	if ext := path.Ext(stem); len(ext) > 1 && !isDigit(ext[1]) {
		stem = strings.TrimSuffix(stem, ext)
	}
	if err := r.addModels(j); err != nil {
		return err
	}
	p, known := j.coordinates(stem)
	poms, own := j.poms, j.ownPom(stem)
	if own < 0 && known {
		poms, own = append(poms, p), len(poms)
	}
	for i, p := range poms {
		k := languagePackage("maven", "Maven", p.group+":"+p.artifact, p.version)
		if l := bundleLicense(j.manifest["bundle-license"]); i == own && l != "" {
			k.Licenses = []string{l}
		}
		if name.inner != "" {
			k.Locations = []engine.Location{{Path: name.inner}}
		}
		if err := addPackage(r.ev, k); err != nil {
			return err
		}
	}
	if own >= 0 || !j.classes || strings.HasPrefix(j.manifest["implementation-title"], "Java Runtime") {
		return nil
	}
	k := languagePackage("maven", "Maven", p.artifact, p.version)
	k.Archive = &engine.JavaArchive{Names: j.names(p.artifact), Folders: slices.Sorted(maps.Keys(j.folders))}
	if name.inner != "" {
		k.Locations = []engine.Location{{Path: name.inner}}
	}
	return addPackage(r.ev, k)
}

// addModels adds the packages that have a pom.xml in the archive and no properties beside it.
func (r *archiveReader) addModels(j *jar) error {
	for _, dir := range slices.Sorted(maps.Keys(j.models)) {
		m := j.models[dir]
		if slices.ContainsFunc(j.poms, func(p pom) bool { return p.group == m.group && p.artifact == m.artifact }) {
			continue
		}
		if m.version == "" {
			if err := addMalformed(r.ev, fmt.Sprintf("%.200q in it does not say its version", dir+"/pom.xml")); err != nil {
				return err
			}
			continue
		}
		j.poms = append(j.poms, m)
	}
	return nil
}

// readModel reads a pom.xml (maven.apache.org/pom.html, "Maven Coordinates"): what it does not say of itself it has from its parent. Group
// and artifact are those of the folder that it is in, where it does not say them.
func readModel(body []byte, name string) pom {
	var m struct {
		Group    string `xml:"groupId"`
		Artifact string `xml:"artifactId"`
		Version  string `xml:"version"`
		Parent   struct {
			Group   string `xml:"groupId"`
			Version string `xml:"version"`
		} `xml:"parent"`
	}
	if err := xml.Unmarshal(body, &m); err != nil {
		m.Version, m.Parent.Version = "", "" // the package is there, whatever its model is
	}
	folder := path.Dir(name)
	p := pom{cmp.Or(m.Group, m.Parent.Group), m.Artifact, cmp.Or(m.Version, m.Parent.Version)}
	if p.group == "" || strings.Contains(p.group, "${") {
		p.group = path.Base(path.Dir(folder))
	}
	if p.artifact == "" || strings.Contains(p.artifact, "${") {
		p.artifact = path.Base(folder)
	}
	if p.version = strings.TrimSpace(p.version); strings.Contains(p.version, "${") {
		p.version = ""
	}
	p.group, p.artifact = strings.TrimSpace(p.group), strings.TrimSpace(p.artifact)
	return p
}

// names returns the artifacts that an archive without coordinates may be, by its file's name and by its manifest (JAR File Specification;
// OSGi Core; JEP 261 for Automatic-Module-Name, whose dots are an artifact's hyphens).
func (j *jar) names(artifact string) []string {
	symbolic, _, _ := strings.Cut(j.manifest["bundle-symbolicname"], ";")
	out := []string{}
	for _, n := range []string{artifact, j.manifest["implementation-title"], j.manifest["bundle-name"], symbolic,
		symbolic[strings.LastIndexByte(symbolic, '.')+1:], strings.ReplaceAll(j.manifest["automatic-module-name"], ".", "-")} {
		if n = strings.ToLower(strings.TrimSpace(n)); n != "" && len(n) <= 200 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// addFolder notes the folder of a class. In front of it may stand where an application has its own, and for which release of Java it is.
func (j *jar) addFolder(class string) {
	j.classes = true
	dir := path.Dir(class)
	for _, place := range []string{"BOOT-INF/classes", "WEB-INF/classes", "META-INF/versions/"} {
		if rest, ok := strings.CutPrefix(dir, place); ok {
			if strings.HasSuffix(place, "/") {
				_, rest, _ = strings.Cut(rest, "/")
			}
			dir = strings.TrimPrefix(rest, "/")
		}
	}
	const loader = "org/springframework/boot/loader" // of the archive, not of what is in it
	if parts := strings.SplitN(dir, "/", maxFolderDepth+1); len(parts) > maxFolderDepth {
		dir = strings.Join(parts[:maxFolderDepth], "/")
	}
	if dir == "" || dir == "." || strings.HasPrefix(dir+"/", loader+"/") || len(j.folders) >= engine.MaxArchiveFolders || len(dir) > 200 {
		return
	}
	if j.folders == nil {
		j.folders = map[string]bool{}
	}
	j.folders[dir] = true
}

// maxFolderDepth is how many parts of a folder's name count: those of a group and an artifact.
const maxFolderDepth = 6

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
	for _, key := range []string{"implementation-version", "bundle-version", "specification-version"} {
		if v := m[key]; version == "" && v != "" && isDigit(v[0]) && !strings.ContainsAny(v, " \t") {
			version = v
		}
	}
	symbolic, _, _ := strings.Cut(m["bundle-symbolicname"], ";")
	group, _ := strings.CutSuffix(symbolic, "."+artifact)
	if group == symbolic || group != m["implementation-vendor-id"] {
		group = ""
	}
	return pom{group, artifact, version}, group != "" && artifact != "" && version != ""
}

// mainAttributes reads the main section of a manifest, up to an empty line, by the names of its attributes in lower case: case means
// nothing. A line that begins with a space continues the one before it.
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
				key = strings.ToLower(k)
				out[key] = strings.TrimSpace(v)
			}
		}
	}
	return out
}

// readPom reads the pom.properties that Maven writes. A file that does not say all of group, artifact and version is an error.
func readPom(body []byte) (p pom, err error) {
	fields := properties(string(body))
	p = pom{fields["groupId"], fields["artifactId"], fields["version"]}
	if p.group == "" || p.artifact == "" || p.version == "" || strings.Contains(p.version+p.group, "${") {
		return p, errors.New("no groupId, artifactId or version")
	}
	return p, nil
}

// properties reads a file of properties as Java does (java.util.Properties, "load"): a line that ends with a backslash goes on, a key ends
// at "=", ":" or a space, a backslash escapes, and the last of several values counts.
func properties(body string) map[string]string {
	out := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(body, "\r\n", "\n"), "\r", "\n"), "\n")
	const space = " \t\f"
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], space)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for goesOn(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(lines[i], space)
		}
		end := 0
		for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
			if line[end] == '\\' && end+1 < len(line) {
				end++
			}
			end++
		}
		value := strings.TrimLeft(line[end:], space)
		if value != "" && (value[0] == '=' || value[0] == ':') {
			value = strings.TrimLeft(value[1:], space)
		}
		out[unescapeProperty(line[:end])] = strings.TrimSpace(unescapeProperty(value))
	}
	return out
}

// goesOn says whether a line ends with an odd number of backslashes.
func goesOn(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func unescapeProperty(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if n, err := strconv.ParseUint(s[i+1:min(len(s), i+5)], 16, 16); err == nil && i+5 <= len(s) {
				b.WriteRune(rune(n))
				i += 4
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
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

// readUnpackedPom reads the properties of a package of Maven in a folder: an archive that was unpacked, which Java takes as it does the
// archive.
func readUnpackedPom(_ string, body []byte, ev *engine.Evidence) error {
	p, err := readPom(body)
	if err != nil {
		return err
	}
	return addPackage(ev, languagePackage("maven", "Maven", p.group+":"+p.artifact, p.version))
}
