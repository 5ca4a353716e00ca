package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testSources are the test files of each package of the module, as one text.
func testSources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root(t), func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/testdata/") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root(t), filepath.Dir(path))
		out[filepath.ToSlash(pkg)] += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// CONTRIBUTING's tables of test data name the packages that read each part.
func TestTestDataPage(t *testing.T) {
	t.Parallel()
	sources := testSources(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	_, text, _ := strings.Cut(readPage(t, "CONTRIBUTING.md").text, "\n## Test data\n")
	rows := 0
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|[^|]+\\| ([^|]+) \\|$").FindAllStringSubmatch(text, -1) {
		rows++
		var named, want []string
		for _, p := range quoted.FindAllStringSubmatch(m[2], -1) {
			named = append(named, p[1])
		}
		for _, pkg := range sortedKeys(sources) {
			if slices.ContainsFunc(quoted.FindAllStringSubmatch(m[1], -1), func(q []string) bool { return reads(sources[pkg], q[1]) }) {
				want = append(want, pkg)
			}
		}
		if diff := cmp.Diff(want, named); diff != "" {
			t.Errorf("%s is read by (-tests +CONTRIBUTING):\n%s", m[1], diff)
		}
	}
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}

// reads says whether tests read a variable, or a file of the test data.
func reads(source, what string) bool {
	switch {
	case strings.HasPrefix(what, "VETO_"):
		return regexp.MustCompile(`(Getenv|number|numberOf)\((t, )?"` + what + `"`).MatchString(source)
	case strings.HasPrefix(what, "osv/"):
		return regexp.MustCompile(`"osv", (ecosystem|base|"\w+"|"\*"), "all\.zip"`).MatchString(source)
	case strings.HasPrefix(what, "kev/"):
		return strings.Contains(source, `"kev", "known_exploited_vulnerabilities.json"`)
	}
	return strings.Contains(source, `"`+what+`"`)
}

// CONTRIBUTING's command that rewrites goldens names the packages whose tests have the flag, and no others: go test refuses it there.
func TestUpdateCommand(t *testing.T) {
	t.Parallel()
	var want []string
	for pkg, source := range testSources(t) {
		if strings.Contains(source, `flag.Bool("update"`) {
			want = append(want, "./"+pkg)
		}
	}
	slices.Sort(want)
	line := "go test " + strings.Join(want, " ") + " -update"
	if !slices.ContainsFunc(readPage(t, "CONTRIBUTING.md").parts, func(p part) bool { return p.kind == command && p.text == line }) {
		t.Errorf("CONTRIBUTING.md does not print %q", line)
	}
}

// The command of docs/accuracy.md selects tests in each package that it names.
func TestTruthCommand(t *testing.T) {
	t.Parallel()
	sources := testSources(t)
	for _, p := range readPage(t, "docs/accuracy.md").parts {
		m := regexp.MustCompile(`go test (.*) -run '(\w+)'`).FindStringSubmatch(p.text)
		if p.kind != command || m == nil {
			continue
		}
		for _, pkg := range strings.Fields(m[1]) {
			if n := len(regexp.MustCompile(`(?m)^func Test\w*`+m[2]).FindAllString(sources[strings.TrimPrefix(pkg, "./")], -1)); n < 3 {
				t.Errorf("%s: %s selects %d tests of %s", p.text, m[2], n, pkg)
			}
		}
		return
	}
	t.Error("docs/accuracy.md does not say how to run the truth sets")
}

// Every test that a page names is there.
func TestNamedTests(t *testing.T) {
	t.Parallel()
	all := ""
	for _, source := range testSources(t) {
		all += source
	}
	seen := 0
	for _, p := range pages(t) {
		for _, part := range p.parts {
			if !regexp.MustCompile(`^(Test|Fuzz|Benchmark)\w+$`).MatchString(part.text) {
				continue
			}
			if seen++; !strings.Contains(all, "func "+part.text+"(") {
				t.Errorf("%s names %s, which is no test", p.name, part.text)
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d tests are named", seen)
	}
}
