package version

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/osv-scalibr/semantic"
	modsemver "golang.org/x/mod/semver"
)

// pairsPerOracle is how many generated pairs each oracle is asked about.
func pairsPerOracle() int {
	if testing.Short() {
		return 600
	}
	return 10_000
}

// answer is what this package says of a pair: "-1", "0", "1" or "error".
func answer(t *testing.T, scheme string, p [2]string) string {
	t.Helper()
	x, e1 := ParseAs(scheme, p[0])
	y, e2 := ParseAs(scheme, p[1])
	if e1 != nil || e2 != nil {
		return "error"
	}
	c, err := x.Compare(y)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(c)
}

func generatePairs(scheme string) [][2]string {
	r := rand.New(rand.NewPCG(7, 11))
	pairs := make([][2]string, pairsPerOracle())
	for i := range pairs {
		a, b := generate(r, scheme), generate(r, scheme)
		switch r.IntN(6) {
		case 0, 1: // a near pair: one byte dropped
			k := r.IntN(len(a))
			b = a[:k] + a[k+1:]
		case 2: // one inserted
			k := r.IntN(len(a) + 1)
			b = a[:k] + generator{r}.pick("0", "1", ".", "-", ".0", "a", "~", "+") + a[k:]
		}
		if b == "" {
			b = "0"
		}
		pairs[i] = [2]string{a, b}
	}
	return pairs
}

// pairsOf are generated pairs, and real ones where the data is here.
func pairsOf(t *testing.T, scheme string) [][2]string {
	t.Helper()
	return append(generatePairs(scheme), realPairs(t, scheme)...)
}

// compareWithOracle compares pairs of generated versions with what an oracle says of each. Where argued holds for a pair, the scheme's file
// says why this package differs from its native tool.
func compareWithOracle(t *testing.T, scheme string, oracle func(pairs [][2]string) []string, argued func(a, b string) bool) {
	t.Helper()
	pairs := pairsOf(t, scheme)
	answers := oracle(pairs)
	if len(answers) != len(pairs) {
		t.Fatalf("the oracle gave %d answers to %d pairs", len(answers), len(pairs))
	}
	count, wrong := map[string]int{}, 0
	for i, p := range pairs {
		got := answer(t, scheme, p)
		count[got]++
		switch {
		case got == answers[i]:
		case argued != nil && argued(p[0], p[1]):
			count["argued"]++
		default:
			if wrong++; wrong <= 20 {
				t.Errorf("%q and %q: %s, the oracle says %s", p[0], p[1], got, answers[i])
			}
		}
	}
	t.Logf("%d pairs: %v, %d differences", len(pairs), count, wrong)
	if n := len(pairs); count["-1"] < n/10 || count["1"] < n/10 || count["0"] < n/200 || count["error"] > n*3/5 || count["argued"] > n/20+20 {
		t.Errorf("the pairs show too little: %v", count)
	}
}

// compareWithProgram is compareWithOracle with a program that reads the pairs, one a line, and prints as many answers.
func compareWithProgram(t *testing.T, scheme string, argued func(a, b string) bool, program string, args ...string) {
	t.Helper()
	t.Parallel()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s here", program)
	}
	compareWithOracle(t, scheme, func(pairs [][2]string) []string { return runProgram(t, lines(pairs), program, args...) }, argued)
}

func lines(pairs [][2]string) []byte {
	var in bytes.Buffer
	for _, p := range pairs {
		fmt.Fprintf(&in, "%s %s\n", p[0], p[1])
	}
	return in.Bytes()
}

func runProgram(t *testing.T, in []byte, program string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%.2000s", program, err, stderr.String())
	}
	return strings.Fields(string(out))
}

