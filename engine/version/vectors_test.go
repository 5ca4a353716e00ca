package version

import (
	"cmp"
	"strings"
	"testing"
)

// vectors are chains of versions in order, each of whose versions is compared with every other, both ways. A line that begins with a sign
// goes on with the chain of the line before it.
func vectors() map[string]string {
	return map[string]string{
		// deb-version(7), and the Debian Policy Manual 5.6.12.
		DPKG: `~~ < ~~a < ~ < 0 = 00 < a
			1.0~beta1~svn1245 < 1.0~beta1 < 1.0
			0:1.0 = 1.0 = 1.0-0 < 1.0-0.1 < 1.0-1~bpo12+1 < 1.0-1 < 1.0-1+b1 < 1.0-1+deb12u1 < 1.0-1+deb12u9 < 1.0-1+deb12u10 < 1.0-2 < 1.0a-1
				< 1.0+dfsg-1 < 1.0.1-1 < 1:0.1
			2.7.4+reloaded2-13 < 2.7.4+reloaded2-13ubuntu1 < 2.7.4+reloaded2-14 < 2.7.4+reloaded3-1
			1-2-3 < 1-2-10 < 1-10-1`,
		// apk-tools, the rules of src/version.c and cases like those of test/unit/version.data.
		APK: `1.2_alpha < 1.2_alpha1 < 1.2_alpha2 < 1.2_alpha10 < 1.2_beta < 1.2_pre2 < 1.2_pre2-r1 < 1.2_pre3 < 1.2_rc1_alpha < 1.2_rc1 < 1.2
				< 1.2-r0 < 1.2-r1 < 1.2-r2 < 1.2-r10 < 1.2_cvs < 1.2_svn2 < 1.2_git20240101_pre1 < 1.2_git20240101 < 1.2_hg < 1.2_p < 1.2_p1 < 1.2_p2
				< 1.2a < 1.2b < 1.2.0 < 1.2.1
			1.02 < 1.03 < 1.1 < 1.9 < 1.10
			1.0_pre2~1234abcd-r0 < 1.0_pre2~12a < 1.0~1 < 1.0~1a < 1.0~a
			0.1_p1_pre2 < 0.1_p1 < 0.1_p1_p1
			007 = 7 = 07 < 8 < 20050718-r1
			2.03.5 < 2.3-r1 < 2.3.0b < 2.3.0c < 2.3.3 < 2.4`,
		// rpm-version(7) and rpm's own tests/rpmvercmp.at.
		RPM: `1.0~rc1 < 1.0~rc1^git1 < 1.0~rc2 < 1.0 < 1.0-1 < 1.0-1.el9 < 1.0-1.el9_2 < 1.0-1.el9_10 < 1.0^ < 1.0^git1~pre < 1.0^git1
				< 1.0^git2 < 1.0a < 1.0.1 < 1:0.1
			5.5p1 < 5.5p2 < 5.5p10 < 6.5p1
			xyz.4 < xyz10.1 = xyz.10.1 < 2 < 8`,
		// semver.org 2.0.0, section 11, and node-semver's own comparisons.
		SemVer: `1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-alpha.beta < 1.0.0-beta < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0 = v1.0.0
				= =1.0.0 = 1.0.0+20130313144700 < 2.0.0 < 2.1.0 < 2.1.1
			1.2.3-4 < 1.2.3-5 < 1.2.3-5-Foo < 1.2.3-5-foo < 1.2.3-R2 < 1.2.3-r100 < 1.2.3-r2 < 1.2.3`,
		// go.dev/ref/mod, "Versions" and "Pseudo-versions"; go.dev/doc/toolchain, "Go versions".
		Go: `v0.0.0-20190801023102-abcdefabcdef < v0.0.0-20191109021931-daa7c04131f5 < v1.2.3-pre < v1.2.3-pre.0.20191109021931-daa7c04131f5
				< v1.2.3 < v1.2.4-0.20191109021931-daa7c04131f5 < v1.2.4 < v2.0.0+incompatible = v2.0.0 < v8.0.5-beta.1 < v8.0.10-beta.1
			1.21rc1 = go1.21rc1 = 1.21.0-rc.1 < 1.21rc2 < 1.21 = 1.21.0 = go1.21.0 < 1.21.1 < 1.22beta1 < 1.22rc1 < 1.22`,
		// packaging.python.org, "Version specifiers", "Summary of permitted suffixes and relative ordering" and "Local version identifiers".
		PEP440: `1.dev0 < 1.0.dev456 < 1.0a1 < 1.0a2.dev456 < 1.0a12.dev456 < 1.0a12 < 1.0b1.dev456 < 1.0b2 < 1.0b2.post345.dev456
				< 1.0b2.post345 < 1.0rc1.dev456 < 1.0rc1 = 1.0c1 = 1.0-preview-1 = v1.0RC1 < 1.0 = 1 = 1.0.0 < 1.0+abc.5 < 1.0+abc.7 < 1.0+5
				< 1.0.post456.dev34 < 1.0.post456 < 1.0.15 < 1.1.dev1
			2013.10 < 2014.04 < 1!1.0 < 1!1.1 < 1!2.0
			1.0+foo0100 < 1.0+ubuntu-1 = 1.0+ubuntu.1 = 1.0+UBUNTU_1 < 1.0+ubuntu.1.0
			1.0-1 = 1.0.post1 = 1.0.r1 = 1.0rev1 < 1.0.post2`,
		// maven.apache.org/pom.html, "Version Order Specification" and "Version Order Testing".
		Maven: `1-alpha = 1.alpha < 1-alpha-1 = 1a1 = 1-a1 = 1.0.alpha1 < 1-alpha2 < 1-beta-1 < 1-milestone-1 = 1m1 < 1-rc = 1cr < 1-rc-1
				< 1-SNAPSHOT = 1-snapshot < 1 = 1.0 = 1.0.0 = 1.ga = 1-FINAL = 1.0.RELEASE < 1-sp = 1.sp < 1-sp-1 < 1-foo < 1-foo2 < 1-foo10 < 1-1
				< 1-2 < 1.1 < 1.2
			1.foo = 1-foo = 1foo < 1-1 < 1.1
			1-snapshot < 1 < 1-sp < 1-foo2 < 1-foo10 < 1.foo.11
			2.0.1-klm < 2.0.1-lmn < 2.0.1-123 < 2.0.1.1
			5.0.0.Alpha1 < 5.0.0.Beta1 < 5.0.0.CR1 < 5.0.0.CR2 < 5.0.0.Final = 5.0.0 < 5.0.0.SP1 < 5.0.0.Final-redhat-1 < 5.0.0.Final-redhat-2
				< 5.0.1.Final
			31.1-android < 31.1-jre < 32.0.0-android < 33.0.0-jre
			1.0.0.RC8-beta < 1.0.0-1 < 1.0.0.1`,
		// learn.microsoft.com/nuget/concepts/package-versioning, "Pre-release versions" and "Normalized version numbers".
		NuGet: `1.0.1-alpha < 1.0.1-alpha.2 < 1.0.1-alpha.10 < 1.0.1-alpha10 < 1.0.1-alpha2 < 1.0.1-Beta = 1.0.1-beta < 1.0.1-open < 1.0.1-rc
				< 1.0.1-rc.2 < 1.0.1-rc.10 < 1.0.1-zzz < 1.0.1 = 1.0.1.0 = 1.00.01 = 1.0.01.0+build < 1.0.1.1-a < 1.0.1.1
			0.9 < 1 = 1.0 = 1.0.0.0 < 1.0.0.1
			1.0.0--5 < 1.0.0-0 < 1.0.0-5 < 1.0.0-2147483647 < 1.0.0-2147483648 < 1.0.0-a`,
		// guides.rubygems.org/patterns, "Prerelease gems"; the documentation of Gem::Version.
		RubyGems: `1.0.a < 1.0.a.2 = 1.0.a2 < 1.0.a.10 < 1.0.b1 < 1.0.pre.1 = 1.0-1 < 1.0.rc1 < 1.0 = 1 = 1.0.0 < 1.0.1.pre < 1.0.1 < 1.1.a
				< 1.2 < 1.10
			5.2.4.rc1 < 5.2.4 < 5.2.4.1 < 5.2.5`,
		// getcomposer.org/doc/articles/versions.md, "Stability"; php.net/version_compare.
		Packagist: `1.0-dev = 1.0.0.0-dev < 1.0a1 = 1.0.0-alpha1 < 1.0-alpha.2 < 1.0b1 < 1.0-beta2 = 1.0.0beta.2 < 1.0-beta10 < 1.0RC1
				= 1.0.0-rc1 < 1.0-rc2-dev < 1.0-rc2 < 1.0 = v1.0.0 = 1.0.0.0 = 1.0-stable = 1.0@RC = 1.0+build < 1.0-p1 = 1.0pl1 = 1.0.0-patch1
				< 1.0.1 < 1.0.x-dev < 1.1 < 1.x-dev < 2
			2010.01.02 < 2010.01.02.1 < 20100102 < 201001020304`,
		// The documentation of R's compareVersion and package_version.
		CRAN: `0.01 = 0-1 < 0.9-2 < 0.9-10 < 0.75 < 1.0 < 1.0-0 = 1.0.0 < 1.0.0.9000 < 1.0-1 < 1.1 = 1.01 < 20240101.1`,
		// Distribution.Types.Version of Cabal-syntax; pvp.haskell.org.
		Hackage: `0 < 0.1.26.0 < 0.11.3.0 < 1 < 1.0 < 1.0.0 < 1.0.1 < 1.1 < 1.10 < 2 < 20240101`,
		// pub.dev/packages/pub_semver, "Semantics": builds count.
		Pub: `1.0.0-alpha < 1.0.0-alpha.1 < 1.0.0-beta.2 < 1.0.0-beta.11 < 1.0.0-rc.1 < 1.0.0-rc.1+build.1 < 1.0.0 < 1.0.0+0.3.7 < 1.3.7+build
				< 1.3.7+build.2.b8f12d7 < 1.3.7+build.11.e0f985a
			01.02.03 = 1.2.3 < 1.2.3+1 = 1.2.3+01 < 1.2.3+2 < 1.2.3+a`,
		// hexdocs.pm/elixir/Version.html.
		Hex: `2.0.0 < 2.0.1-alpha < 2.0.1-alpha1 < 2.0.1-beta < 2.0.1-rc.1 < 2.0.1-rc.10 < 2.0.1 = 2.0.1+build < 2.16.0`,
		// What the feeds of Bitnami and GitHub write.
		Loose: `1.0-rc1 = v1.0.0-rc1 < 1.0 = v1 = 1.0.0 = 1+build < 1.0.1 < 2020.04.23 = 2020.4.23 < 2020.10.1 < 2020.10.1.1`,
	}
}

