package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
)

// goReachable are programs over old modules. The first calls into all of them, the second holds them without calling most, the rest is
// between: what a linker keeps differs, and with it what can be reached.
func goReachable() map[string]string {
	const every = `a := os.Args[1]
	var v any
	fmt.Println(language.ParseAcceptLanguage(a))
	fmt.Println(html.Parse(strings.NewReader(a)))
	fmt.Println(ssh.ParsePublicKey([]byte(a)))
	fmt.Println(yaml.Unmarshal([]byte(a), &v), gjson.Get(a, a))
	fmt.Println(jsonparser.GetString([]byte(a), a))
	fmt.Println(dns.NewRR(a))
	fmt.Println(xz.NewReader(strings.NewReader(a)))
	fmt.Println(websocket.DefaultDialer.Dial(a, nil))
	fmt.Println(jwt.Parse(a, nil))`
	return map[string]string{
		"calls": every,
		"holds": `fmt.Println(os.Args, strings.ToUpper(os.Args[0]))`,
		"server": `fmt.Println(ssh.NewServerConn(nil, nil)); ` +
			`(&dns.Server{Addr: os.Args[1]}).ListenAndServe(); fmt.Println(strings.ToUpper(os.Args[0]))`,
		"reader": `d := yaml.NewDecoder(os.Stdin); var v any; fmt.Println(d.Decode(&v), html.EscapeString(os.Args[1]), ` +
			`strings.ToUpper(gjson.Parse(os.Args[1]).String()))`,
		"language": `t, err := language.Parse(os.Args[1]); fmt.Println(t, err); ` +
			`fmt.Println(jsonparser.ParseInt([]byte(strings.TrimSpace(os.Args[1]))))`,
	}
}

const goReachableModule = `module example.test/program

go 1.21

require (
	github.com/buger/jsonparser v1.0.0
	github.com/golang-jwt/jwt/v4 v4.4.1
	github.com/gorilla/websocket v1.4.0
	github.com/miekg/dns v1.1.20
	github.com/tidwall/gjson v1.6.4
	github.com/ulikunitz/xz v0.5.6
	golang.org/x/crypto v0.0.0-20200622213623-75b288015ac9
	golang.org/x/net v0.0.0-20210119194325-5f4716e94777
	golang.org/x/text v0.3.5
	gopkg.in/yaml.v2 v2.2.2
)
`

func goIn(t *testing.T, dir string, environ []string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0"), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w: %.2000s", args, err, out)
	}
	return nil
}

// goVulnerabilities lays the records out as govulncheck reads them (go.dev/doc/security/vuln/database, "API"), and says of each which of
// its modules it names no packages of, and which only on other systems than Linux.
func goVulnerabilities(t *testing.T) (dir string, whole, elsewhere map[string]bool) {
	t.Helper()
	dir, whole, elsewhere = t.TempDir(), map[string]bool{}, map[string]bool{}
	z, err := zip.OpenReader(filepath.Join(testdata(t), "osv", "Go", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	type entry struct {
		ID       string `json:"id"`
		Modified string `json:"modified"`
	}
	modules := map[string][]entry{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		var rec struct {
			entry
			Withdrawn string
			Affected  []struct {
				Package  struct{ Name string }
				Specific struct {
					Imports []struct{ GOOS []string }
				} `json:"ecosystem_specific"`
			}
		}
		if err := json.Unmarshal(b, &rec); err != nil {
			t.Fatal(err)
		}
		if rec.Withdrawn != "" {
			continue
		}
		writeText(t, filepath.Join(dir, "ID", rec.ID+".json"), string(b))
		for _, a := range rec.Affected {
			name, imports := a.Package.Name, a.Specific.Imports
			if at := modules[name]; len(at) == 0 || at[len(at)-1].ID != rec.ID {
				modules[name] = append(at, rec.entry)
			}
			elsewhere[name+" "+rec.ID] = len(imports) > 0
			for _, i := range imports {
				if len(i.GOOS) == 0 || slices.Contains(i.GOOS, "linux") {
					elsewhere[name+" "+rec.ID] = false
				}
			}
			whole[name+" "+rec.ID] = len(imports) == 0
		}
	}
	type module struct {
		Path  string  `json:"path"`
		Vulns []entry `json:"vulns"`
	}
	var index []module
	for _, name := range sortedKeys(modules) {
		index = append(index, module{name, modules[name]})
	}
	for name, v := range map[string]any{"modules": index, "vulns": []string{}, "db": map[string]string{"modified": "2026-11-23T00:00:00Z"}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		writeText(t, filepath.Join(dir, "index", name+".json"), string(b))
	}
	return dir, whole, elsewhere
}

// govulncheck's answer for a program: "module id" to whether the program holds one of the functions.
func govulncheck(t *testing.T, tool, database, program string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool, "-mode=binary", "-format", "json", "-db", "file://"+database, program)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("govulncheck: %v", err)
	}
	answer := map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var message struct {
			Finding *struct {
				OSV   string
				Trace []struct{ Module, Function string }
			}
		}
		if err := d.Decode(&message); errors.Is(err, io.EOF) {
			return answer
		} else if err != nil {
			t.Fatal(err)
		}
		if f := message.Finding; f != nil && len(f.Trace) > 0 {
			key := f.Trace[0].Module + " " + f.OSV
			answer[key] = answer[key] || f.Trace[0].Function != ""
		}
	}
}