// dpkg compares one pair a run. It is asked whether it agrees, which takes one run where finding out takes two.
func TestDpkg(t *testing.T) {
	dpkg, err := exec.LookPath("dpkg")
	if err != nil {
		t.Skip("no dpkg here")
	}
	t.Parallel()
	agrees := func(p [2]string, got string) (string, error) {
		operator := map[string]string{"-1": "lt", "0": "eq", "1": "gt", "error": "eq"}[got]
		cmd := exec.CommandContext(t.Context(), dpkg, "--compare-versions", p[0], operator, p[1])
		out, err := cmd.CombinedOutput()
		said := string(out)
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > 1 && !strings.Contains(said, "has bad syntax") {
			return "", fmt.Errorf("%v: %w: %s", cmd.Args, err, out)
		}
		refused := said != "" && !strings.Contains(said, "does not start with digit") && !strings.Contains(said, "invalid character")
		switch {
		case refused:
			return "error", nil
		case err == nil && got != "error":
			return got, nil
		}
		return "not " + got, nil
	}
	compareWithOracle(t, DPKG, func(pairs [][2]string) []string {
		answers := make([]string, len(pairs))
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := w; i < len(pairs); i += 4 {
					var err error
					if answers[i], err = agrees(pairs[i], answer(t, DPKG, pairs[i])); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return answers
	}, func(a, b string) bool {
		return strings.IndexByte("+-", a[0]) >= 0 || strings.IndexByte("+-", b[0]) >= 0
	}) // strtol takes a sign on an epoch
}

// rpm's own Lua has rpm's own comparison of epoch, version and release.
func TestRPM(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pairs")
	if err := os.WriteFile(file, lines(pairsOf(t, RPM)), 0o600); err != nil {
		t.Fatal(err)
	}
	odd := regexp.MustCompile(`^\d*:?-|-$|^:|^\d+:(-|$)|^\d*[^\d:].*:|:.*:`) // see parseRPM
	compareWithProgram(t, RPM, func(a, b string) bool { return odd.MatchString(a) || odd.MatchString(b) }, "rpm", "--eval", `%{lua:
for line in io.lines("`+file+`") do
  local at = string.find(line, " ", 1, true)
  local ok, c = pcall(rpm.vercmp, string.sub(line, 1, at - 1), string.sub(line, at + 1))
  if ok then print(c, "\n") else print("error", "\n") end
end}`)
}

func TestPackaging(t *testing.T) {
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import packaging.version").Run() != nil {
			continue
		}
		compareWithProgram(t, PEP440, nil, python, "-c", `import sys
from packaging.version import Version, InvalidVersion
for line in sys.stdin:
    try:
        a, b = map(Version, line.split())
        print((a > b) - (a < b))
    except InvalidVersion:
        print("error")
`)
		return
	}
	t.Skip("no python3-packaging here")
}

func TestRubyGems(t *testing.T) {
	compareWithProgram(t, RubyGems, nil, "ruby", "-rrubygems", "-e", `
STDIN.each_line do |line|
  a, b = line.split
  puts Gem::Version.correct?(a) && Gem::Version.correct?(b) ? Gem::Version.new(a) <=> Gem::Version.new(b) : "error"
end`)
}

// ComparableVersion's own main compares each of its arguments with the next; every other such line is a pair.
func TestMaven(t *testing.T) {
	jars, err := filepath.Glob("/usr/share/maven/lib/maven-artifact-*.jar")
	if err != nil || len(jars) == 0 {
		t.Skip("no Maven here")
	}
	const program = "java"
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("no java here")
	}
	// Words between dots or before a dash, and lists that begin with a list: see mavenKey.
	t.Parallel()
	corner := regexp.MustCompile(`(?i)\.[^0-9.-]+[.-]|(^|[.-])(0+|ga|final|release)?-|[0-9](ga|final|release)-`)
	compareWithOracle(t, Maven, func(pairs [][2]string) []string {
		args := []string{"-XX:TieredStopAtLevel=1", "-cp", "/usr/share/maven/lib/*", "org.apache.maven.artifact.versioning.ComparableVersion"}
		for _, p := range pairs {
			args = append(args, p[0], p[1])
		}
		out, err := exec.CommandContext(t.Context(), program, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var answers []string
		i := 0
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) != 3 || !strings.HasPrefix(line, " ") {
				continue
			}
			if i++; i%2 == 0 {
				continue
			}
			said := map[string]string{"<": "-1", "==": "0", ">": "1"}[f[1]]
			const numerals = "0123456789"
			if p := pairs[min(len(answers), len(pairs)-1)]; !strings.ContainsAny(p[0], numerals) || !strings.ContainsAny(p[1], numerals) {
				said = "error"
			}
			answers = append(answers, said)
		}
		return answers
	}, func(a, b string) bool { return corner.MatchString(a) || corner.MatchString(b) })
}

func TestComposer(t *testing.T) {
	const autoload = "/usr/share/php/Composer/Semver/autoload.php"
	if _, err := os.Stat(autoload); err != nil {
		t.Skip("no composer/semver here")
	}
	tail := regexp.MustCompile(`^v?\d{4}([.:-]?\d{2}){1,6}([.:-]?\d{1,3}){2}`) // see packagistDate
	argued := func(a, b string) bool { return tail.MatchString(a) || tail.MatchString(b) }
	compareWithProgram(t, Packagist, argued, "php", "-r", `require $argv[1];
$parser = new Composer\Semver\VersionParser;
while (($line = fgets(STDIN)) !== false) {
  list($a, $b) = explode(" ", trim($line));
  try {
    $a = $parser->normalize($a);
    $b = $parser->normalize($b);
    if (strpos($a, "dev-") === 0 || strpos($b, "dev-") === 0) echo "error\n";
    elseif (Composer\Semver\Comparator::lessThan($a, $b)) echo "-1\n";
    else echo Composer\Semver\Comparator::greaterThan($a, $b) ? "1\n" : "0\n";
  } catch (UnexpectedValueException $e) { echo "error\n"; }
}`, "--", autoload)
}

