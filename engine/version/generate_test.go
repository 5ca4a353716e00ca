package version

import "math/rand/v2"

// generator makes texts that look like versions of a scheme. Not all are valid.
type generator struct{ *rand.Rand }

func generate(r *rand.Rand, scheme string) string { return generator{r}.text(scheme) }

func (g generator) pick(words ...string) string { return words[g.IntN(len(words))] }
func (g generator) number() string              { return g.pick("0", "1", "2", "9", "10", "12", "100", "20240101") }
func (g generator) oddNumber() string {
	return g.pick("00", "01", "007", "2147483648", "99999999999999999999")
}
func (g generator) core() string { return g.number() + "." + g.number() }

// maybe returns s in one case of three, rarely in one of twenty.
func (g generator) maybe(s string) string  { return g.pick("", "", s) }
func (g generator) rarely(s string) string { return []string{"", s}[g.IntN(20)/19] }

func (g generator) text(scheme string) string {
	switch scheme {
	case DPKG:
		s := g.maybe(g.pick("0", "1", "2")+":") + g.core() +
			g.maybe(g.pick("~", "+", ".", "-", "a", "")+g.pick("rc", "dfsg", "b", "~", "")+g.number())
		return s + g.maybe("-"+g.pick("0", "1", "01", "1~", "1+", "1a")+
			g.maybe(g.pick("~deb", "+deb", "ubuntu", "build", "~bpo")+g.number()+g.pick("", "u1", "u12")))
	case APK:
		return g.core() + g.maybe("."+g.pick("0", "05", "5", "10")) + g.maybe(g.pick("a", "b", "z")) +
			g.maybe("_"+g.pick("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p")+g.pick("", "1", "2", "10")) +
			g.maybe("_p"+g.number()) + g.maybe("~"+g.pick("ab", "ac1")) + g.maybe("-r"+g.number())
	case RPM:
		return g.maybe(g.pick("0", "1")+":") + g.core() +
			g.maybe(g.pick("~", "^", ".", "_", "+", "", "~^", "..")+g.pick("rc", "git", "a", "")+g.number()) +
			g.maybe("-"+g.number()+g.maybe(".el"+g.number()+g.pick("", "_", "~", "^", "_9.2", ".1")))
	case SemVer, Go, Hex:
		v := g.maybe("v")
		if scheme == Hex {
			v = g.rarely("v")
		}
		return v + g.core() + "." + g.number() + g.rarely("."+g.oddNumber()) + g.maybe("-"+g.identifiers()) +
			g.maybe("+"+g.pick("a", "incompatible", "01", "a.b"))
	case PEP440:
		return g.maybe("v") + g.maybe(g.pick("0", "1")+"!") + g.core() + g.maybe(g.pick(".0", ".00", ".0.1")) +
			g.maybe(g.pick("", ".", "-", "_")+g.pick("a", "b", "rc", "alpha", "C", "pre")+g.pick("", "0", "1", "01", "10", ".1", "-2")) +
			g.maybe(g.pick(".post", "-", "post", ".rev", "_r")+g.pick("0", "1", "2")) +
			g.maybe(g.pick(".dev", "dev", "-dev")+g.pick("", "0", "1", "3", ".1")) +
			g.maybe("+"+g.pick("a", "1", "01", "a.1", "1-a", "ubuntu.1", "cpu"))
	case Maven:
		return g.maven()
	case NuGet:
		return g.pick(g.number(), g.core(), g.core()+"."+g.number(), g.core()+"."+g.number(), g.core()+"."+g.core(), g.core()+"."+g.oddNumber()) +
			g.rarely("."+g.core()) + g.maybe("-"+g.identifiers()) + g.maybe("+"+g.pick("a", "01", "SHA.1"))
	case Pub:
		return g.rarely("v") + g.core() + "." + g.number() + g.rarely(".1") + g.maybe("-"+g.identifiers()) + g.maybe("+"+g.identifiers())
	case RubyGems:
		s := g.pick(g.number(), g.core(), g.core()+"."+g.number(), g.core()+".0.0") + g.rarely("."+g.oddNumber())
		s += g.maybe(g.pick(".", "", ".")+g.pick("pre", "rc", "a", "beta", "B")+g.pick("", "1", ".1", ".10", ".0", "0")) +
			g.rarely("."+g.core()) + g.rarely(g.pick("_", "~", "+")+"1")
		return s + g.rarely("-"+g.pick("java", "x86_64-linux", "1", "rc.1", "", "x-y"))
	case Packagist:
		return g.packagist()
	case CRAN:
		return g.pick(g.number(), g.core(), g.core(), g.core()) + g.maybe(g.pick(".", "-")+g.number()) + g.maybe(g.pick(".", "-")+g.number()) +
			g.rarely(g.pick("-", ".", "_", "-rc1", ".a")) + g.rarely("."+g.oddNumber())
	case Hackage:
		return g.pick(g.number(), g.core(), g.core()) + g.maybe("."+g.number()) + g.maybe("."+g.number()) +
			g.rarely(g.pick("."+g.oddNumber(), "-rc1", ".", "a"))
	}
	return g.maybe("v") + g.core() + g.maybe("."+g.number()) +
		g.maybe(g.pick("-", ".", "")+g.pick("rc", "alpha", "beta", "a", "SNAPSHOT")+g.pick("", ".1", "2"))
}