// What veto says programs can reach of an advisory's functions is what govulncheck says of the same programs with the same records. Two
// differences are wanted: veto keeps what is only vulnerable on another system, as not reachable, and says "unknown" where a record names
// no packages, which govulncheck takes for all of them. Of a stripped program govulncheck knows no functions; veto's answer is that of
// the program before it was stripped.
func TestGoReachTruth(t *testing.T) {
	t.Parallel()
	needOracles(t)
	bin := t.TempDir()
	if err := goIn(t, bin, []string{"GOBIN=" + bin, "GOFLAGS="}, "install", "golang.org/x/vuln/cmd/govulncheck@v1.9.0"); err != nil {
		t.Skip(err)
	}
	database, whole, elsewhere := goVulnerabilities(t)
	count := map[string]int{}
	programs := goReachable()
	for _, name := range sortedKeys(programs) {
		src := t.TempDir()
		writeText(t, filepath.Join(src, "go.mod"), goReachableModule)
		imports := ""
		for _, p := range []string{"fmt", "os", "strings", "github.com/buger/jsonparser", "github.com/golang-jwt/jwt/v4",
			"github.com/gorilla/websocket", "github.com/miekg/dns",
			"github.com/tidwall/gjson", "github.com/ulikunitz/xz", "golang.org/x/crypto/ssh", "golang.org/x/net/html", "golang.org/x/text/language",
			"gopkg.in/yaml.v2"} {
			short := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(strings.TrimSuffix(p, "/v4")), ".v2"), "/v4")
			if !strings.Contains(programs[name], short+".") {
				short = "_"
			}
			imports += fmt.Sprintf("\t%s %q\n", short, p)
		}
		writeText(t, filepath.Join(src, "main.go"), "package main\n\nimport (\n"+imports+")\n\nfunc main() {\n\t"+programs[name]+"\n}\n")
		dir, stripped := t.TempDir(), t.TempDir()
		at := filepath.Join("usr", "bin", name)
		for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", filepath.Join(dir, at), "."},
			{"build", "-ldflags=-s -w", "-o", filepath.Join(stripped, at), "."}} {
			if err := goIn(t, src, nil, args...); err != nil {
				t.Fatal(err)
			}
		}
		want := govulncheck(t, filepath.Join(bin, "govulncheck"), database, filepath.Join(dir, at))
		for how, root := range map[string]string{"as built": dir, "stripped": stripped} {
			run, _ := scanReal(t, packFolder(t, root))
			got := map[string]string{}
			for _, f := range run.Reports[0].Findings {
				for _, id := range f.Evidence.Records {
					got[f.Package.Name+" "+id] = f.Reachable
				}
			}
			for key, called := range want {
				say := map[bool]string{true: "yes", false: "no"}[called]
				if whole[key] {
					say = "unknown"
				}
				count[how+", "+say]++
				if got[key] != say {
					t.Errorf("%s, %s: %s: reachable %q, want %q", name, how, key, got[key], say)
				}
			}
			for key, say := range got {
				if _, known := want[key]; !known && (!elsewhere[key] || say != "no") {
					t.Errorf("%s, %s: %s: found, reachable %q; govulncheck knows nothing of it", name, how, key, say)
				}
			}
		}
	}
	t.Logf("%v", count)
	if count["as built, yes"] < 30 || count["as built, no"] < 30 {
		t.Errorf("%v: at least 30 of each make a truth", count)
	}
}

