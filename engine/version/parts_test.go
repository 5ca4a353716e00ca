package version

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Numbers are compared by value, whatever their length and their leading zeros.
func TestCompareNumbers(t *testing.T) {
	ordered := [][]string{{"", "0", "000"}, {"1", "01"}, {"2"}, {"9", "0009"}, {"10"}, {"99"}, {"100", "0100"}, {"18446744073709551615"},
		{"18446744073709551616", "018446744073709551616"}, {"100000000000000000000000000000"}}
	for i, as := range ordered {
		for j, bs := range ordered {
			for _, a := range as {
				for _, b := range bs {
					if got := compareNumbers(a, b); got != cmp.Compare(i, j) {
						t.Errorf("%q and %q: %d", a, b, got)
					}
				}
			}
		}
	}
}

// A number and a word are compared by kind, not by length or text, two numbers by value and two words as text.
func TestCompareParts(t *testing.T) {
	numbers, words := []string{"0", "2", "10", "100000"}, []string{"A", "a", "alpha", "beta", "rc10", "x1", "zzzzzzzzzz"}
	for i, a := range numbers {
		for j, b := range numbers {
			if got := compareParts(a, b, -1); got != cmp.Compare(i, j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
		for _, w := range words {
			for _, number := range []int{-1, 1} {
				if compareParts(a, w, number) != number || compareParts(w, a, number) != -number {
					t.Errorf("%q and %q, where a number is %d: %d, %d", a, w, number, compareParts(a, w, number), compareParts(w, a, number))
				}
			}
		}
	}
	for i, a := range words {
		for j, b := range words {
			if got := compareParts(a, b, -1); got != cmp.Compare(i, j) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
}

// The identifiers of a pre-release: numbers before words, whatever their length, in each of the orders that are semantic versions' kin.
func TestIdentifiers(t *testing.T) {
	chain := "1.0.0-0 < 1.0.0-9 < 1.0.0-10 < 1.0.0-1000000 < 1.0.0-1000000.a < 1.0.0-a < 1.0.0-a.0 < 1.0.0-a.b < 1.0.0-aa < 1.0.0-b < 1.0.0"
	for _, scheme := range []string{SemVer, Go, Hex, NuGet, Pub, Loose} {
		list := strings.Split(chain, " < ")
		for i := range list {
			for j := range list {
				a, e1 := ParseAs(scheme, list[i])
				b, e2 := ParseAs(scheme, list[j])
				if e1 != nil || e2 != nil {
					t.Fatal(e1, e2)
				}
				if got, err := a.Compare(b); err != nil || got != cmp.Compare(i, j) {
					t.Errorf("%s: %s and %s: %d, %v", scheme, a, b, got, err)
				}
			}
		}
	}
}

// Compare and Parse fail on an unknown ecosystem and on what is no version of it, also in the second place, and orders do not mix.
func TestErrors(t *testing.T) {
	for _, c := range [][3]string{{"FreeBSD", "1", "1"}, {"npm", "latest", "1.0.0"}, {"npm", "1.0.0", "latest"}, {"npm", "", "1.0.0"}} {
		if got, err := Compare(c[0], c[1], c[2]); err == nil || got != 0 {
			t.Errorf("%q: %d", c, got)
		}
	}
	v, err := Parse("npm", "1.0.0")
	if err != nil || v.String() != "1.0.0" {
		t.Fatalf("%q, %v", v, err)
	}
	other, err := Parse("PyPI", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]Version{{v, other}, {other, v}, {Version{}, Version{}}, {v, {}}, {{}, v}} {
		if got, err := pair[0].Compare(pair[1]); err == nil || got != 0 {
			t.Errorf("%q and %q: %d", pair[0], pair[1], got)
		}
	}
	for _, text := range []string{"1.0.0\x00", "1.0 0", "1.0.0\x7f", "1.0.ä", " 1.0.0", "1.0.0\n"} {
		for _, scheme := range schemes() {
			if v, err := ParseAs(scheme, text); err == nil {
				t.Errorf("%s reads %q", scheme, v)
			}
		}
	}
}

// The longest version is read, and one that is a byte longer is not.
func TestLongest(t *testing.T) {
	for _, scheme := range []string{DPKG, APK, RPM, PEP440, Maven, RubyGems, Hackage, Loose} {
		longest := strings.Repeat("1.", MaxLength/2-1) + "11"
		if _, err := ParseAs(scheme, longest); len(longest) != MaxLength || err != nil {
			t.Errorf("%s: %d bytes: %v", scheme, len(longest), err)
		}
		if _, err := ParseAs(scheme, longest+"1"); err == nil {
			t.Errorf("%s reads %d bytes", scheme, MaxLength+1)
		}
	}
}

// Sorting by an order gives the same sequence from any start: what a report lists as fixes does not depend on the feed's order.
func TestSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, scheme := range schemes() {
		list := pool(r, scheme, 60)
		compare := func(a, b Version) int {
			c, err := a.Compare(b)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		slices.SortFunc(list, compare)
		want := slices.Clone(list)
		for range 5 {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			slices.SortFunc(list, compare)
			for i := range list {
				if compare(list[i], want[i]) != 0 {
					t.Fatalf("%s: %q stands where %q stood", scheme, list[i], want[i])
				}
			}
		}
	}
}