func TestElixir(t *testing.T) {
	compareWithProgram(t, Hex, nil, "elixir", "-e", `
for line <- IO.stream(:stdio, :line) do
  [a, b] = String.split(line)
  case {Version.parse(a), Version.parse(b)} do
    {{:ok, x}, {:ok, y}} -> IO.puts(%{lt: "-1", eq: "0", gt: "1"}[Version.compare(x, y)])
    _ -> IO.puts("error")
  end
end`)
}

// package_version says which are versions, compareVersion orders them.
func TestR(t *testing.T) {
	compareWithProgram(t, CRAN, nil, "Rscript", "--vanilla", "-e", `
pairs <- strsplit(readLines(file("stdin")), " ")
a <- sapply(pairs, "[", 1)
b <- sapply(pairs, "[", 2)
is <- function(x) suppressWarnings(sapply(unclass(package_version(x, strict = FALSE)), function(v) length(v) > 0 && !anyNA(v)))
cat(mapply(function(x, y, ok) if (ok) as.character(compareVersion(x, y)) else "error", a, b, is(a) & is(b)), sep = "\n")`)
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
	compareWithProgram(t, SemVer, nil, "node", "-e", `const semver = require(process.argv[1]);
for (const line of require("fs").readFileSync(0, "utf8").split("\n")) {
  if (!line) continue;
  const [a, b] = line.split(" ");
  console.log(semver.valid(a) && semver.valid(b) ? semver.compare(a, b) : "error");
}`, npmSemver(t))
}

func TestGoSemver(t *testing.T) {
	v := func(s string) string { return "v" + strings.TrimPrefix(s, "v") }
	compareWithOracle(t, Go, func(pairs [][2]string) []string {
		var out []string
		for _, p := range pairs {
			if a, b := v(p[0]), v(p[1]); modsemver.IsValid(a) && modsemver.IsValid(b) {
				out = append(out, fmt.Sprint(modsemver.Compare(a, b)))
			} else {
				out = append(out, "error")
			}
		}
		return out
	}, nil)
}

// NuGet, Pub, Hackage and the loose order have no tool here. osv-scalibr reads any text, so each form is written down once more.
func TestScalibr(t *testing.T) {
	id, words := `[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*`, `[0-9A-Za-z_~-]+(\.[0-9A-Za-z_~-]+)*`
	matches := func(pattern string) func(a, b string) bool {
		re := regexp.MustCompile(pattern)
		return func(a, b string) bool { return re.MatchString(a) || re.MatchString(b) }
	}
	for _, c := range []struct {
		scheme, ecosystem, form, not string
		argued                       func(a, b string) bool
	}{
		{NuGet, "NuGet", `^\d+(\.\d+){0,3}(-` + id + `)?(\+` + id + `)?$`, `^[^+-]*-([^+]*\.)?0\d+([.+]|$)|^[^+-]*(2147483648|\d{11})`, nil},
		// osv-scalibr compares builds as text; pub_semver goes by their identifiers, and reads numbers.
		{Pub, "Pub", `^\d+\.\d+\.\d+(-` + id + `)?(\+` + id + `)?$`, ``, matches(`\+.*-|\+([^+]*\.)?0\d`)},
		{Hackage, "Hackage", `^\d{1,9}(\.\d{1,9})*$`, `(^|\.)0\d`, nil},
		// osv-scalibr reads three numbers; what follows is a pre-release to it.
		{Loose, "Bitnami", `^v?\d+(\.\d+)*([-._~]?` + words + `)?(\+.*)?$`, ``, matches(`^v?\d+(\.\d+){3}|[0-9][._~]`)},
	} {
		t.Run(c.scheme, func(t *testing.T) {
			form, not := regexp.MustCompile(c.form), regexp.MustCompile(c.not)
			is := func(s string) bool { return form.MatchString(s) && (c.not == "" || !not.MatchString(s)) }
			compareWithOracle(t, c.scheme, func(pairs [][2]string) []string {
				var out []string
				for _, p := range pairs {
					if !is(p[0]) || !is(p[1]) {
						out = append(out, "error")
						continue
					}
					n, err := semantic.MustParse(p[0], c.ecosystem).CompareStr(p[1])
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, fmt.Sprint(cmp.Compare(n, 0)))
				}
				return out
			}, c.argued)
		})
	}
}

// apk-tools is not among Debian's packages; its answers are recorded.
func TestAPK(t *testing.T) {
	recorded, err := os.ReadFile(filepath.Join("testdata", "apk.txt"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(recorded)) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		want := map[string]string{"<": "-1", "=": "0", ">": "1", "!": "error"}[f[1]]
		if got := answer(t, APK, [2]string{f[0], f[2]}); got != want {
			t.Errorf("%q and %q: %s, apk says %s", f[0], f[2], got, want)
		}
		n++
	}
	if n < 2000 {
		t.Errorf("%d pairs only", n)
	}
}
