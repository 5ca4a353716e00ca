package advisory

import (
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// pkg parses "type name version ecosystem", and of a distribution's package also "= source version".
func pkg(t *testing.T, text string) engine.Package {
	t.Helper()
	f := strings.Fields(text)
	if len(f) != 4 && len(f) != 7 {
		t.Fatalf("%q is no package", text)
	}
	p := engine.Package{Type: f[0], Name: f[1], Version: f[2], Ecosystem: engine.Maybe(f[3]), PURL: "pkg:" + f[0] + "/" + f[1] + "@" + f[2]}
	if len(f) == 7 {
		p.Source = engine.Source{Name: f[5], Version: f[6]}
	}
	return p
}

// The corners of "Evaluation" that scanners are known to get wrong, from the record's JSON to the finding. Each finding reads
// "id=records binaries installed range".
func TestCorners(t *testing.T) {
	for _, c := range []struct {
		name     string
		records  []string
		packages []string
		want     []string
	}{
		{"a first GIT range ends nothing", []string{`{"id":"A","affected":[{"package":{"ecosystem":"PyPI","name":"p"},"ranges":[
			{"type":"GIT","repo":"https://example.test/p","events":[{"introduced":"0"},{"fixed":"0123456789abcdef0123456789abcdef01234567"}]},
			{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]}]}`},
			[]string{"pypi p 1 PyPI", "pypi p 2 PyPI"}, []string{"A=A [] 1 [0, 2)"}},
		{"a GIT range in another entry ends nothing", []string{`{"id":"A","affected":[
			{"ranges":[{"type":"GIT","repo":"https://example.test/p","events":[{"introduced":"0"}]}]},
			{"package":{"ecosystem":"PyPI","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]}]}`},
			[]string{"pypi p 1 PyPI", "pypi p 2 PyPI"}, []string{"A=A [] 1 [0, 2)"}},
		{"limit",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"limit":"2.0.0"}]}]}]}`},
			[]string{"npm p 1.5.0 npm", "npm p 2.0.0 npm", "npm p 0.9.0 npm"}, []string{"A=A [] 1.5.0 [1.0.0, *)"}},
		{"last_affected",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"last_affected":"1.2.3"}]}]}]}`},
			[]string{"npm p 1.2.3 npm", "npm p 1.2.4-rc.1 npm"}, []string{"A=A [] 1.2.3 [0, 1.2.3]"}},
		{"introduced stands last",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"fixed":"3.1.0"},{"fixed":"1.0.0"},{"introduced":"3.0.0"},{"introduced":"0"}]}]}]}`},
			[]string{"npm p 0.1.0 npm", "npm p 2.0.0 npm", "npm p 3.0.5 npm"}, []string{"A=A [] 0.1.0 [0, 1.0.0)", "A=A [] 3.0.5 [3.0.0, 3.1.0)"}},
		{"several ranges, the second matches", []string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"p"},"ranges":[
			{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"}]},
			{"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"2.1.0"}]}]}]}`},
			[]string{"npm p 1.5.0 npm", "npm p 2.0.1 npm"}, []string{"A=A [] 2.0.1 [2.0.0, 2.1.0)"}},
		{"versions only", []string{`{"id":"A","affected":[{"package":{"ecosystem":"PyPI","name":"p"},"versions":["1.0","1.2"]}]}`},
			[]string{"pypi p 1.0.0 PyPI", "pypi p 1.1 PyPI"}, []string{"A=A [] 1.0.0 listed in versions"}},
		{"versions only, of an installed version that is none",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"p"},"versions":["main"]}]}`},
			[]string{"npm p main npm"}, []string{"A=A [] main listed in versions"}},
		{"an ecosystem without its release",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"Debian","name":"p"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2-1"}]}]}]}`},
			[]string{"deb p 1-1 Debian:12", "deb p 2-1 Debian:12"}, []string{"A=A [p] 1-1 [0, 2-1)"}},
		{"another release's fix says nothing", []string{`{"id":"A","affected":[
			{"package":{"ecosystem":"Debian:11","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"9-1"}]}]},
			{"package":{"ecosystem":"Debian:12","name":"p"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2-1"}]}]}]}`},
			[]string{"deb p 2-1 Debian:12"}, nil},
		{"withdrawn",
			[]string{`{"id":"A","withdrawn":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`},
			[]string{"npm p 1.0.0 npm"}, nil},
		{"a withdrawn record takes nothing of its alias away", []string{
			`{"id":"A","withdrawn":"2026-01-01T00:00:00Z","aliases":["B"],"affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`,
			`{"id":"B","affected":[{"package":{"ecosystem":"npm","name":"p"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`},
			[]string{"npm p 1.0.0 npm"}, []string{"B=B [] 1.0.0 [0, *)"}},
		{"aliases across records, through one that affects nothing here", []string{
			`{"id":"GHSA-1","aliases":["X-1"],"affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`,
			`{"id":"X-1","aliases":["CVE-2026-1"],"affected":[{"package":{"ecosystem":"npm","name":"other"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`,
			`{"id":"NSWG-1","aliases":["CVE-2026-1"],"affected":[{"package":{"ecosystem":"npm","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}`},
			[]string{"npm p 1.0.0 npm"}, []string{"CVE-2026-1=GHSA-1+NSWG-1 [] 1.0.0 [0, *)"}},
		{"upstream merges nothing", []string{
			`{"id":"DSA-1","upstream":["CVE-2026-1","CVE-2026-2"],"affected":[{"package":{"ecosystem":"Debian:12","name":"p"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}`,
			`{"id":"DSA-2","upstream":["CVE-2026-1","CVE-2026-3"],"affected":[{"package":{"ecosystem":"Debian:12","name":"p"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}`},
			[]string{"deb p 1 Debian:12"}, []string{"DSA-1=DSA-1 [p] 1 [0, *)", "DSA-2=DSA-2 [p] 1 [0, *)"}},
		{"a record that names the binary, by the binary's own version",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"Debian:12","name":"postgresql"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"15+249"}]}]}]}`},
			[]string{"deb postgresql 15+248 Debian:12 = postgresql-common 248",
				"deb postgresql-client 15+248 Debian:12 = postgresql-common 248"},
			[]string{"A=A [postgresql] 15+248 [0, 15+249)"}},
		{"a record that names the binary, which is fixed",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"Debian:12","name":"postgresql"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"15+248"}]}]}]}`},
			[]string{"deb postgresql 15+248 Debian:12 = postgresql-common 248"}, nil},
		{"a record that names some of a source's binaries", []string{`{"id":"ALSA-1","affected":[
			{"package":{"ecosystem":"AlmaLinux:9","name":"bind-libs"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"32:9.16.23-2.el9"}]}]},
			{"package":{"ecosystem":"AlmaLinux:9","name":"bind-utils"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"32:9.16.23-2.el9"}]}]}]}`},
			[]string{"rpm bind-libs 32:9.16.23-1.el9 AlmaLinux:9 = bind9 32:9.16.23-1.el9",
				"rpm bind-utils 32:9.16.23-1.el9 AlmaLinux:9 = bind9 32:9.16.23-1.el9",
				"rpm bind-license 32:9.16.23-1.el9 AlmaLinux:9 = bind9 32:9.16.23-1.el9"},
			[]string{"ALSA-1=ALSA-1 [bind-libs bind-utils] 32:9.16.23-1.el9 [0, 32:9.16.23-2.el9)"}},
		{"a record that names the source and a binary of it is one finding", []string{`{"id":"ALSA-1","affected":[
			{"package":{"ecosystem":"AlmaLinux:9","name":"openssl"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0.8-1.el9"}]}]},
			{"package":{"ecosystem":"AlmaLinux:9","name":"openssl-libs"},
				"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0.8-1.el9"}]}]}]}`},
			[]string{"rpm openssl-libs 1:3.0.7-2.el9 AlmaLinux:9 = openssl 1:3.0.7-2.el9"},
			[]string{"ALSA-1=ALSA-1 [openssl-libs] 1:3.0.7-2.el9 [0, 1:3.0.8-1.el9)"}},
		{"outside distributions, a source is only a fact",
			[]string{`{"id":"A","affected":[{"package":{"ecosystem":"npm","name":"q"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`},
			[]string{"npm p 1.0.0 npm = q 1.0.0"}, nil},
		{"a semantic range of loose versions",
			[]string{`{"id":"BIT-1","affected":[{"package":{"ecosystem":"Bitnami","name":"p"},
				"ranges":[{"type":"SEMVER","events":[{"introduced":"1.2"},{"fixed":"1.2.10"}]}]}]}`},
			[]string{"generic p 1.2.9.1 Bitnami", "generic p 1.2 Bitnami", "generic p 1.2.10.1 Bitnami"},
			[]string{"BIT-1=BIT-1 [] 1.2 [1.2, 1.2.10)", "BIT-1=BIT-1 [] 1.2.9.1 [1.2, 1.2.10)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s story
			for _, text := range c.records {
				a, err := ParseOSV([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				s.records = append(s.records, *a)
			}
			for _, text := range c.packages {
				s.packages = append(s.packages, pkg(t, text))
			}
			m := s.match(t)
			var got []string
			for _, f := range m.Findings {
				records, binaries := strings.Join(f.Evidence.Records, "+"), strings.Join(f.Package.Binaries, " ")
				got = append(got, f.ID+"="+records+" ["+binaries+"] "+f.Evidence.Installed+" "+f.Evidence.Range)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) || len(m.Gaps) > 0 {
				t.Errorf("%q, want %q; gaps %+v", got, c.want, m.Gaps)
			}
		})
	}
}