func (g generator) identifiers() string {
	one := func() string {
		return g.pick("0", "1", "10", "a", "A", "rc", "alpha", "Beta", "beta", "1a", "-", "x-y")
	}
	return one() + g.maybe("."+one()) + g.maybe("."+one()) + g.rarely("."+g.pick("01", "", "a_b"))
}

func (g generator) maven() string {
	word := func() string {
		return g.pick("alpha", "beta", "milestone", "rc", "cr", "snapshot", "SNAPSHOT", "ga", "Final", "RELEASE", "sp", "a", "b", "m",
			"jre", "android", "x", "RC")
	}
	s := g.core() + g.maybe("."+g.number()) + g.maybe(".0") + g.rarely("."+g.oddNumber())
	s += g.maybe(g.pick("-", ".", "", "-", "_")+word()+g.pick("", "", "1", "-1", "2", "10", ".1", "-0")) +
		g.maybe(g.pick("-", ".", "")+g.pick(word(), g.number()))
	return s + g.rarely(g.pick("-", ".", "--", "..")+g.pick("", "1", "rc", "x")) +
		g.maybe(g.pick("-SNAPSHOT", ".Final", "-jre", "-1", "-20240101.120000-1"))
}

func (g generator) packagist() string {
	switch g.IntN(12) {
	case 0: // dates
		return g.pick("2010", "2024") + g.pick(".", "-", "", ":") + g.pick("01", "12") + g.pick(".", "-", "") + g.pick("02", "10", "5") +
			g.maybe(g.pick(".", "-")+g.pick("1", "10", "100")) + g.maybe("-beta1")
	case 1: // branches
		return g.pick("dev-main", "1.x-dev", "1.0.x-dev", "2.*-dev", "v1.X-dev", "1.10-dev", "dev", "x-dev", "1.2.3.4.x-dev", "DEV-x",
			"master", "100000.x-dev")
	}
	word := g.pick("alpha", "beta", "RC", "rc", "a", "b", "p", "pl", "patch", "stable", "Stable", "Beta", "foo")
	s := g.maybe("v") + g.pick(g.number(), g.core(), g.core()) + g.maybe("."+g.number()) + g.maybe("."+g.number()) + g.rarely("."+g.number())
	s += g.maybe(g.pick("-", ".", "_", "")+word+g.pick("", "1", ".1", "-2", "10", "1.2", "01")) + g.rarely(g.pick("-", ".", "_", "-5"))
	return s + g.rarely(g.pick("-dev", ".dev", "dev")) + g.maybe(g.pick("", "+build.1", "@dev", "@RC", "-dev"))
}