// chains splits a text into chains, and those into versions and the signs between them.
func chains(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if n := len(out); n > 0 && (f[0] == "<" || f[0] == "=") {
			out[n-1] = append(out[n-1], f...)
		} else {
			out = append(out, f)
		}
	}
	return out
}

func TestVectors(t *testing.T) {
	all := vectors()
	for _, scheme := range schemes() {
		t.Run(scheme, func(t *testing.T) {
			pairs := 0
			for _, f := range chains(all[scheme]) {
				place := make([]int, len(f)) // every other field is a sign
				for i := 2; i < len(f); i += 2 {
					place[i] = place[i-2]
					if f[i-1] == "<" {
						place[i]++
					}
				}
				for i := 0; i < len(f); i += 2 {
					for j := 0; j < len(f); j += 2 {
						pairs++
						a, e1 := ParseAs(scheme, f[i])
						b, e2 := ParseAs(scheme, f[j])
						if e1 != nil || e2 != nil {
							t.Fatal(e1, e2)
						}
						if got, err := a.Compare(b); err != nil || got != cmp.Compare(place[i], place[j]) {
							t.Errorf("%s and %s: %d, %v; want %d", f[i], f[j], got, err, cmp.Compare(place[i], place[j]))
						}
					}
				}
			}
			if pairs == 0 {
				t.Error("no vectors")
			}
			t.Log(pairs, "pairs")
		})
	}
}

