package version

import "testing"

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		ecosystem, a, b string
		want            int
	}{
		{"Debian:12", "1.0~rc1", "1.0", -1}, {"Debian", "1:0.1", "9", 1}, {"Debian", "1.0", "0:1.00-0", 0}, {"Debian", "1.0a", "1.0+", -1},
		{"Ubuntu:22.04:LTS", "1.22.1-9+deb12u9", "1.22.1-9+deb12u11", -1}, {"Debian", "1-2-3", "1-2-10", -1},
		{"Alpine:v3.20", "1.2_rc1", "1.2", -1}, {"Alpine", "1.2_p1", "1.2", 1}, {"Alpine", "1.05", "1.1", -1}, {"Wolfi", "1.2-r9", "1.2-r10", -1},
		{"Alpine", "1.2a", "1.2", 1}, {"Alpine", "1.2", "1.2.0", -1}, {"Alpine", "1.2_alpha2", "1.2_beta", -1}, {"Alpine", "1.2a", "1.2.1", -1},
		{"Red Hat", "1.0~rc1-1", "1.0-1", -1}, {"AlmaLinux:9", "1:1-1", "2-1", 1}, {"openSUSE", "1.0^git1", "1.0", 1},
		{"SUSE", "1.0^git1", "1.0.1", -1},
		{"npm", "1.0.0-rc.9", "1.0.0-rc.10", -1}, {"npm", "v1.0.0+a", "1.0.0+b", 0}, {"npm", "1.0.0-1", "1.0.0-a", -1},
		{"Go", "v0.0.0-20200101000000-abcdefabcdef", "0.0.0", -1}, {"Go", "v2.0.0+incompatible", "2.0.0", 0}, {"Go", "1.22", "1.22.0", 0},
		{"Go", "go1.22rc1", "1.22.0-rc.1", 0}, {"Go", "1.22rc1", "1.22", -1}, {"Go", "1.9.0", "1.10.0", -1},
		{"PyPI", "1.0", "1.0.0", 0}, {"PyPI", "1.0.dev1", "1.0a1", -1}, {"PyPI", "1.0a1.dev1", "1.0a1", -1}, {"PyPI", "1.0+cpu", "1.0", 1},
		{"PyPI", "1!0.1", "9", 1}, {"PyPI", "1.0.post1", "1.0-1", 0}, {"PyPI", "1.0+a", "1.0+1", -1}, {"PyPI", "1.0.post1.dev1", "1.0", 1},
		{"Maven", "1.0-alpha-1", "1.0", -1}, {"RubyGems", "1.0.a", "1.0", -1}, {"crates.io", "0.9.0", "0.10.0", -1},
	} {
		if got, err := Compare(c.ecosystem, c.a, c.b); err != nil || got != c.want {
			t.Errorf("Compare(%s, %s, %s) = %d, %v; want %d", c.ecosystem, c.a, c.b, got, err, c.want)
		}
		if got, err := Compare(c.ecosystem, c.b, c.a); err != nil || got != -c.want {
			t.Errorf("Compare(%s, %s, %s) = %d, %v; want %d", c.ecosystem, c.b, c.a, got, err, -c.want)
		}
	}
}

func TestInvalid(t *testing.T) {
	for _, c := range [][2]string{
		{"Debian", ""}, {"Debian", "1 2"}, {"Debian", "a:1"}, {"Debian", "1:"}, {"Debian", "1-"}, {"Debian", "-1"},
		{"Debian", "2147483648:1"}, {"Debian", "1\n"},
		{"Alpine", "a"}, {"Alpine", "1.2_x1"}, {"Alpine", "1-r"}, {"Alpine", "1.2-3"}, {"Alpine", "1..2"}, {"Alpine", "1ab"},
		{"Red Hat", "x:1"}, {"Red Hat", "1-"}, {"Red Hat", "1:2:3"}, {"npm", "1.2"}, {"npm", "latest"}, {"npm", "01.2.3"},
		{"npm", "1.2.3-01"}, {"npm", "1.2.3-"},
		{"Go", "(devel)"}, {"Go", "go"}, {"Go", "1.22x"}, {"PyPI", "1.0-foo"}, {"PyPI", "unknown"},
		{"Maven", "latest"}, {"Nowhere", "1.0"}, {"", "1.0"},
	} {
		if _, err := Parse(c[0], c[1]); err == nil {
			t.Errorf("Parse(%s, %q) gave no error", c[0], c[1])
		}
	}
}
