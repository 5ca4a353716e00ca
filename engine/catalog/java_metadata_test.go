package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// stored makes an archive whose files are stored and not compressed, as Spring Boot stores libraries.
func stored(t testing.TB, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		w, err := z.CreateHeader(&zip.FileHeader{Name: m.name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(m.body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A library is found whether the archive around it stores or compresses it. One that is damaged is a gap, wherever the damage is, and the
// rest of the archive is read: otherwise one forged header would hide every library of an application.
func TestJavaNested(t *testing.T) {
	lib := stored(t, pomOf("org.slf4j", "slf4j-api", "1.7.36"))
	other := member{"lib/other.jar", stored(t, pomOf("a", "b", "1"))}
	found := []string{"org.slf4j:slf4j-api 1.7.36 @lib/slf4j-api-1.7.36.jar", "a:b 1 @lib/other.jar"}
	whole := stored(t, member{"lib/slf4j-api-1.7.36.jar", lib}, other)
	damaged := func(text string, offset int) string {
		b := []byte(whole)
		b[strings.Index(whole, text)+offset] ^= 0xff
		return string(b)
	}
	flagged := []byte(whole) // the first entry of the central directory says that the library is encrypted
	flagged[strings.LastIndex(whole[:strings.LastIndex(whole, "PK\x01\x02")], "PK\x01\x02")+8] |= 1
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"stored":                      {whole, found},
		"compressed":                  {zipped(t, member{"lib/slf4j-api-1.7.36.jar", lib}, other), found},
		"the local header is damaged": {damaged("PK\x03\x04", 0), []string{"a:b 1 @lib/other.jar", "gap malformed"}},
		"the library is damaged":      {damaged("PK\x05\x06", 0), []string{"a:b 1 @lib/other.jar", "gap malformed"}},
		"said to be encrypted": {string(flagged),
			[]string{"org.slf4j:slf4j-api 1.7.36 @lib/slf4j-api-1.7.36.jar", "a:b 1 @lib/other.jar"}},
		"a folder with an archive's name":  {stored(t, member{"lib.jar/", ""}, other), []string{"a:b 1 @lib/other.jar"}},
		"a name that begins with a slash":  {stored(t, member{"/lib/other.jar", other.body}), []string{"a:b 1 @lib/other.jar"}},
		"a compressed file with bad bytes": {damagedBody(t), []string{"a:b 1", "gap malformed", "gap malformed", "gap malformed"}},
	} {
		got := opened(t, "srv/app.jar", c.body)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// damagedBody makes an archive in which the bodies of a manifest, of properties and of a library cannot be unpacked.
func damagedBody(t *testing.T) string {
	t.Helper()
	text := strings.Repeat("some text that deflate makes smaller, ", 100)
	body := []byte(zipped(t, pomOf("a", "b", "1"), member{"META-INF/MANIFEST.MF", text},
		member{"META-INF/maven/x/y/pom.properties", text}, member{"x.jar", text}))
	for _, name := range []string{"META-INF/MANIFEST.MF", "META-INF/maven/x/y/pom.properties", "x.jar"} {
		at := bytes.Index(body, []byte(name)) + len(name)
		copy(body[at:], "\xff\xff\xff\xff\xff\xff")
	}
	return string(body)
}

// What an archive says of itself is bounded: files that are larger than any real one, lists that are longer, and gaps without end are
// limits.
func TestJavaLimits(t *testing.T) {
	var damaged []member
	for i := range engine.MaxGaps + 1 {
		damaged = append(damaged, member{fmt.Sprintf("%d.jar", i), "no archive"})
	}
	const limitOfFile = "limit bytes of a file in an archive"
	properties := "groupId=g\nartifactId=a\nversion=1\n#"
	properties += strings.Repeat("x", engine.MaxReleaseFile-len(properties))
	for name, c := range map[string]struct {
		body string
		want map[string]int
	}{
		"large properties": {zipped(t, member{"META-INF/maven/a/b/pom.properties", properties}), map[string]int{"g:a 1": 1}},
		"larger properties": {zipped(t, member{"META-INF/maven/a/b/pom.properties", properties + "x"}),
			map[string]int{limitOfFile: 1}},
		"a large manifest": {zipped(t, member{"META-INF/MANIFEST.MF", strings.Repeat("x", engine.MaxMetadata)}), map[string]int{}},
		"a larger manifest": {zipped(t, member{"META-INF/MANIFEST.MF", strings.Repeat("x", engine.MaxMetadata+1)}),
			map[string]int{limitOfFile: 1}},
		"as many damaged ones as may": {zipped(t, damaged[1:]...), map[string]int{"gap malformed": engine.MaxGaps}},
		"more damaged ones": {zipped(t, damaged...),
			map[string]int{"gap malformed": engine.MaxGaps, "limit number of faults of one database": 1}},
		"as many files as there may": {repeated(t, "a", engine.MaxArchiveEntries, 0), map[string]int{}},
		"more files than there may be": {repeated(t, "a", engine.MaxArchiveEntries+1, 0),
			map[string]int{"limit number of files of an archive": 1}},
	} {
		got := map[string]int{}
		for _, line := range opened(t, "srv/app.jar", c.body) {
			got[line]++
		}
		if !maps.Equal(c.want, got) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The end of the context ends the reading with its error: an inspector that returned without one would leave packages out.
func TestJavaContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	body := zipped(t, pomOf("a", "b", "1"))
	e := engine.Entry{Path: "a.jar", Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
	if _, err := (java{}).Inspect(ctx, engine.NewFileAt(e, strings.NewReader(body))); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

// Which names are archives of Java: of the rarer ones only files that begin as archives do.
func TestJavaNames(t *testing.T) {
	for p, want := range map[string]bool{
		"a.jar": true, "a.WAR": true, "x/a.ear": true, "a.nar": true, "a.hpi": true, "a.jpi": true, "a.par": true, "a.sar": true, "a.kar": true,
		".jar": false, "jar": false, "ajar": false, "a.jar.txt": false, "a.rar": true, "": false,
	} {
		if got := wants(java{}, p, 0o644, make([]byte, 10), false); got != want {
			t.Errorf("%q: %v", p, got)
		}
	}
	for p, want := range map[string][]string{"a.nar": nil, "a.par": nil, "a.jar": {"error"}, "a.WAR": {"error"}} {
		if got := opened(t, p, "no archive"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
	if got := opened(t, "a.nar", zipped(t, pomOf("g", "a", "1"))); !slices.Equal(got, []string{"g:a 1"}) {
		t.Errorf("%q", got)
	}
}

// The group of an archive counts only when two of its attributes agree; its version comes from its name, or else from the first attribute
// that has one. A wrong group or version would have no findings, or those of another library.
func TestJavaCoordinates(t *testing.T) {
	const group = "Implementation-Vendor-Id: org.example\r\nBundle-SymbolicName: org.example.lib\r\n"
	for name, c := range map[string]struct{ file, manifest, want string }{
		"the version of the name": {"lib-1.2.jar", group + "Implementation-Version: 9\r\n", "org.example:lib 1.2"},
		"a name with dashes": {"my-lib-2-1.0-jre.jar", "Implementation-Vendor-Id: o\r\nBundle-SymbolicName: o.my-lib\r\n",
			"o:my-lib 2-1.0-jre"},
		"Implementation-Version": {"lib.jar", group + "Bundle-Version: 2\r\nImplementation-Version: 3\r\n", "org.example:lib 3"},
		"Bundle-Version":         {"lib.jar", group + "Bundle-Version: 2\r\nSpecification-Version: 1\r\n", "org.example:lib 2"},
		"Specification-Version":  {"lib.jar", group + "Specification-Version: 1\r\n", "org.example:lib 1"},
		"a version that is none": {"lib.jar",
			group + "Implementation-Version: unknown\r\nBundle-Version: 1 beta\r\nSpecification-Version: 4\r\n", "org.example:lib 4"},
		"no version": {"lib.jar", group, "? lib"},
		"a directive": {"lib-1.jar",
			"Implementation-Vendor-Id: org.example\r\nBundle-SymbolicName: org.example.lib;singleton:=true\r\n", "org.example:lib 1"},
		"only a vendor":        {"lib-1.jar", "Implementation-Vendor-Id: org.example\r\n", "? lib 1"},
		"only a symbolic name": {"lib-1.jar", "Bundle-SymbolicName: org.example.lib\r\n", "? lib 1"},
		"another vendor": {"lib-1.jar", "Implementation-Vendor-Id: org\r\nBundle-SymbolicName: org.example.lib\r\n",
			"? lib 1"},
		"a symbolic name of another": {"lib-1.jar", "Implementation-Vendor-Id: org.example\r\nBundle-SymbolicName: org.example.other\r\n",
			"? lib 1"},
		"a symbolic name that is a group": {"lib-1.jar", "Implementation-Vendor-Id: org.example\r\nBundle-SymbolicName: org.example\r\n",
			"? lib 1"},
		"a line that goes on": {"lib-1.jar",
			"Implementation-Vendor-Id: org.\r\n example\r\nBundle-SymbolicName: org.exa\r\n mple.lib\r\n", "org.example:lib 1"},
		"line feeds alone":       {"lib-1.jar", strings.ReplaceAll(group, "\r\n", "\n"), "org.example:lib 1"},
		"carriage returns alone": {"lib-1.jar", strings.ReplaceAll(group, "\r\n", "\r"), "org.example:lib 1"},
		"an entry of a file":     {"lib-1.jar", "\r\nName: x\r\n" + group, "? lib 1"},
	} {
		body := zipped(t, member{"META-INF/MANIFEST.MF", c.manifest}, member{"a/B.class", "x"})
		if got := strings.Join(opened(t, "srv/"+c.file, body), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Which of the libraries in an archive is the archive itself decides whose licence the manifest says, and whether its own coordinates
// count.
func TestJavaOwnPom(t *testing.T) {
	const license = "Bundle-License: MIT\r\n"
	for name, c := range map[string]struct {
		file string
		poms []string
		want string
	}{
		"by its name":                   {"core-1.jar", []string{"g:api:1", "g:core:1"}, "g:api 1, g:core 1 MIT"},
		"by its name without a version": {"core.jar", []string{"g:api:1", "g:core:1"}, "g:api 1, g:core 1 MIT"},
		"the longest name": {"core-api-1.jar", []string{"g:core:1", "g:core-api:1", "g:core-a:1"},
			"g:core 1, g:core-api 1 MIT, g:core-a 1"},
		"a name that only begins so": {"corelib-2.jar", []string{"g:core:1"}, "g:core 1, ? corelib 2"},
		"by its version":             {"app-2.jar", []string{"g:api:1", "g:core:2", "g:x:2"}, "g:api 1, g:core 2 MIT, g:x 2"},
		"a name without a version":   {"app.jar", []string{"g:api:1", "g:core:2"}, "g:api 1 MIT, g:core 2"},
		"another name and version":   {"app-3.jar", []string{"g:api:1", "g:core:2"}, "g:api 1, g:core 2, ? app 3"},
		"a dash at the end":          {"app-.jar", []string{"g:api:1"}, "g:api 1 MIT"},
	} {
		members := []member{{"META-INF/MANIFEST.MF", license}, {"a/B.class", "x"}}
		for _, p := range c.poms {
			f := strings.Split(p, ":")
			members = append(members, pomOf(f[0], f[1], f[2]))
		}
		if got := strings.Join(opened(t, "srv/"+c.file, zipped(t, members...)), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Properties that do not name a package are a gap: each of the three has to be there, and written out.
func TestJavaProperties(t *testing.T) {
	for text, want := range map[string]string{
		"groupId=g\nartifactId=a\nversion=1\n":                     "g:a 1",
		"groupId = g \r\nartifactId =a\r\n version= 1 \r\n":        "g:a 1",
		"# groupId=x\ngroupId=g\nartifactId=a\nversion=1\nother=y": "g:a 1",
		"artifactId=a\nversion=1\n":                                "gap malformed",
		"groupId=g\nversion=1\n":                                   "gap malformed",
		"groupId=g\nartifactId=a\n":                                "gap malformed",
		"groupId=${g}\nartifactId=a\nversion=1\n":                  "gap malformed",
		"groupId=g\nartifactId=a\nversion=${v}\n":                  "gap malformed",
		"": "gap malformed",
	} {
		got := opened(t, "srv/x.jar", zipped(t, member{"META-INF/maven/g/a/pom.properties", text}))
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestBundleLicense(t *testing.T) {
	for from, want := range map[string]string{
		"http://www.apache.org/licenses/LICENSE-2.0.txt": "Apache-2.0", "https://opensource.org/licenses/MIT": "MIT",
		"https://www.eclipse.org/legal/epl-2.0/; link=x": "EPL-2.0", "\"http://www.eclipse.org/legal/epl-v10.html\"": "EPL-1.0",
		"MIT": "MIT", "\"Apache-2.0\";link=\"http://x\"": "Apache-2.0", "https://example.test/licence": "", "": "",
		strings.Repeat("x", 100): strings.Repeat("x", 100), strings.Repeat("x", 101): "",
	} {
		if got := bundleLicense(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}
