package version

import (
	"math/rand/v2"
	"testing"
)

func schemes() []string {
	return []string{DPKG, APK, RPM, SemVer, Go, PEP440, Maven, NuGet, RubyGems, Packagist, CRAN, Hackage, Pub, Hex, Loose}
}

// checkTriple reports what breaks a total order among three versions: equal ones must be interchangeable, and the order transitive.
func checkTriple(t *testing.T, x, y, z Version) {
	t.Helper()
	c := func(a, b Version) int {
		n, err := a.Compare(b)
		if err != nil {
			t.Fatalf("%q and %q: %v", a, b, err)
		}
		return n
	}
	for _, v := range []Version{x, y, z} {
		if c(v, v) != 0 {
			t.Fatalf("%s: %q differs from itself", v.scheme, v)
		}
	}
	xy, yz, xz := c(x, y), c(y, z), c(x, z)
	if xy != -c(y, x) || yz != -c(z, y) || xz != -c(z, x) {
		t.Fatalf("%s: %q, %q, %q: not antisymmetric", x.scheme, x, y, z)
	}
	if xy <= 0 && yz <= 0 && xz > 0 || xy >= 0 && yz >= 0 && xz < 0 || xy == 0 && yz != xz || yz == 0 && xy != xz {
		t.Fatalf("%s: %q, %q, %q: %d %d %d is not transitive", x.scheme, x, y, z, xy, yz, xz)
	}
}

// pool makes versions of a scheme that are near each other, where an order would break.
func pool(r *rand.Rand, scheme string, size int) []Version {
	g := generator{r}
	var out []Version
	stem := generate(r, scheme)
	for len(out) < size {
		text := stem
		for range r.IntN(4) {
			if k := r.IntN(len(text) + 1); k < len(text) && len(text) > 1 && r.IntN(2) == 0 {
				text = text[:k] + text[k+1:]
			} else {
				more := g.pick("0", "1", ".", "-", ".0", "-0", "a", ".rc", "-x", "~", "+", "_", "^", ":", "9", "dev", "-rc", "ga", "!")
				text = text[:k] + more + text[k:]
			}
		}
		if r.IntN(30) == 0 {
			stem = generate(r, scheme)
		}
		if v, err := ParseAs(scheme, text); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// Every three of 50 versions that are near each other obey the laws of an order, in 40 such pools: five million laws for each scheme.
func TestTotalOrders(t *testing.T) {
	const pools, size = 40, 50
	for _, scheme := range schemes() {
		t.Run(scheme, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 5))
			for range pools {
				checkPool(t, pool(r, scheme, size))
			}
		})
	}
}

func checkPool(t *testing.T, v []Version) {
	t.Helper()
	less := make([][]int, len(v))
	for i := range v {
		less[i] = make([]int, len(v))
		for j := range v {
			var err error
			if less[i][j], err = v[i].Compare(v[j]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range v {
		for j := range v {
			if less[i][j] != -less[j][i] {
				t.Fatalf("%q and %q: %d, and the other way round %d", v[i], v[j], less[i][j], less[j][i])
			}
			for k := range v {
				if ij, jk, ik := less[i][j], less[j][k], less[i][k]; ij <= 0 && jk <= 0 && ik > 0 || ij == 0 && jk != ik {
					t.Fatalf("%q, %q, %q: %d %d %d is not transitive", v[i], v[j], v[k], ij, jk, ik)
				}
			}
		}
	}
}

func FuzzOrders(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for i, scheme := range schemes() {
		for range 20 {
			f.Add(uint8(i), generate(r, scheme), generate(r, scheme), generate(r, scheme))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, a, b, c string) {
		scheme := schemes()[int(n)%len(schemes())]
		x, e1 := ParseAs(scheme, a)
		y, e2 := ParseAs(scheme, b)
		z, e3 := ParseAs(scheme, c)
		if e1 == nil && e2 == nil && e3 == nil {
			checkTriple(t, x, y, z)
		}
	})
}

// No text makes a parser panic, and whatever parses equals itself.
func FuzzParse(f *testing.F) {
	for i := range schemes() {
		f.Add(uint8(i), "1.0-rc1", "1.0")
	}
	f.Fuzz(func(t *testing.T, n uint8, a, b string) {
		scheme := schemes()[int(n)%len(schemes())]
		x, e1 := ParseAs(scheme, a)
		y, e2 := ParseAs(scheme, b)
		if e1 != nil || e2 != nil {
			return
		}
		if c, err := x.Compare(x); err != nil || c != 0 {
			t.Fatalf("%s: %q differs from itself: %d, %v", scheme, a, c, err)
		}
		if _, err := x.Compare(y); err != nil {
			t.Fatalf("%s: %q and %q: %v", scheme, a, b, err)
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for _, c := range [][3]string{
		{"Debian:12", "1.22.1-9+deb12u9", "1.22.1-9+deb12u11"},
		{"Alpine:v3.20", "1.2.3_p1-r1", "1.2.3_p1-r2"},
		{"Red Hat", "1:1.22.1-9.el9_2", "1:1.22.1-9.el9_4"},
		{"npm", "1.2.3", "1.2.4-rc.1"},
		{"Go", "v0.0.0-20200101000000-abcdefabcdef", "v0.1.0"},
		{"PyPI", "1.2.3", "1.2.4rc1"},
		{"Maven", "5.3.20.RELEASE", "5.3.21-SNAPSHOT"},
		{"NuGet", "6.0.1", "6.0.2-preview.1"},
		{"RubyGems", "7.0.4.1", "7.0.5.rc1"},
		{"Packagist", "v6.2.1", "6.2.1-beta2"},
		{"CRAN", "1.2-3", "1.2-10"},
		{"Hackage", "1.2.3", "1.2.3.1"},
		{"Pub", "1.2.3+1", "1.2.3+2"},
		{"Hex", "1.7.10", "1.7.11-rc.0"},
		{"Bitnami", "1.2.3-1", "1.2.4"},
	} {
		b.Run(c[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compare(c[0], c[1], c[2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
