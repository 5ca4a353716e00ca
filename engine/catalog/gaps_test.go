package catalog

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// gapLines returns "kind path subject count" of each gap, sorted.
func gapLines(gaps []engine.Gap) []string {
	out := []string{}
	for _, g := range gaps {
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %s %s %d", g.Kind, g.Path, g.Subject, g.Count), " "))
	}
	slices.Sort(out)
	return out
}

// A file that a package of the distribution owns loses the gaps that the distribution's advisories answer for, and keeps the others: what
// was not read, or not to its end, nobody has judged. Without that, a package's file that cannot be read would pass the gate.
func TestGapsOfOwnedFiles(t *testing.T) {
	const at, body = "usr/share/java/x.jar", "the archive"
	sum := md5.Sum([]byte(body))
	recorded := hex.EncodeToString(sum[:])
	kinds := []engine.GapKind{engine.GapUnsupported, engine.GapMalformed, engine.GapLimit, engine.GapUnreadable}
	all := []string{"limit usr/share/java/x.jar  0", "malformed usr/share/java/x.jar  0", "unreadable usr/share/java/x.jar  0",
		"unsupported usr/share/java/x.jar  0"}
	for name, c := range map[string]struct {
		sum, owner string
		want       []string
	}{
		"owned":               {recorded, "libx-java", []string{all[0], all[2]}},
		"changed":             {strings.Repeat("0", 32), "libx-java", all},
		"of nobody installed": {recorded, "absent", all},
	} {
		facts := layersOf(t, []item{{path: "etc/os-release", body: debian}, {path: dpkgStatus, body: status("libx-java=1")},
			{path: dpkgInfo + "/" + c.owner + ".md5sums", body: c.sum + "  " + at + "\n"}, {path: at, body: body}})
		for i := range facts[0].Evidence {
			ev := &facts[0].Evidence[i]
			if ev.Path != at {
				continue
			}
			ev.Gaps = nil
			for _, k := range kinds {
				ev.Gaps = append(ev.Gaps, engine.Gap{Kind: k, Path: engine.Maybe(at)})
			}
		}
		if diff := cmp.Diff(c.want, gapLines(assembled(t, facts).Gaps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What a lower layer could not read counts though a later layer hides it, because whoever pulls the image has it; what veto read and does
// not support, or found malformed, counts only where the image shows it.
func TestGapsOfHiddenFiles(t *testing.T) {
	facts := layersOf(t, []item{{path: "srv/a.jar", body: "x"}, {path: "srv/b.jar", body: "x"}}, []item{{path: "srv/.wh.a.jar"}})
	for i := range facts[0].Evidence {
		ev := &facts[0].Evidence[i]
		ev.Gaps = nil
		for _, k := range []engine.GapKind{engine.GapUnsupported, engine.GapMalformed, engine.GapLimit, engine.GapUnreadable} {
			ev.Gaps = append(ev.Gaps, engine.Gap{Kind: k, Path: engine.Maybe(ev.Path)})
		}
	}
	want := []string{"limit srv/a.jar  0", "limit srv/b.jar  0", "malformed srv/b.jar  0", "unreadable srv/a.jar  0",
		"unreadable srv/b.jar  0",
		"unsupported srv/b.jar  0"}
	if diff := cmp.Diff(want, gapLines(assembled(t, facts).Gaps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each unsupported file is a gap of its own: under the first path of a folder, a waiver for one would accept all that come later.
func TestGapsAreOneEach(t *testing.T) {
	facts := layersOf(t, []item{{path: "srv/a/x.jar", body: "x"}})
	ev := &facts[0].Evidence[0]
	ev.Gaps = nil
	add := func(kind engine.GapKind, path, subject string) {
		ev.Gaps = append(ev.Gaps, engine.Gap{Kind: kind, Path: engine.Maybe(path), Subject: engine.Maybe(subject)})
	}
	add(engine.GapUnsupported, "srv/a/2.jar", "java")
	add(engine.GapUnsupported, "srv/a/1.jar", "java")
	add(engine.GapUnsupported, "srv/a/3.jar", "java")
	add(engine.GapUnsupported, "srv/b/1.jar", "java")
	add(engine.GapUnsupported, "srv/a/4.jar", "rust")
	add(engine.GapUnsupported, "srv/a/5.jar", "")
	add(engine.GapUnsupported, "srv/a/6.jar", "")
	add(engine.GapMalformed, "srv/a/7.jar", "java")
	add(engine.GapMalformed, "srv/a/8.jar", "java")
	want := []string{"malformed srv/a/7.jar java 0", "malformed srv/a/8.jar java 0", "unsupported srv/a/1.jar java 0",
		"unsupported srv/a/2.jar java 0", "unsupported srv/a/3.jar java 0", "unsupported srv/a/4.jar rust 0", "unsupported srv/a/5.jar  0",
		"unsupported srv/a/6.jar  0", "unsupported srv/b/1.jar java 0"}
	if diff := cmp.Diff(want, gapLines(assembled(t, facts).Gaps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A package database without a package is a gap, whatever its kind, unless something else lists packages of its type. An image whose
// database was emptied would otherwise have no packages, and pass.
func TestEmptyDatabases(t *testing.T) {
	const distroless = "Package: a\nVersion: 1\n"
	for name, c := range map[string]struct {
		items []item
		want  []string
	}{
		"dpkg":                  {[]item{{path: dpkgStatus}}, []string{"malformed var/lib/dpkg/status  0"}},
		"dpkg without a status": {[]item{{path: dpkgStatusD + "/a", body: distroless}}, []string{"unknown_os  deb packages 1"}},
		"dpkg beside status.d": {[]item{{path: dpkgStatus}, {path: dpkgStatusD + "/a", body: distroless}},
			[]string{"unknown_os  deb packages 1"}},
		"apk": {[]item{{path: "lib/apk/db/installed", body: "\n"}}, []string{"malformed lib/apk/db/installed  0"}},
		"rpm's manifest": {[]item{{path: "var/lib/rpmmanifest/container-manifest-2"}},
			[]string{"malformed var/lib/rpmmanifest/container-manifest-2  0"}},
		"rpm, which is an error itself": {[]item{{path: "var/lib/rpm/Packages"}}, []string{"malformed var/lib/rpm/Packages  0"}},
		"dpkg beside apk": {[]item{{path: dpkgStatus}, {path: "lib/apk/db/installed", body: "P:a\nV:1\n\n"}},
			[]string{"malformed var/lib/dpkg/status  0", "unknown_os  apk packages 1"}},
		"a file of a language lists none": {[]item{{path: "srv/vendor/composer/installed.json", body: "[]"}}, []string{}},
	} {
		if diff := cmp.Diff(c.want, gapLines(assembled(t, layersOf(t, c.items)).Gaps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
