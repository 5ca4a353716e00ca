package version

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	modsemver "golang.org/x/mod/semver"
)

// generate makes a version-like string of a scheme; not each is valid.
func generate(r *rand.Rand, scheme string) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	number := func() string { return pick("0", "1", "2", "9", "10", "12", "100", "20240101") }
	maybe := func(s string) string { return pick("", "", s) }
	core := number() + "." + number()
	switch scheme {
	case DPKG:
		s := maybe(pick("0", "1", "2")+":") + core + maybe(pick("~", "+", ".", "-", "a", "")+pick("rc", "dfsg", "b", "~", "")+number())
		return s + maybe("-"+pick("0", "1", "01", "1~", "1+", "1a")+maybe(pick("~deb", "+deb", "ubuntu")+number()))
	case APK:
		return core + maybe("."+pick("0", "05", "5", "10")) + maybe(pick("a", "b", "z")) + maybe("_"+pick("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p")+pick("", "1", "2", "10")) +
			maybe("_p"+number()) + maybe("~"+pick("ab", "ac1")) + maybe("-r"+number())
	case RPM:
		return maybe(pick("0", "1")+":") + core + maybe(pick("~", "^", ".", "_", "+", "")+pick("rc", "git", "a", "")+number()) + maybe("-"+number()+maybe(".el"+number()+pick("", "_", "~", "^")))
	case SemVer, Go:
		pre := func() string { return pick("0", "1", "10", "a", "A", "rc", "alpha", "1a", "-", "x-y") }
		return maybe("v") + core + "." + number() + maybe("-"+pre()+maybe("."+pre())+maybe("."+pre())) + maybe("+"+pick("a", "incompatible", "01"))
	case PEP440:
		return maybe("v") + maybe(pick("0", "1")+"!") + core + maybe(pick(".0", ".00", ".0.1")) + maybe(pick("", ".", "-", "_")+pick("a", "b", "rc", "alpha", "C", "pre")+pick("", "0", "1", "01", "10")) +
			maybe(pick(".post", "-", "post", ".rev", "_r")+pick("0", "1", "2")) + maybe(pick(".dev", "dev", "-dev")+pick("", "0", "1", "3")) + maybe("+"+pick("a", "1", "01", "a.1", "1-a", "ubuntu.1", "cpu"))
	}
	return core + maybe("."+number()) + maybe(pick("-", ".", "")+pick("rc", "alpha", "beta", "a", "SNAPSHOT")+pick("", ".1", "2"))
}

// differ compares pairs of generated versions with what an oracle says: "-1", "0", "1" or "error", one a line.
func differ(t *testing.T, scheme string, n int, oracle func(pairs [][2]string) []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 11))
	pairs := make([][2]string, n)
	for i := range pairs {
		pairs[i] = [2]string{generate(r, scheme), generate(r, scheme)}
		if r.IntN(3) == 0 { // a near pair: one byte dropped
			s := pairs[i][0]
			k := r.IntN(len(s))
			pairs[i][1] = s[:k] + s[k+1:]
		}
	}
	answers := oracle(pairs)
	if len(answers) != n {
		t.Fatalf("the oracle gave %d answers to %d pairs", len(answers), n)
	}
	count := map[string]int{}
	for i, p := range pairs {
		got := "error"
		x, e1 := ParseAs(scheme, p[0])
		y, e2 := ParseAs(scheme, p[1])
		if e1 == nil && e2 == nil {
			c, err := x.Compare(y)
			if err != nil {
				t.Fatal(err)
			}
			got = fmt.Sprint(c)
		}
		if got != answers[i] {
			t.Errorf("%q and %q: %s, the oracle says %s", p[0], p[1], got, answers[i])
		}
		count[got]++
	}
	t.Logf("%d pairs: %v", n, count)
	if count["-1"] < n/10 || count["1"] < n/10 || count["0"] == 0 {
		t.Errorf("the pairs show too little: %v", count)
	}
}

func ask(t *testing.T, pairs [][2]string, program string, args ...string) []string {
	t.Helper()
	var in bytes.Buffer
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s %s\n", p[0], p[1])
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%.2000s", program, err, stderr.String())
	}
	return strings.Fields(string(out))
}

func TestDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("no dpkg here")
	}
	differ(t, DPKG, 2000, func(pairs [][2]string) []string {
		return ask(t, pairs, "/bin/sh", "-c", `while read -r a b; do
			if out=$("$0" --compare-versions "$a" lt "$b" 2>&1); then r=-1; elif "$0" --compare-versions "$a" gt "$b" 2>/dev/null; then r=1; else r=0; fi
			case $out in *"does not start with digit"*|*"invalid character"*|"") ;; *) r=error ;; esac
			echo "$r"; done`, dpkg)
	})
}

func TestPackaging(t *testing.T) {
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import packaging.version").Run() != nil {
			continue
		}
		differ(t, PEP440, 3000, func(pairs [][2]string) []string {
			return ask(t, pairs, python, "-c", `import sys
from packaging.version import Version, InvalidVersion
for line in sys.stdin:
    try:
        a, b = map(Version, line.split())
        print((a > b) - (a < b))
    except InvalidVersion:
        print("error")
`)
		})
		return
	}
	t.Skip("no python3-packaging here")
}

// npmSemver finds the semver that npm carries, or installs it.
func npmSemver(t *testing.T) string {
	t.Helper()
	if root, err := exec.CommandContext(t.Context(), "npm", "root", "-g").Output(); err == nil {
		carried := filepath.Join(strings.TrimSpace(string(root)), "npm", "node_modules", "semver")
		if _, err := os.Stat(carried); err == nil {
			return carried
		}
	}
	if os.Getenv("VETO_ORACLES") != "1" {
		t.Skip("no semver of npm's here; VETO_ORACLES=1 installs it")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "npm", "install", "--silent", "--prefix", dir, "semver").CombinedOutput(); err != nil {
		t.Skipf("npm cannot install semver: %v\n%s", err, out)
	}
	return filepath.Join(dir, "node_modules", "semver")
}

func TestNodeSemver(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node here")
	}
	path := npmSemver(t)
	differ(t, SemVer, 3000, func(pairs [][2]string) []string {
		return ask(t, pairs, "node", "-e", `const semver = require(process.argv[1]);
for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
  if (!line) continue;
  const [a, b] = line.split(" ");
  console.log(semver.valid(a) && semver.valid(b) ? semver.compare(a, b) : "error");
}`, path)
	})
}

func TestGoSemver(t *testing.T) {
	v := func(s string) string { return "v" + strings.TrimPrefix(s, "v") }
	differ(t, Go, 5000, func(pairs [][2]string) []string {
		var out []string
		for _, p := range pairs {
			if a, b := v(p[0]), v(p[1]); modsemver.IsValid(a) && modsemver.IsValid(b) {
				out = append(out, fmt.Sprint(modsemver.Compare(a, b)))
			} else {
				out = append(out, "error")
			}
		}
		return out
	})
}
