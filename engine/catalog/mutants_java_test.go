package catalog

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// mainClass is a class that prints "ran", compiled for Java 8.
const mainClass = "" +
	"yv66vgAAADQAHQoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWCQAIAAkHAAoMAAsADAEAEGphdmEvbGFuZy9TeXN0ZW0B" +
	"AANvdXQBABVMamF2YS9pby9QcmludFN0cmVhbTsIAA4BAANyYW4KABAAEQcAEgwAEwAUAQATamF2YS9pby9QcmludFN0cmVhbQEAB3ByaW50bG4BABUoTGph" +
	"dmEvbGFuZy9TdHJpbmc7KVYHABYBAARNYWluAQAEQ29kZQEAD0xpbmVOdW1iZXJUYWJsZQEABG1haW4BABYoW0xqYXZhL2xhbmcvU3RyaW5nOylWAQAKU291" +
	"cmNlRmlsZQEACU1haW4uamF2YQAhABUAAgAAAAAAAgABAAUABgABABcAAAAdAAEAAQAAAAUqtwABsQAAAAEAGAAAAAYAAQAAAAEACQAZABoAAQAXAAAAIQAC" +
	"AAEAAAAJsgAHEg22AA+xAAAAAQAYAAAABgABAAAAAgABABsAAAACABw="

// TestJavaMutants makes archives that a seeded generator has changed, under any name, and asks Java which of them it takes a class from, as
// `java -cp` and `java -jar` do. Of all that Java takes, veto lists the package that the archive names, or one without a group where it
// names none, or has a gap.
func TestJavaMutants(t *testing.T) {
	m := newMutator(t, 150)
	if _, err := exec.LookPath("javac"); err != nil {
		t.Skip(err)
	}
	taken, started := 0, 0
	for done := 0; done < m.count; done += 250 {
		dir := t.TempDir()
		bodies := map[string][]byte{}
		for i := done; i < min(m.count, done+250); i++ {
			name, body := m.jar(t)
			name = fmt.Sprintf("%04d-%s", i, name)
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
				t.Fatal(err)
			}
			bodies[name] = body
		}
		out, err := exec.CommandContext(t.Context(), "java", "testdata/oracles/Jars.java", dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			by := ""
			if f[1] == "true" {
				by = "java -cp"
			}
			if by == "" && started < 25+m.count/50 { // what a class path refuses the launcher may start
				started++
				if out, err := exec.CommandContext(t.Context(), "java", "-Xshare:auto", "-jar", filepath.Join(dir, f[0])).Output(); err == nil &&
					strings.Contains(string(out), "ran") {
					by = "java -jar"
				}
			}
			if by == "" {
				continue
			}
			taken++
			for _, stream := range []bool{false, true} {
				if !stream && farEnd(f[0], bodies[f[0]]) {
					continue
				}
				got := look(t, f[0], false, bodies[f[0]], stream)
				// Java goes by the list at the end, so that the name has to stand there as well as in front of the file.
				unnamed := got.unnamed && bytes.Count(bodies[f[0]], []byte("META-INF/maven/g/a/pom.properties")) < 2
				if !got.packages["g:a@1.2"] && got.gap == "" && !unnamed {
					t.Errorf("%s takes %s (stream: %v), and nothing is seen in it", by, f[0], stream)
					keepMutant(t, f[0], bodies[f[0]])
				}
			}
		}
	}
	t.Logf("%d mutants, of which Java takes %d", m.count, taken)
	if taken < m.count/3 {
		t.Error("the generator makes too few archives that Java takes")
	}
}

// farEnd says whether an archive without a name of Java's begins with other bytes and ends with more than are looked at, as
// docs/inventory.md says that it is not seen.
func farEnd(name string, body []byte) bool {
	return !javaArchive(name) && !bytes.HasPrefix(body, []byte(zipFileSig)) &&
		!bytes.Contains(body[max(0, len(body)-engine.EdgeBytes):], []byte(zipEndSig))
}

// keepMutant keeps a file that a test failed on.
func keepMutant(t *testing.T, name string, body []byte) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "veto-mutants")
	_ = os.MkdirAll(dir, 0o755)
	_ = os.WriteFile(filepath.Join(dir, name), body, 0o600)
}

