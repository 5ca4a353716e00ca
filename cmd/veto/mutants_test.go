package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
)

// listedPackage is a package as a native tool lists it.
type listedPackage struct{ name, version string }

func (p *listedPackage) UnmarshalJSON(b []byte) error {
	var pair [2]string
	err := json.Unmarshal(b, &pair)
	p.name, p.version = pair[0], pair[1]
	return err
}

// mutants are trees of one ecosystem that a seeded generator has changed, and what lists the packages in them.
type mutants struct {
	dir      string // of the image; the trees are the folders of dir/m
	rand     *rand.Rand
	count    int
	typ      string                                   // of the packages
	same     func(listed listedPackage) listedPackage // as veto writes what the tool lists
	argued   func(tree string, p listedPackage) bool  // what is listed and right to be left out, with its reason in the code
	packages map[string]map[listedPackage]bool        // by tree
	gaps     map[string][]string
}

// newMutants skips the test where the oracles are not asked for. VETO_MUTANTS is how many trees each ecosystem has, VETO_SEED which.
func newMutants(t *testing.T, typ string, tools ...string) *mutants {
	t.Helper()
	if os.Getenv("VETO_ORACLES") == "" {
		t.Skip("VETO_ORACLES is not set")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	m := &mutants{dir: t.TempDir(), typ: typ, count: numberOf(t, "VETO_MUTANTS", 150)}
	m.rand = rand.New(rand.NewPCG(uint64(numberOf(t, "VETO_SEED", 1)), 7)) // a seed
	m.same = func(p listedPackage) listedPackage { return p }
	m.argued = func(string, listedPackage) bool { return false }
	return m
}

func numberOf(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		t.Fatalf("%s: %q is no number", variable, v)
	}
	return n
}

// tree is the folder of one mutant.
func (m *mutants) tree(i int) string { return filepath.Join(m.dir, "m", fmt.Sprintf("%04d", i)) }

// ask runs a native tool over all trees at once.
func (m *mutants) ask(t *testing.T, command ...string) map[string][]listedPackage {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) // the test's own words
	cmd.Stdout, cmd.Stderr, cmd.Dir = &stdout, &stderr, t.TempDir()
	err := cmd.Run()
	if text := stderr.String(); text != "" {
		t.Logf("%v: %.2000s", command, text)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, stderr.String())
	}
	var out map[string][]listedPackage
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("%v: %v\n%.2000s", command, err, stdout.String())
	}
	return out
}

// inspectTree returns what veto finds in a folder that is an image's root.
func inspectTree(t *testing.T, dir string) *engine.Input {
	t.Helper()
	out := filepath.Join(t.TempDir(), "facts.json")
	var stderr bytes.Buffer
	sys := &system{stdin: strings.NewReader(""), stdout: &stderr, stderr: &stderr, dir: dir, now: time.Now, width: 100}
	args := []string{"inspect", "rootfs:" + dir, "--db", "none", "--no-secrets", "--no-cache", "--out", out, "--now", clock}
	if code := run(t.Context(), args, sys); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var facts engine.Input
	if err := json.Unmarshal(b, &facts); err != nil {
		t.Fatal(err)
	}
	return &facts
}