// goPrograms are two real programs: the same modules before and after fixes.
func goPrograms() map[string][2]string {
	return map[string][2]string{
		"golang.org/x/text/language":          {"v0.3.5", "v0.22.0"},
		"golang.org/x/net/html":               {"v0.0.0-20210119194325-5f4716e94777", "v0.38.0"},
		"golang.org/x/crypto/ssh":             {"v0.0.0-20200622213623-75b288015ac9", "v0.36.0"},
		"gopkg.in/yaml.v2":                    {"v2.2.2", "v2.4.0"},
		"gopkg.in/yaml.v3":                    {"v3.0.0-20200313102051-9f266ea9e77c", "v3.0.1"},
		"github.com/dgrijalva/jwt-go":         {"v3.2.0+incompatible", "v3.2.0+incompatible"},
		"github.com/golang-jwt/jwt/v4":        {"v4.4.1", "v4.5.2"},
		"github.com/gorilla/websocket":        {"v1.4.0", "v1.5.3"},
		"github.com/tidwall/gjson":            {"v1.6.4", "v1.18.0"},
		"github.com/buger/jsonparser":         {"v1.0.0", "v1.1.1"},
		"github.com/miekg/dns":                {"v1.1.20", "v1.1.62"},
		"github.com/ulikunitz/xz":             {"v0.5.6", "v0.5.15"},
		"github.com/satori/go.uuid":           {"v1.2.0", "v1.2.0"},
		"github.com/gin-gonic/gin":            {"v1.6.3", "v1.10.0"},
		"github.com/russellhaering/goxmldsig": {"v1.1.0", "v1.4.0"},
	}
}

func TestGoTruth(t *testing.T) {
	t.Parallel()
	needOracles(t)
	dir := t.TempDir()
	linked := map[string][]string{}
	for i := range 2 {
		src := t.TempDir()
		mod, imports := "module example.test/program\n\ngo 1.21\n\nrequire (\n", "package main\n\nimport (\n"
		for _, pkg := range sortedKeys(goPrograms()) {
			module := pkg
			for _, sub := range []string{"/language", "/html", "/ssh"} {
				module = strings.TrimSuffix(module, sub)
			}
			mod += "\t" + module + " " + goPrograms()[pkg][i] + "\n"
			imports += fmt.Sprintf("\t_ %q\n", pkg)
		}
		writeText(t, filepath.Join(src, "go.mod"), mod+")\n")
		writeText(t, filepath.Join(src, "main.go"), imports+")\n\nfunc main() {}\n")
		program := filepath.Join(dir, "usr/bin", fmt.Sprintf("program%d", i))
		for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", program, "."}} {
			cmd := exec.Command("go", args...)
			cmd.Dir, cmd.Env = src, append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go %v: %v: %s", args, err, out)
			}
		}
		out, err := exec.Command("go", "version", "-m", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(out), "\n") {
			f := strings.Fields(line)
			switch {
			case n == 0:
				linked["stdlib"] = []string{strings.TrimPrefix(f[len(f)-1], "go")}
			case len(f) >= 3 && f[0] == "dep":
				linked[f[1]] = append(linked[f[1]], f[2])
			}
		}
	}
	t.Logf("%d modules linked", len(linked)-1)
	if len(linked) < 11 {
		t.Errorf("%d modules linked, want 10 and the standard library", len(linked))
	}
	compareWithOracle(t, "golang", packFolder(t, dir), goOracle(t, linked))
}

func goOracle(t *testing.T, linked map[string][]string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	at := func(v string) string { return "v" + strings.TrimPrefix(v, "v") }
	for _, rec := range readRecords(t, "Go") {
		for _, a := range rec.Affected {
			for _, v := range linked[a.Package.Name] {
				if rec.Withdrawn != "" {
					continue
				}
				hit := false
				for _, r := range a.Ranges {
					state := false
					for _, e := range r.Events {
						switch {
						case e["introduced"] == "0" || e["introduced"] != "" && semver.Compare(at(v), at(e["introduced"])) >= 0:
							state = true
						case e["fixed"] != "" && semver.Compare(at(v), at(e["fixed"])) >= 0:
							state = false
						}
					}
					hit = hit || state && r.Type == "SEMVER"
				}
				key := a.Package.Name + "@" + v + " " + rec.ID
				out[key] = out[key] || hit
			}
		}
	}
	return out
}
