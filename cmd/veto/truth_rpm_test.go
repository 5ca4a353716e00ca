package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rpmBuilt is one package that rpmbuild makes.
type rpmBuilt struct{ name, evr, module string }

// rpmDatabase builds packages without files and installs them into a database: real headers in a real SQLite file.
func rpmDatabase(t *testing.T, packages []rpmBuilt) string {
	t.Helper()
	for _, tool := range []string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s", tool)
		}
	}
	dir := t.TempDir()
	args := []string{"-bb", "--quiet", "--define", "_topdir " + filepath.Join(dir, "top"), "--define", "_binary_payload w0.gzdio", "--define",
		"__os_install_post %{nil}"}
	for i, p := range packages {
		epoch, rest, ok := strings.Cut(p.evr, ":")
		if !ok {
			epoch, rest = "", p.evr
		}
		version, release, _ := strings.Cut(rest, "-")
		spec := fmt.Sprintf("Name: %s\nVersion: %s\nRelease: %s\nSummary: x\nLicense: MIT\nBuildArch: noarch\n", p.name, version, release)
		if epoch != "" {
			spec += "Epoch: " + epoch + "\n"
		}
		if p.module != "" {
			spec += "ModularityLabel: " + p.module + ":1:context\n"
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.spec", i))
		writeText(t, path, spec+"%description\nx\n%files\n")
		args = append(args, path)
	}
	if out, err := exec.CommandContext(t.Context(), "rpmbuild", args...).CombinedOutput(); err != nil {
		t.Fatalf("rpmbuild: %v\n%.2000s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "top", "RPMS", "*", "*.rpm"))
	if err != nil || len(files) != len(packages) {
		t.Fatalf("%d packages of %d, %v", len(files), len(packages), err)
	}
	db := filepath.Join(dir, "db")
	if out, err := exec.CommandContext(t.Context(), "rpm",
		append([]string{"--dbpath", db, "--define", "_db_backend sqlite", "--justdb", "--nodeps", "--force", "-i"},
			files...)...).CombinedOutput(); err != nil {
		t.Fatalf("rpm: %v\n%.2000s", err, out)
	}
	if wal, err := os.Stat(filepath.Join(db, "rpmdb.sqlite-wal")); err == nil && wal.Size() > 0 {
		t.Fatal("rpm left changes beside its database")
	}
	body, err := os.ReadFile(filepath.Join(db, "rpmdb.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// rpmOrder asks rpm's own comparison.
func rpmOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	pairs := sortedKeys(asked)
	file := filepath.Join(t.TempDir(), "pairs")
	writeText(t, file, strings.Join(pairs, "\n")+"\n")
	out, err := exec.CommandContext(t.Context(), "rpm", "--eval", `%{lua:
for line in io.lines("`+file+`") do
  local at = string.find(line, " ", 1, true)
  print(rpm.vercmp(string.sub(line, 1, at - 1), string.sub(line, at + 1)), "\n")
end}`).Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(pairs) {
		t.Fatalf("%d answers to %d questions", len(answers), len(pairs))
	}
	order := map[string]int{}
	for i, p := range pairs {
		n := 0
		if _, err := fmt.Sscan(answers[i], &n); err != nil {
			t.Fatal(err)
		}
		order[p] = n
	}
	return order
}

// notices are the records of a release of AlmaLinux that announce mended vulnerabilities, read without veto's code: package, fixed
// version, id and the stream that the summary names.
type almaNotice struct {
	name, fixed, id string
	streams         []string
}

func almaNotices(t *testing.T, ecosystem string) []almaNotice {
	t.Helper()
	stream := regexp.MustCompile(`\S+:\S+`) // "Moderate: python39:3.9 and python39-devel:3.9 security update"
	var out []almaNotice
	for _, rec := range readRecords(t, "AlmaLinux") {
		cve := false
		for _, id := range append(append(rec.Aliases, rec.Upstream...), rec.Related...) {
			cve = cve || strings.HasPrefix(id, "CVE-")
		}
		if rec.Withdrawn != "" || !cve && !strings.HasPrefix(rec.ID, "ALSA-") {
			continue
		}
		named := stream.FindAllString(rec.Summary, -1)
		for _, a := range rec.Affected {
			for _, r := range a.Ranges {
				for _, e := range r.Events {
					if a.Package.Ecosystem == ecosystem && e["fixed"] != "" {
						out = append(out, almaNotice{a.Package.Name, e["fixed"], rec.ID, named})
					}
				}
			}
		}
	}
	return out
}

// AlmaLinux 8 and 9: a real database with packages on both sides of their fixes, in modules and outside; rpm itself is the oracle.
func TestAlmaLinuxTruth(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"8", "9"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			notices := almaNotices(t, "AlmaLinux:"+number)
			packages := almaPackages(notices)
			database := rpmDatabase(t, packages)
			asked := map[string]bool{}
			for _, p := range packages {
				for _, n := range notices {
					if n.name == p.name {
						asked[p.evr+" "+n.fixed] = true
					}
				}
			}
			order := rpmOrder(t, asked)
			want := map[string]bool{}
			modular := 0
			for _, p := range packages {
				if p.module != "" {
					modular++
				}
				for _, n := range notices {
					if n.name != p.name || strings.Contains(n.fixed,
						".module_el") != (p.module != "") || p.module != "" && len(n.streams) > 0 && !slices.Contains(n.streams, p.module) {
						continue
					}
					pair := p.name + "@" + p.evr + " " + n.id
					want[pair] = want[pair] || order[p.evr+" "+n.fixed] < 0
				}
			}
			t.Logf("%d packages, %d of them in modules", len(packages), modular)
			if number == "8" && modular < sample(5) {
				t.Errorf("only %d packages are in modules", modular)
			}
			image := packRelease(t, "ID=almalinux\nVERSION_ID=\""+number+".9\"\nNAME=AlmaLinux\n", "var/lib/rpm/rpmdb.sqlite", database)
			counted := compareWithOracle(t, "rpm", image, want)
			checkAccuracy(t, "AlmaLinux "+number, "AlmaLinux", counted)
		})
	}
}

// almaPackages takes of every few packages one fixed version, or one before it.
func almaPackages(notices []almaNotice) []rpmBuilt {
	byName := map[string][]almaNotice{}
	for _, n := range notices {
		if len(n.streams) > 0 || !strings.Contains(n.fixed, ".module_el") {
			byName[n.name] = append(byName[n.name], n)
		}
	}
	var out []rpmBuilt
	for i, name := range sortedKeys(byName) {
		if i%(len(byName)/sample(120)+1) > 0 {
			continue
		}
		list := byName[name]
		n := list[i%len(list)]
		p := rpmBuilt{name: name, evr: n.fixed}
		if strings.Contains(n.fixed, ".module_el") {
			p.module = n.streams[0]
		}
		if at := strings.LastIndexByte(p.evr, '-'); i%2 == 0 && at > 0 {
			p.evr = p.evr[:at+1] + "0." + p.evr[at+1:]
		}
		out = append(out, p)
	}
	return out
}
