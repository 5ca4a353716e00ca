package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// listDpkg returns what dpkg-query lists of an image's root as installed: name, source, version and the source's version.
func listDpkg(t *testing.T, root string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	// It refuses a whole database for one fault in it.
	text, _ := exec.CommandContext(t.Context(), "dpkg-query", "--admindir", filepath.Join(root, "var/lib/dpkg"), // a test
		"-W", "-f", "${db:Status-Status}\t${Package}\t${source:Package}\t${Version}\t${source:Version}\x1e").Output()
	for line := range strings.SplitSeq(string(text), "\x1e") {
		// Of a source that stands in the next line, dpkg prints nothing but its line feed, and of "glibc(2.36-9)" all. veto takes the name.
		fields := strings.Split(strings.ReplaceAll(line, "\n", ""), "\t")
		if len(fields) != 5 {
			continue
		}
		fields[2], _, _ = strings.Cut(fields[2], "(")
		status := fields[0]
		if status != "" && status != "not-installed" && status != "config-files" {
			// A version with white space in it is none. dpkg prints it as it stands, and no tool takes it for another than that without.
			out[strings.Join([]string{fields[1], fields[2], noSpace(fields[3]), noSpace(fields[4])}, "\t")] = true
		}
	}
	return out
}

func noSpace(s string) string { return strings.Join(strings.Fields(s), "") }

// TestMutantsOfDpkg compares what dpkg-query -W prints with what veto sees.
func TestMutantsOfDpkg(t *testing.T) {
	t.Parallel()
	m := newMutants(t, "deb", "dpkg-query")
	compareRoots(t, m, func(root string, plain bool) {
		dir := filepath.Join(root, "var/lib/dpkg")
		var status strings.Builder
		for n := range 1 + m.rand.IntN(4) {
			status.WriteString(dpkgMutant(m.rand, n, plain) + "\n")
			if !plain && often(m.rand, 5) {
				status.WriteString(one(m.rand, "\n\n", " \n", "\r\n"))
			}
		}
		put(t, filepath.Join(dir, "status"), status.String())
		put(t, filepath.Join(dir, "info", "format"), "1\n")
		if !plain && often(m.rand, 30) {
			put(t, filepath.Join(dir, "updates", "0000"), dpkgMutant(m.rand, 7, false))
			put(t, filepath.Join(dir, "updates", one(m.rand, "0001", "0001.bak")), dpkgMutant(m.rand, m.rand.IntN(3), false))
		}
	}, func(root string) map[string]bool { return listDpkg(t, root) }, func(p *engine.Package) string {
		epoch := func(v string) string { return noSpace(strings.TrimPrefix(v, "0:")) }
		return strings.Join([]string{p.Name, p.Source.Name, epoch(p.Version), epoch(p.Source.Version)}, "\t")
	})
}

// dpkgMutant writes a stanza as dpkg does, or in another way that it takes or not.
func dpkgMutant(r *rand.Rand, n int, plain bool) string {
	name := one(r, "libc6", "openssl", "zlib1g") + fmt.Sprint(n)
	lines := []string{"Package: " + name, "Status: install ok installed", "Priority: optional", "Maintainer: A <a@debian.org>",
		"Architecture: amd64",
		"Source: " + one(r, "glibc", "glibc (2.36-9)", "gcc-12 (12.2.0-14+deb12u1)"),
		"Version: " + one(r, "2.36-9+deb12u1", "1:1.2.13", "0:3.0-1"), "Depends: a, b",
		"Conffiles:\n /etc/x 0123456789abcdef0123456789abcdef", "Description: x\n y\n .\n Version: 9"}
	if !plain {
		for range r.IntN(4) {
			i := r.IntN(len(lines))
			switch r.IntN(13) {
			case 0:
				key, rest, _ := strings.Cut(lines[i], ":")
				lines[i] = one(r, strings.ToLower(key), strings.ToUpper(key)) + ":" + rest
			case 1:
				lines[i] = strings.Replace(lines[i], ": ", one(r, ":", ":\t", ":   ", " : ", "\t:"), 1)
			case 2:
				lines[i] = strings.Replace(lines[i], ": ", ":\n ", 1)
			case 3:
				lines[i] = strings.ReplaceAll(lines[i], " (", one(r, "  (", "\t(", "(", " ( "))
			case 4:
				lines[1] = "Status: " + one(r, "deinstall ok config-files", "hold ok installed", "Install OK Unpacked",
					"install reinstreq half-configured", "purge ok not-installed", "install ok triggers-pending")
			case 5:
				lines = append(lines, lines[i])
			case 6:
				r.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
			case 7:
				lines[i] += one(r, " ", "\t", "\r", "\n  more", "\n\tmore")
			case 8:
				lines[0] = "Package: " + strings.ToUpper(name)
			case 9:
				lines = append(lines[:i], lines[i+1:]...)
				if len(lines) < 3 {
					return strings.Join(lines, "\n") + "\n"
				}
			case 10:
				lines = append(lines, one(r, "Revision: 7", "Package_Revision: 3", "Package-revision: 2", "X-Comment: y", "no field", "# comment"))
			case 11:
				lines[i] = strings.ReplaceAll(lines[i], "2.36-9", "2.36")
			default:
				lines[i] += "\n" + one(r, "", " ", "\t")
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
