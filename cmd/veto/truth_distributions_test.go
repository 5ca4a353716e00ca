package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Debian's older releases: a status file with versions on both sides of the fixes of DSAs and DLAs, dpkg as the oracle. Binaries are called
// otherwise than their sources, and some have a version of their own.
func TestOlderDebianTruth(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg")
	}
	for _, number := range []string{"11", "10"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			ecosystem := "Debian:" + number
			fixed := fixes(t, "Debian", ecosystem)
			installed := map[string][]string{}
			var status strings.Builder
			for i, name := range sortedKeys(fixed) {
				if i%(len(fixed)/sample(50)+1) > 0 { // dpkg is asked one pair at a time
					continue
				}
				f := fixed[name][0]
				upstream, _, _ := strings.Cut(f, "-")
				for j, v := range []string{f, f + "~bpo" + number + "+1", upstream + "-0", f + "+b1", fixed[name][len(fixed[name])-1]} {
					if slices.Contains(installed[name], v) {
						continue
					}
					installed[name] = append(installed[name], v)
					binary, source := fmt.Sprintf("lib%s-%d", name, j), fmt.Sprintf("Source: %s\nVersion: %s\n", name, v)
					switch j {
					case 0:
						binary, source = name, "Version: "+v+"\n"
					case 1:
						source = fmt.Sprintf("Source: %s (%s)\nVersion: 9:9.9-9\n", name, v)
					}
					fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\n%s\n", binary, source)
				}
			}
			image := packRelease(t, "ID=debian\nVERSION_ID=\""+number+"\"\n", "var/lib/dpkg/status", status.String())
			counted := compareWithOracle(t, "deb", image, judgeByOrder(t, "Debian", ecosystem, installed, dpkgOrder))
			checkAccuracy(t, "Debian "+number, "Debian", counted)
		})
	}
}

// apkOracle orders apk's versions by its own tokens, as apk-tools 2's src/version.c has them: at the first difference, a suffix of before a
// release is less than the end, then come a revision, a suffix's number, a suffix of after a release, a letter, a further number.
const apkOracle = `
import re, sys
before, after = ["alpha", "beta", "pre", "rc"], ["cvs", "svn", "git", "hg", "p"]
def key(v):
    m = re.fullmatch(r"([0-9.]+)([a-z]?)((?:_[a-z]+[0-9]*)*)(?:-r([0-9]+))?", v)
    out = [(6, int(n)) for n in m[1].split(".")]
    if m[2]: out.append((5, ord(m[2])))
    for word, n in re.findall(r"_([a-z]+)([0-9]*)", m[3]):
        out.append((0, before.index(word)) if word in before else (4, after.index(word)))
        if n: out.append((3, int(n)))
    if m[4]: out.append((2, int(m[4])))
    return out + [(1, 0)]
for line in sys.stdin:
    a, b = line.split()
    print(a, b, (key(a) > key(b)) - (key(a) < key(b)))
`

func apkOrder(t *testing.T, asked map[string]bool) map[string]int {
	t.Helper()
	return askOrder(t, asked, "python3", "-c", apkOracle)
}

// Alpine 3.11: an installed database with versions on both sides of each fix. What a version is to the fix that it was made from is known
// by how it was made, and the oracle has to know it, too.
func TestAlpineTruth(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	const ecosystem = "Alpine:v3.11"
	plain := regexp.MustCompile(`^((?:(?:0|[1-9][0-9]*)\.)*)(0|[1-9][0-9]*)` +
		`([a-z]?(?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*)-r([0-9]+)$`)
	fixed := fixes(t, "Alpine", ecosystem)
	installed, made := map[string][]string{}, map[string]bool{} // made: "version fix" to older
	var database strings.Builder
	left := 0
	for n, name := range sortedKeys(fixed) {
		if n%(len(fixed)/sample(len(fixed))) > 0 {
			continue
		}
		if slices.ContainsFunc(fixed[name], func(f string) bool { return !plain.MatchString(f) }) {
			left++
			continue
		}
		for i, f := range fixed[name] {
			if i%(len(fixed[name])/5+1) > 0 { // each version is judged by every record
				continue
			}
			m := plain.FindStringSubmatch(f)
			last, _ := strconv.Atoi(m[2])
			revision, _ := strconv.Atoi(m[4])
			upstream := m[1] + m[2] + m[3]
			sides := map[string]bool{f: false, fmt.Sprintf("%s-r%d", upstream, revision+1): false, fmt.Sprintf("%s%d-r0", m[1], last+1): false}
			if m[3] == "" {
				sides[upstream+"_rc1-r9"], sides[upstream+"_p1-r0"] = true, false
			}
			if last > 0 {
				sides[fmt.Sprintf("%s%d%s-r9", m[1], last-1, m[3])] = true
			}
			if revision > 0 {
				sides[fmt.Sprintf("%s-r%d", upstream, revision-1)] = true
			}
			for _, v := range sortedKeys(sides) {
				made[v+" "+f] = sides[v]
				if slices.Contains(installed[name], v) {
					continue
				}
				n := len(installed[name])
				installed[name] = append(installed[name], v)
				sub, origin := name, ""
				if n > 0 {
					sub, origin = fmt.Sprintf("%s-part%d", name, n), "o:"+name+"\n"
				}
				fmt.Fprintf(&database, "P:%s\nV:%s\nA:x86_64\nS:1\nI:1\nT:a package\nU:https://example.test\nL:MIT\n%s\n", sub, v, origin)
			}
		}
	}
	t.Logf("%d packages, %d left out because a fix of theirs is no version of apk's or has leading zeros", len(installed), left)
	asked := map[string]bool{}
	for pair := range made {
		asked[pair] = true
	}
	for pair, c := range apkOrder(t, asked) {
		if (c < 0) != made[pair] {
			t.Errorf("%s: the oracle's order is %d, made as older: %v", pair, c, made[pair])
		}
	}
	image := packRelease(t, "ID=alpine\nVERSION_ID=3.11.6\n", "lib/apk/db/installed", database.String())
	counted := compareWithOracle(t, "apk", image, judgeByOrder(t, "Alpine", ecosystem, installed, apkOrder))
	checkAccuracy(t, "Alpine 3.11", "Alpine", counted)
}