// inspect gathers what veto finds in each tree, a hundred of them in one image: a report has a limit of gaps.
func (m *mutants) inspect(t *testing.T) {
	t.Helper()
	m.packages, m.gaps = map[string]map[listedPackage]bool{}, map[string][]string{}
	root := t.TempDir()
	for first := 0; first < m.count; first += 100 {
		if err := os.Mkdir(filepath.Join(root, "m"), 0o755); err != nil {
			t.Fatal(err)
		}
		move := func(to string) {
			for i := first; i < min(first+100, m.count); i++ {
				from, place := m.tree(i), filepath.Join(root, "m", filepath.Base(m.tree(i)))
				if to == m.dir {
					from, place = place, from
				}
				if err := os.Rename(from, place); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
		}
		move(root)
		m.addFacts(inspectTree(t, root))
		move(m.dir)
		if err := os.Remove(filepath.Join(root, "m")); err != nil {
			t.Fatal(err)
		}
	}
}

// addFacts notes which tree each fact is of.
func (m *mutants) addFacts(facts *engine.Input) {
	treeOf := func(p string) string {
		parts := strings.SplitN(p, "/", 3)
		if len(parts) < 3 || parts[0] != "m" {
			return ""
		}
		return parts[1]
	}
	for _, p := range facts.Packages {
		for _, l := range p.Locations {
			if p.Type == m.typ {
				m.add(treeOf(l.Path), p.Name, p.Version)
			}
		}
	}
	for _, g := range facts.Gaps {
		tree := treeOf(string(g.Path))
		m.gaps[tree] = append(m.gaps[tree], string(g.Path)+": "+g.Detail)
	}
}

func (m *mutants) add(tree, name, version string) {
	if m.packages[tree] == nil {
		m.packages[tree] = map[listedPackage]bool{}
	}
	m.packages[tree][listedPackage{name, version}] = true
}

// compare fails for each package that the tool lists and veto does not, nor as a gap of that tree. Trees that honest tools could have
// made must have no gap.
func (m *mutants) compare(t *testing.T, listed map[string][]listedPackage, honest map[string]bool) {
	t.Helper()
	packages, judged, failed := 0, 0, 0
	for _, tree := range slices.Sorted(mapsKeys(listed)) {
		if honest[tree] && len(m.gaps[tree]) > 0 {
			t.Errorf("%s: an honest tree has the gaps %q\n%s", tree, m.gaps[tree], describeTree(filepath.Join(m.dir, "m", tree)))
		}
		for _, p := range listed[tree] {
			want := m.same(p)
			packages++
			switch {
			case m.packages[tree][want]:
				judged++
			case m.packages[tree][listedPackage{want.name, ""}]: // whatever its version is, each advisory about its name is a gap
			case len(m.gaps[tree]) == 0 && !m.argued(tree, p):
				if failed++; failed <= 10 {
					t.Errorf("%s: %q %q is listed, and veto has %v\n%s", tree, want.name, want.version, m.packages[tree],
						describeTree(filepath.Join(m.dir, "m", tree)))
				}
			}
		}
	}
	t.Logf("%d trees, %d packages listed, %d of them by veto too, %d trees with gaps, %d faults",
		m.count, packages, judged, len(m.gaps), failed)
	if packages < m.count/3 || judged < packages/2 || len(honest) < m.count/10 {
		t.Errorf("the generator makes too little that says something: %d packages in %d trees, %d judged, %d honest",
			packages, m.count, judged, len(honest))
	}
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// compareRoots makes each mutant an image's root, and fails for each package that the tool lists and veto does not, nor as a gap.
func compareRoots(t *testing.T, m *mutants, fill func(root string, plain bool), list func(root string) map[string]bool,
	describe func(*engine.Package) string) {
	t.Helper()
	packages, judged, gaps, failed := 0, 0, 0, 0
	for i := range m.count {
		root, plain := filepath.Join(m.dir, fmt.Sprint(i)), i%4 == 0
		put(t, filepath.Join(root, "etc/os-release"), "ID=debian\nVERSION_ID=12\n")
		fill(root, plain)
		facts := inspectTree(t, root)
		ours := map[string]bool{}
		for j := range facts.Packages {
			if facts.Packages[j].Type == m.typ {
				ours[describe(&facts.Packages[j])] = true
				unnamed := facts.Packages[j]
				unnamed.Source.Name = ""
				ours[describe(&unnamed)] = true
			}
		}
		denied := false
		for _, g := range facts.Gaps {
			switch g.Kind {
			case engine.GapMalformed, engine.GapUnreadable, engine.GapLimit, engine.GapUnlisted:
				denied = true
			}
		}
		if denied {
			gaps++
		}
		if plain && denied {
			t.Errorf("an honest database has the gaps %v\n%s", facts.Gaps, describeTree(root))
		}
		for p := range list(root) {
			packages++
			switch {
			case ours[p]:
				judged++
			case !denied:
				if failed++; failed <= 10 {
					t.Errorf("%q is listed, and veto has %v\n%s", p, ours, describeTree(root))
				}
			}
		}
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d databases, %d packages listed, %d of them by veto too, %d with gaps, %d faults", m.count, packages, judged, gaps, failed)
	if packages < m.count/3 || judged < packages/2 {
		t.Errorf("the generator makes too little that says something: %d packages, %d judged", packages, judged)
	}
}

// describeTree shows the files of a mutant with the beginning of what is in them.
func describeTree(dir string) string {
	var b strings.Builder
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		body, target := "", ""
		if d.Type()&os.ModeSymlink != 0 {
			target, _ = os.Readlink(p)
		} else if !d.IsDir() {
			text, _ := os.ReadFile(p)
			body = string(text[:min(len(text), 400)])
		}
		fmt.Fprintf(&b, "  %s %s %q\n", rel, target, body)
		return nil
	})
	return b.String()
}

// put writes a file of a tree, and the folders that it is in.
func put(t *testing.T, p, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, p, body)
}

// link makes a symbolic link, and the folders that it is in.
func link(t *testing.T, p, target string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, p); err != nil {
		t.Fatal(err)
	}
}

// one picks one of several.
func one[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// often says yes n times of a hundred.
func often(r *rand.Rand, n int) bool { return r.IntN(100) < n }

func oracle(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("testdata", "oracles", name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