// What the native tools refuse, or what has no place in the order.
func TestRefused(t *testing.T) {
	for scheme, list := range map[string]string{
		DPKG: `: 1: :1 a:1 2147483648:1 1- -1`,
		APK: `a .1 _pre1 -r1 1.2. 1..2 1.2_ 1.2_foo 1.2_foo1 1.2_pre1.1 1.2-r 1.2-r2-r3 1.2-r2_pre1 1.2-r2~ab 1.2~ 1.2~xyz
			 1.2bc 1.2b1 1.2a.1 1.2-pre1 1.2__alpha 1.2_1_alpha 1.2p1 4.10-1-r1 4.8.0.-r1`,
		RPM:       `1- -1 :1 1: 1:-1 x:1 1:2:3`,
		SemVer:    `1 1.2 1.2.3.4 01.2.3 1.2.3- 1.2.3-01 1.2.3-a..b 1.2.3+ 1.2.3-a_b latest vv1.2.3`,
		Go:        `(devel) go 1.22x 1.22rc v1.2.3.4 v01.2.3`,
		PEP440:    `a french-toast 1.0+a+ 1.0++ 1.0+_foobar 1.0+1+1 1.0- 1.0-foo 1!! 2.0.1.x 0.1-bulbasaur`,
		Maven:     `latest RELEASE x.y`,
		NuGet:     `a 1.2.3.4.5 1..2 1.2.3- 1.2.3-01 1.2.3-a..b 1.2.3+ v1.2.3 2147483648.0 1.2.3-a_b`,
		RubyGems:  `junk 1.2.3- 1..2 1. .1 1_2 1.0+a 1beta v1.0`,
		Packagist: `dev-main DEV-x master latest 1.0.0-foo 1.0.0.0.0 1.0-5 1.0.+ 1.0.0-beta_2 1.*`,
		CRAN:      `1 1. 1.a 1.0-rc1 1.2147483648 1_2 v1.0`,
		Hackage:   `a 1. 1..2 01.2 1.02 1.2-foo 1.1234567890 v1`,
		Pub:       `1 1.2 1.2.3.4 v1.2.3 1.2.3- 1.2.3+ 1.2.3-a_b 9223372036854775808.0.0`,
		Hex:       `1.0 v1.0.0 =1.0.0 01.0.0 1.0.0-01 1.0.0- 1.0.0-a..b 1.0.0-a_b 1.0.0+`,
		Loose:     `latest v 1. 1..2 1.2-a..b 1.2- nightly.2026-03-10.0`,
	} {
		for text := range strings.FieldsSeq(list) {
			if v, err := ParseAs(scheme, text); err == nil {
				t.Errorf("%s reads %q", scheme, v)
			}
		}
	}
}

// The loose order is that of semantic versions wherever both read a version, so that a range of semantic versions may be judged by it.
func TestLooseIsSemVer(t *testing.T) {
	n := 0
	for _, p := range generatePairs(SemVer) {
		want := answer(t, SemVer, p)
		if want == "error" || strings.Contains(p[0]+p[1], "=") {
			continue
		}
		if n++; answer(t, Loose, p) != want {
			t.Errorf("%q: %s as semantic versions, %s loosely", p, want, answer(t, Loose, p))
		}
	}
	t.Log(n, "pairs")
}
