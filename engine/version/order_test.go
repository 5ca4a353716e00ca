package version

import (
	"math/rand/v2"
	"testing"
)

func schemes() []string {
	return []string{DPKG, APK, RPM, SemVer, Go, PEP440, Maven, NuGet, RubyGems, Packagist, CRAN, Hackage, Pub, Hex, Loose}
}

// total reports what breaks a total order among three versions: equal ones must be interchangeable, and the order transitive.
func total(t *testing.T, x, y, z Version) {
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

func TestTotalOrders(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for _, scheme := range schemes() {
		for n := 0; n < 20000; {
			var v [3]Version
			var err error
			for i := range v {
				if v[i], err = ParseAs(scheme, generate(r, scheme)); err != nil {
					break
				}
			}
			if n++; err == nil {
				total(t, v[0], v[1], v[2])
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
			total(t, x, y, z)
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
	for _, c := range [][3]string{{"Debian:12", "1.22.1-9+deb12u9", "1.22.1-9+deb12u11"}, {"Alpine:v3.20", "1.2.3_p1-r1", "1.2.3_p1-r2"}, {"npm", "1.2.3", "1.2.4-rc.1"}, {"PyPI", "1.2.3", "1.2.4rc1"}} {
		b.Run(c[0], func(b *testing.B) {
			for b.Loop() {
				if _, err := Compare(c[0], c[1], c[2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