// jar makes one archive.
func (m *mutator) jar(t *testing.T) (name string, body []byte) {
	t.Helper()
	class, err := base64.StdEncoding.DecodeString(mainClass)
	if err != nil {
		t.Fatal(err)
	}
	method := []uint16{zip.Store, zip.Deflate}[m.IntN(2)]
	manifest := m.name("META-INF/MANIFEST.MF", "META-INF/MANIFEST.MF", "META-INF/MANIFEST.MF", "META-INF/manifest.mf", "meta-inf/Manifest.MF")
	pom := m.name("groupId=g\nartifactId=a\nversion=1.2\n", "groupId : g\nartifactId a\nversion=1\\\n  .2\n",
		"group\\u0049d=g\nartifactId=a\nversion=1.\\2")
	files := []member{
		{manifest, "Manifest-Version: 1.0\r\nMain-Class: Main\r\n\r\n"},
		{"Main.class", string(class)},
		{m.name("META-INF/maven/g/a/pom.properties", "META-INF/maven/g/a/pom.properties", "BOOT-INF/classes/META-INF/maven/g/a/pom.properties"),
			pom},
	}
	if m.IntN(4) == 0 {
		files = files[:2] // without a package's name
	}
	m.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	if m.IntN(5) == 0 {
		files = append(files, member{"lib/x.jar", zipped(t, member{"x.class", "x"}, pomOf("g", "a", "1.2"))})
	}
	body = m.zip(t, files, method)
	for range m.IntN(3) {
		body = m.changeZip(t, body)
	}
	return m.name("app.jar", "app", "app.JAR", "app.war", "app.zip", "app.bin", "app.jar.bak", "app-1.2", "libapp.so", "x.txt", "x.py"), body
}

func (m *mutator) zip(t *testing.T, files []member, method uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err == nil {
			_, err = w.Write([]byte(f.body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if m.IntN(5) == 0 {
		_ = z.SetComment(string(m.bytes(m.IntN(700))))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// changeZip changes an archive as hostile and as honest tools do.
func (m *mutator) changeZip(t *testing.T, b []byte) []byte {
	t.Helper()
	end, list := bytes.LastIndex(b, []byte(zipEndSig)), bytes.Index(b, []byte(zipListSig))
	if end < 0 || list < 0 || len(b)-end < zipEndSize {
		return b
	}
	fake := append([]byte(zipEndSig), make([]byte, zipEndSize-4)...)
	switch m.IntN(14) {
	case 0: // a script before it
		return append([]byte("#!/bin/sh\nexec java -jar \"$0\" \"$@\"\n"), b...)
	case 1: // anything before it
		return append(m.bytes(1+m.IntN(3000)), b...)
	case 2: // anything after it
		return append(b, m.bytes(1+m.IntN(400))...)
	case 3: // much after it
		return append(b, m.bytes(60_000+m.IntN(10_000))...)
	case 4: // another end in the comment, which goes on behind it
		more := append(append(m.bytes(m.IntN(50)), fake...), m.bytes(m.IntN(50))...)
		binary.LittleEndian.PutUint16(b[end+20:], uint16(len(more)+len(b)-end-zipEndSize)) // short
		return append(b, more...)
	case 5: // another end behind it, whose comment ends elsewhere
		binary.LittleEndian.PutUint16(fake[20:], uint16(m.IntN(math.MaxUint16+1))) // two bytes
		return append(b, fake...)
	case 6: // the list of files is damaged
		m.flip(b, list, end)
	case 7: // a file's own header or content is
		m.flip(b, 0, list)
	case 8: // the end is
		m.flip(b, end, len(b))
	case 9: // another number of files
		binary.LittleEndian.PutUint16(b[end+8:], uint16(m.IntN(5)))
		binary.LittleEndian.PutUint16(b[end+10:], uint16(m.IntN(5)))
	case 10: // said to be encrypted
		b[list+8] |= 1
	case 11: // another archive behind it, or before
		other := m.zip(t, []member{{"readme.txt", "nothing"}}, zip.Store)
		if m.IntN(2) == 0 {
			return append(other, b...)
		}
		return append(b, other...)
	case 12: // cut off
		return b[:len(b)-m.IntN(min(len(b), 40))]
	case 13: // a wrong checksum
		m.flip(b, list+16, list+20)
	}
	return b
}
