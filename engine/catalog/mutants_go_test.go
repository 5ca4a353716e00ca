package catalog

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoMutants changes small programs of Go as a seeded generator says, and compares with what `go version -m` lists: each module is a
// package, or there is a gap.
func TestGoMutants(t *testing.T) {
	m := newMutator(t, 150)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	programs := m.goPrograms(t)
	listed, unread := 0, 0
	for done := 0; done < m.count; done += 50 {
		dir := t.TempDir()
		bodies := map[string][]byte{}
		command := []string{"version", "-m"}
		for i := done; i < min(m.count, done+50); i++ {
			body := bytes.Clone(programs[m.IntN(len(programs))])
			for range m.IntN(3) {
				body = m.changeProgram(body)
			}
			name := fmt.Sprintf("%04d-%s", i, m.name("api", "api.sh", "libapi.so", "app.py", "plugin.so.1", "x.jar.bin"))
			if err := os.WriteFile(filepath.Join(dir, name), body, 0o700); err != nil { // the go command reads what is executable
				t.Fatal(err)
			}
			bodies[name], command = body, append(command, name)
		}
		for name, want := range goVersion(t, dir, command) {
			listed++
			executable := m.IntN(2) == 0
			for _, stream := range []bool{false, true} {
				got := look(t, name, executable, bodies[name], stream)
				for _, module := range want {
					if got.gap == "" && !got.packages[module] {
						t.Errorf("%s (executable: %v, stream: %v): go version -m lists %s, veto %v", name, executable, stream, module, got.packages)
						keepMutant(t, name, bodies[name])
					}
				}
			}
			delete(bodies, name)
		}
		unread += m.damaged(t, bodies)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d mutants, of which go version -m lists %d; of the others %d are a gap", m.count, listed, unread)
	if listed < m.count/3 {
		t.Error("the generator makes too few programs that go version -m reads")
	}
}

// damaged counts the programs that are a gap although the go command does not read them.
func (m *mutator) damaged(t *testing.T, bodies map[string][]byte) (n int) {
	t.Helper()
	for name, body := range bodies {
		if got := look(t, name, true, body, false); got.gap != "" {
			n++
		}
	}
	return n
}

// goVersion returns what `go version -m` says of programs: "name@version" of each module, "stdlib@version" of the toolchain.
func goVersion(t *testing.T, dir string, command []string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", command...)
	cmd.Dir = dir
	out, _ := cmd.Output() // it fails for each file that it cannot read
	listed := map[string][]string{}
	name := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, "\t") {
			file, version, ok := strings.Cut(line, ": go")
			if name = file; ok {
				listed[name] = []string{"stdlib@" + strings.Fields(version)[0]}
			} else {
				name = ""
			}
			continue
		}
		f := strings.Split(line[1:], "\t")
		if name != "" && len(f) >= 3 && f[0] == "dep" {
			listed[name] = append(listed[name], f[1]+"@"+f[2])
		}
		if name != "" && len(f) >= 3 && f[0] == "=>" { // it takes the place of the module before it
			list := listed[name]
			list[len(list)-1] = f[1] + "@" + f[2]
		}
	}
	return listed
}

// goPrograms builds a few kinds of programs.
func (m *mutator) goPrograms(t *testing.T) (programs [][]byte) {
	t.Helper()
	src := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.test/app\n\ngo 1.21\n\nrequire (\n" +
			"\texample.test/dep v1.2.3\n\texample.test/local v0.1.0\n)\n",
		"main.go": "package main\n\nimport (\n\t\"example.test/dep\"\n\t\"example.test/local\"\n)\n\n" +
			"func main() { println(dep.F(), local.F()) }\n",
		"vendor/example.test/dep/dep.go":     "package dep\n\n//go:noinline\nfunc F() int { return 1 }\n",
		"vendor/example.test/local/local.go": "package local\n\n//go:noinline\nfunc F() int { return 2 }\n",
		"vendor/modules.txt": "# example.test/dep v1.2.3\n## explicit; go 1.21\nexample.test/dep\n" +
			"# example.test/local v0.1.0\n## explicit; go 1.21\nexample.test/local\n",
	} {
		file := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { // a test's folder
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, args := range [][]string{
		{"-mod=vendor"},
		{"-mod=vendor", "-ldflags=-s -w"},
		{"-mod=vendor", "-buildmode=pie", "-trimpath"},
	} {
		out := filepath.Join(src, fmt.Sprint("out", i))
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "go",
			append(append([]string{"build", "-o", out}, args...), ".")...) // the test's own words
		cmd.Dir = src
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "CGO_ENABLED=0", "GOWORK=off", "GO111MODULE=on", "GOOS=linux")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, text)
		}
		body, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, body)
	}
	return programs
}

// changeProgram changes a program in a place that tells what it is: headers, sections' names, notes, build information, table of functions.
func (m *mutator) changeProgram(b []byte) []byte {
	e, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return b
	}
	names := bytes.Index(b, []byte(".shstrtab\x00"))
	switch m.IntN(12) {
	case 0: // the header
		m.flip(b, 4, 64)
	case 1: // the segments
		m.flip(b, 64, 64+56*len(e.Progs))
	case 2: // no sections
		copy(b[40:48], make([]byte, 8))
		copy(b[58:64], make([]byte, 6))
	case 3: // the sections
		m.flip(b, len(b)-64*len(e.Sections), len(b))
	case 4: // the names of sections
		if names > 0 {
			m.flip(b, max(0, names-200), names+200)
		}
	case 5: // a section by another name
		for _, name := range []string{".go.buildinfo", ".gopclntab", ".note.go.buildid", ".text"} {
			if i := bytes.LastIndex(b, []byte(name+"\x00")); i >= 0 && m.IntN(2) == 0 {
				b[i+2]++
			}
		}
	case 6, 7: // the build information
		if i := bytes.Index(b, []byte(goMagic)); i >= 0 {
			m.flip(b, i, i+400)
		}
	case 8: // more behind it
		return append(b, m.bytes(m.IntN(5000))...)
	case 9: // cut off
		return b[:len(b)-m.IntN(len(b)/4)]
	case 10: // its note
		if i := bytes.Index(b, []byte("Go\x00\x00")); i >= 0 {
			m.flip(b, i, i+4)
		}
	case 11: // the table of functions
		if i := bytes.Index(b, []byte(goTableMark)); i >= 0 {
			m.flip(b, i-1, i+7)
		}
	}
	return b
}
