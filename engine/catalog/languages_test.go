package catalog

import (
	"strings"
	"testing"
)

// Each language's files name packages as its ecosystem's advisories do. What is no package of the ecosystem is left out, and what cannot be
// read is said.
func TestLanguageFiles(t *testing.T) {
	const gem, composer, dotnet = "srv/specifications/x.gemspec", "srv/vendor/composer/installed.json", "app/x.deps.json"
	const conda, cran, hex, pub = "opt/conda-meta/x.json", "usr/lib/R/library/x/DESCRIPTION", "app/lib/x/ebin/x.app", "app/pubspec.lock"
	const notWritten = "malformed: a gem whose name or version is not written out"
	const nameless = "error: a package without a name: node loads it, and nobody knows what it is"
	const runtime = "srv/lib/composer/installed.php"
	const python, npm = "srv/x.dist-info/METADATA", "srv/node_modules/x/package.json"
	for name, c := range map[string]struct{ path, body, want string }{
		"gem: the line for readers": {gem,
			"# -*- encoding: utf-8 -*-\n# stub: x 1.0 ruby lib\n  s.name = \"y\".freeze\n  s.version = \"2\"\n  s.licenses = [\"MIT\", 'ISC']\n",
			"x 1.0 under MIT,ISC; y 2 under MIT,ISC"},
		"gem: assignments": {gem, "  s.name = %q{x}\n  s.name = \"x\"\n  s.version = \"1.0\"\n  s.license = \"MIT\"\n",
			"x 1.0 under MIT"},
		"gem: assigned twice":                {gem, "s.name = \"x\"\ns.version = \"1\"\ns.name = \"y\"\ns.version = \"2\"\n", "y 1; y 2; x 2"},
		"gem: assigned after the line":       {gem, "#\n# stub: x 1 ruby lib\ns.version = \"2\"\n", "x 1; x 2"},
		"gem: a line that is not the second": {gem, "#\n#\n# stub: x 9 ruby lib\ns.name = \"x\"\ns.version = \"2\"\n", "x 2"},
		"gem: a second line for readers":     {gem, "#\n# stub: x 1 ruby lib\n# stub: x 9 ruby lib\n", "x 1"},
		"gem: in a comment":                  {gem, "s.name = \"x\"\ns.version = \"1\"\n# s.version = \"9\"\n", "x 1"},
		"gem: arguments":                     {gem, "Gem::Specification.new(\"x\", '1') do |s|\n", "x 1"},
		"gem: computed in the end":           {gem, "s.name = \"x\"\ns.version = \"1\"\ns.version = V\n", "x 1; " + notWritten},
		"gem: of the application":            {"app/vendor/x/x.gemspec", "s.name = \"x\"\ns.version = V\n", "x "},
		"gem: a line with a name only":       {gem, "# stub: x\ns.version = \"1\"\n", notWritten},
		"gem: a line that is cut off":        {gem, "#\n# stub: x 1", notWritten},
		"gem: no version":                    {gem, "s.name = \"x\"\n", notWritten},
		"gem: no name":                       {gem, "s.version = \"1\"\n", notWritten},
		"gem: a computed version":            {gem, "s.name = \"x\"\ns.version = \"#{v}\"\n", notWritten},
		"gem: an open quote":                 {gem, "s.name = \"x\"\ns.version = \"1\n", notWritten},
		"gem: other fields": {gem,
			"s.name = \"x\"\ns.version = \"1\"\ns.homepage = \"2\"\nname = \"z\"\ns.name=\"w\"\n", "w 1; x 1"},
		"composer: an array":  {composer, ` [{"name":"a/b","version":"1","license":["MIT"]}]`, "a/b 1 under MIT"},
		"composer: an object": {composer, `{"packages":[{"name":"a/b","version":"1","license":"MIT"}]}`, "a/b 1 under MIT"},
		"composer: no licence": {composer,
			`[{"name":"a/b","version":"1","license":{"x":1}},{"name":"c/d","version":"2","license":[""]}]`, "a/b 1; c/d 2"},
		"composer: no version": {composer, `[{"name":"a/b"},{"version":"1"},{"name":"c/d","version":"2"}]`,
			"c/d 2; malformed: packages[0] has no name or no version; malformed: packages[1] has no name or no version"},
		"composer: no document": {composer, `[`, "error: unexpected end of JSON input"},
		"composer: no object": {composer, `"x"`,
			"error: json: cannot unmarshal string into Go value of type []json.RawMessage"},
		".NET: packages": {dotnet,
			`{"libraries":{"B/2":{"type":"package"},"A/1":{"type":"package"},"runtimepack.C/3":{"type":"runtimepack"},` +
				`"app/1":{"type":"project"}}}`, "A 1; B 2; C 3"},
		".NET: deployed files": {dotnet,
			`{"targets":{"t":{"A/1":{"native":{"a":{}}},"B/1":{"resources":{"a":{}}},"C/1":{"runtimeTargets":{"a":{}}},"D/1":{"runtime":{"a":{}}},` +
				`"E/1":{}}},"libraries":{"A/1":{"type":"package"},"B/1":{"type":"package"},"C/1":{"type":"package"},"D/1":{"type":"package"},` +
				`"E/1":{"type":"package"},"F/1":{"type":"package"}}}`, "A 1; B 1; C 1; D 1; F 1"},
		".NET: deployed for one target": {dotnet,
			`{"targets":{"s":{"A/1":{}},"t":{"A/1":{"runtime":{"a":{}}}}},"libraries":{"A/1":{"type":"package"}}}`, "A 1"},
		".NET: a runtime without files": {dotnet,
			`{"targets":{"t":{"runtimepack.A/1":{}}},"libraries":{"runtimepack.A/1":{"type":"runtimepack"}}}`, "A 1"},
		".NET: no version": {dotnet, `{"libraries":{"A":{"type":"package"},"/1":{"type":"package"}}}`,
			"malformed: the library \"/1\" has no name or no version; malformed: the library \"A\" has no name or no version"},
		".NET: no libraries": {dotnet, `{}`, "error: it has no libraries"},
		".NET: none":         {dotnet, `{"libraries":{}}`, ""},
		"conda":              {conda, `{"name":"x","version":"1","license":"BSD"}`, "x 1 under BSD"},
		"conda: no version":  {conda, `{"name":"x"}`, "error: a package without a name or a version"},
		"conda: no name":     {conda, `{"version":"1"}`, "error: a package without a name or a version"},
		"R": {cran,
			"Package: x\nVersion: 1.0\nLicense: GPL-2\nBuilt: R 4.2\nDescription: y\n Version: 9\n\tVersion: 8\n", "x 1.0 under GPL-2"},
		"R: sources":    {cran, "Package: x\nVersion: 1.0\n", ""},
		"R: no version": {cran, "Package: x\nBuilt: R 4.2\n", "error: an installed package without its name or version"},
		"R: no name":    {cran, "Version: 1\nBuilt: R 4.2\n", "error: an installed package without its name or version"},
		"R: neither":    {cran, "x\n", "error: an installed package without its name or version"},
		"Erlang":        {hex, "%% x\n{application, 'x',\n [{description, \"y\"},\n  {vsn, \"1.0\"}]}.\n", "x 1.0"},
		"Erlang: no version": {hex, "{application, x, [{description, \"y\"}]}.\n",
			"error: an application whose name or version is not written out"},
		"Erlang: an empty version": {hex, "{application, x, [{vsn, \"\"}]}.\n",
			"error: an application whose name or version is not written out"},
		"Erlang: no application": {hex, "{vsn, \"1\"}.\n", "error: an application whose name or version is not written out"},
		"Erlang: of OTP": {hex, "{application, stdlib, [{vsn, \"1\"}]}.\n",
			"unsupported: applications of Erlang and Elixir themselves are no packages of Hex, whose advisories do not judge them"},
		"Dart": {pub,
			"# x\npackages:\n  a:\n    dependency: \"direct main\"\n    description:\n      name: z\n      version: \"9\"\n    source: hosted\n" +
				"    version: \"1.0\"\n  b:\n    source: hosted\n    version: '2'\nsdks:\n  dart: \">=2\"\n", "a 1.0; b 2"},
		"Dart: from elsewhere": {pub,
			"packages:\n  a:\n    source: git\n    version: \"1\"\n  b:\n    source: sdk\n    version: \"2\"\n  c:\n    source: path\n", ""},
		"Dart: another section": {pub, "other:\n  a:\n    source: hosted\n    version: \"1\"\npackages:\n", ""},
		"Dart: no version": {pub, "packages:\n  a:\n    source: hosted\n  b:\n    source: hosted\n    version: \"2\"\n",
			"b 2; malformed: package \"a\" without a name or a version"},
		"Dart: no packages": {pub, "sdks:\n", "error: it has no packages"},
		"Dart: cut off": {pub,
			"packages:\n  a:\n    source: hosted\n    version: \"1\"\n  b:\n    source: hosted\n    version: \"2",
			"a 1; malformed: " + cutOff + "; malformed: package \"b\" without a name or a version"},
		"Dart: carriage returns": {pub, "packages:\r\n  a:\r\n    source: hosted\r\n    version: \"1\"\r\n", "a 1"},
		"Python": {python,
			"Metadata-Version: 2.1\nName: Foo.Bar_Baz\nVersion: 1.0\nLicense: MIT\n\nName: other\nVersion: 9\n", "foo-bar-baz 1.0 under MIT"},
		"Python: continued lines": {python, "Name: a\nVersion: 1\nSummary: x\n Version: 2\n\tName: b\n", "a 1"},
		"Python: an expression": {python, "Name: a\nVersion: 1\nLicense: see file\nLicense-Expression: MIT OR ISC\n",
			"a 1 under MIT OR ISC"},
		"Python: an expression first": {python, "Name: a\nVersion: 1\nLicense-Expression: MIT\nLicense: see file\n", "a 1 under MIT"},
		"Python: a classifier": {python,
			"Name: a\nVersion: 1\nClassifier: Topic :: X\nClassifier: License :: OSI Approved :: MIT License\n" +
				"Classifier: License :: OSI Approved :: BSD License\n", "a 1 under MIT License"},
		"Python: an unknown licence": {python,
			"Name: a\nVersion: 1\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n", "a 1 under MIT License"},
		"Python: of two licences": {python,
			"Name: a\nVersion: 1\nLicense: my own words\nClassifier: License :: OSI Approved :: MIT License\n", "a 1 under MIT License"},
		"Python: of two, the known one": {python,
			"Name: a\nVersion: 1\nLicense: Apache 2.0\nClassifier: License :: OSI Approved :: MIT License\n", "a 1 under Apache 2.0"},
		"Python: of two unknown ones": {python, "Name: a\nVersion: 1\nLicense: my own words\nClassifier: License :: Other\n",
			"a 1 under my own words"},
		"Python: a text as licence": {python, "Name: a\nVersion: 1\nLicense: " + strings.Repeat("x", 100) + "\n", "a 1"},
		"Python: a long licence": {python, "Name: a\nVersion: 1\nLicense: " + strings.Repeat("x", 99) + "\n",
			"a 1 under " + strings.Repeat("x", 99)},
		"Python: no version":              {python, "Name: a\n\nVersion: 1\n", "error: no Name or no Version, or they are cut off"},
		"Python: no name":                 {python, "Version: 1\n", "error: no Name or no Version, or they are cut off"},
		"Python: cut off in a name":       {python, "Version: 1\nName: a", "error: no Name or no Version, or they are cut off"},
		"Python: cut off elsewhere":       {python, "Version: 1\nName: a\nSummary: x", "a 1"},
		"Python: a text that is cut":      {python, "Version: 1\nName: a\n\nname: x", "a 1"},
		"Python: Windows' lines":          {python, "Version: 1\r\nName: a\r\n\r\nname: x", "a 1"},
		"Python: in upper case":           {python, "NAME: a\nVERSION: 1\n", "a 1"},
		"npm":                             {npm, `{"name":"@s/x","version":"1.0.0","license":"MIT"}`, "@s/x 1.0.0 under MIT"},
		"npm: an object as licence":       {npm, `{"name":"x","version":"1.0.0","license":{"type":"MIT"}}`, "x 1.0.0"},
		"npm: a marker":                   {npm, `{"type":"module"}`, nameless},
		"npm: a marker in a package":      {"srv/node_modules/y/test/node_modules/x/package.json", `{"type":"module"}`, ""},
		"npm: keys in another case":       {npm, `{"name":"x","version":"1.0.0","Version":"2.0.0","NAME":"y"}`, "x 1.0.0"},
		"npm: a key twice":                {npm, `{"name":"x","version":"1.0.0","version":"2.0.0"}`, "x 2.0.0"},
		"npm: a byte order mark":          {npm, "\ufeff" + `{"name":"x","version":" v1.0.0"}`, "x 1.0.0"},
		"npm: of the workspace":           {npm, `{"name":"@a/x","private":true}`, "@a/x "},
		"npm: private in words":           {npm, `{"name":"x","private":"true"}`, "error: a package without a version"},
		"composer: keys in another case":  {composer, `{"packages":[{"name":"A/b","version":"1","Version":"2"}],"Packages":[]}`, "a/b 1"},
		"composer: an object of packages": {composer, `{"x":{"name":"a/b","version":"1"},"y":{"name":"c/d","version":"2"}}`, "a/b 1; c/d 2"},
		"composer: no packages":           {composer, `{"packages":[],"dev":true}`, ""},
		"composer: null":                  {composer, `{"packages":null}`, "error: it is null, and no list of packages"},
		"composer: for programs": {runtime, "<?php return array('root' => array('name' => 'me/app', 'pretty_version' => 'dev-main')," +
			" 'versions' => array(\n'me/app' => array('pretty_version' => 'dev-main'), 'A/b' => array('pretty_version' => 'v1'," +
			" 'install_path' => __DIR__ . '/../a/b', 'aliases' => array(), 'dev_requirement' => false)," +
			" \"c/d\" => [ 'version' => '2.0.0.0' ], 'e/f' => array('replaced' => array(0 => '*'))));\n",
			"a/b v1; c/d 2.0.0.0"},
		"composer: a program that computes": {runtime, "<?php return array('versions' => versions());", "error: \"versions());\" is no literal"},
		"python: twice":                     {python, "Name: x\nVersion: 1\nVersion: 2\nName: y\n\n", "x 1"},
		"python: lines that go on":          {python, "Name:\n x\nVersion:\n\t1\nSummary: a\n b\n\n", "x 1"},
		"python: returns":                   {python, "Name: x\rVersion: 1\r\rVersion: 2", "x 1"},
		"python: in another case":           {"srv/x.DIST-INFO/METADATA", "NAME: x\nVERSION: 1\n\n", "x 1"},
		"python: an egg's METADATA":         {"srv/x.egg-info/METADATA", "Name: x\nVersion: 1\n\n", "x 1"},
		"python: an egg in another case":    {"srv/x.EGG/egg-info/PKG-INFO", "Name: x\nVersion: 1\n\n", "x 1"},
		"python: a file for the folder":     {"srv/x.dist-info", "Name: x\nVersion: 1\n\n", "x 1"},
		"npm: no version":                   {npm, `{"name":"x"}`, "error: a package without a version"},
		"npm: no name":                      {npm, `{"version":"1"}`, nameless},
		"npm: an empty version":             {npm, `{"name":"x","version":""}`, "error: a package without a version"},
		"npm: an empty name":                {npm, `{"name":"","version":"1"}`, nameless},
		"npm: a number as version": {npm, `{"name":"x","version":1}`,
			"error: \"version\" is no text: json: cannot unmarshal number into Go value of type string"},
	} {
		if got := inspected(t, c.path, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	deep := strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)
	for _, path := range []string{composer, dotnet, conda} {
		if got := inspected(t, path, deep); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, "depth") {
			t.Errorf("%s, nested deeply: %q", path, got)
		}
	}
}

// Which files name packages of a language: a file of that name elsewhere is somebody's source, and one that is not wanted is judged by
// nobody.
func TestLanguageWants(t *testing.T) {
	for p, want := range map[string]string{
		"usr/lib/ruby/gems/3.1.0/specifications/x-1.gemspec": "gem/4",
		"usr/lib/ruby/specifications/default/x-1.gemspec":    "gem/4",
		"srv/x.gemspec":                                         "",
		"srv/specifications/x.rb":                               "",
		"srv/specifications/other/x.gemspec":                    "",
		"srv/vendor/composer/installed.json":                    "composer/3",
		"srv/3rdparty/composer/installed.json":                  "composer/3",
		"srv/composer/installed.json":                           "composer/3",
		"srv/lib/composer/installed.php":                        "composer-runtime/1",
		"srv/composer.d/installed.json":                         "",
		"app/vendor/x/x.gemspec":                                "gem/4",
		"app/vendor/gems/x/x.gemspec":                           "gem/4",
		"app/vendor/cache/x-0123/x.gemspec":                     "gem/4",
		"b/ruby/3.1.0/bundler/gems/x-0123/x.gemspec":            "gem/4",
		"b/ruby/3.1.0/gems/x-1/x.gemspec":                       "",
		"app/vendor/bundle/ruby/3.1.0/gems/x-1/x.gemspec":       "",
		"b/gems/x-1/vendor/y/y.gemspec":                         "",
		"srv/vendor/composer/other.json":                        "",
		"app/x.deps.json":                                       "nuget/3",
		"app/deps.json":                                         "",
		"opt/conda/conda-meta/x.json":                           "conda/2",
		"opt/conda/conda-meta/x.txt":                            "",
		"opt/conda/x.json":                                      "",
		"usr/lib/R/library/x/DESCRIPTION":                       "cran/2",
		"usr/lib/R/site-library/x/DESCRIPTION":                  "cran/2",
		"usr/lib/R/other/x/DESCRIPTION":                         "",
		"usr/lib/R/library/DESCRIPTION":                         "",
		"usr/lib/R/library/x/y/DESCRIPTION":                     "",
		"app/lib/x-1/ebin/x.app":                                "hex/2",
		"app/x.app":                                             "",
		"app/lib/x-1/ebin/x.beam":                               "",
		"app/pubspec.lock":                                      "pub/3",
		"pubspec.lock":                                          "pub/3",
		"app/pubspec.yaml":                                      "",
		"usr/lib/python3/dist-packages/x-1.dist-info/METADATA":  "python/4",
		"srv/METADATA":                                          "",
		"usr/lib/x.egg-info/PKG-INFO":                           "python/4",
		"usr/lib/x.egg/EGG-INFO/PKG-INFO":                       "python/4",
		"usr/lib/PKG-INFO":                                      "",
		"usr/lib/x.egg-info":                                    "python/4",
		"srv/Cargo.lock":                                        "unsupported/4",
		"root/.cargo/.crates2.json":                             "unsupported/4",
		"srv/.pnp.js":                                           "unsupported/4",
		"root/.yarn/berry/cache/x.zip":                          "unsupported/4",
		"srv/.pnp.cjs":                                          "unsupported/4",
		"srv/.yarn/cache/x.zip":                                 "unsupported/4",
		"srv/x.zip":                                             "python-archive/1",
		"srv/.yarn/x.zip":                                       "",
		"usr/local/lib/perl5/site_perl/auto/JSON/XS/.packlist":  "unsupported/4",
		"usr/local/lib/perl5/5.38.2/x86_64-linux/.packlist":     "",
		"srv/wp-includes/version.php":                           "wordpress/1",
		"srv/wp-content/plugins/akismet/akismet.php":            "unsupported/4",
		"srv/wp-content/plugins/akismet/readme.txt":             "unsupported/4",
		"srv/wp-content/plugins/akismet/class.php":              "",
		"srv/wp-content/plugins/hello.php":                      "unsupported/4",
		"srv/wp-content/plugins/index.php":                      "",
		"srv/wp-content/themes/t/style.css":                     "unsupported/4",
		"usr/lib/luarocks/rocks-5.1/a/1-1/a-1-1.rockspec":       "unsupported/4",
		"root/.julia/packages/julia/JSON/Project.toml":          "unsupported/4",
		"srv/Manifest.toml":                                     "",
		"opt/linuxbrew/Cellar/jq/1.7/INSTALL_RECEIPT.json":      "unsupported/4",
		"srv/WEB-INF/classes/META-INF/maven/g/a/pom.properties": "maven/1",
	} {
		got := ""
		for _, insp := range All() {
			if wants(insp, p, 0o644, make([]byte, 100), false) {
				got += insp.Name()
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", p, got, want)
		}
	}
}

// The release of a distribution decides which advisories judge its packages, and when its support ends; of a release that nobody knows
// nothing is said. os-release(5) is shell: quotes and escapes are undone, and what is no assignment makes the file malformed.
func TestOSReleases(t *testing.T) {
	for body, want := range map[string]string{
		"ID=debian\nVERSION_ID=\"12\"\n":                "debian Debian:12 2026-07-11 2028-06-30",
		"ID=debian\nVERSION_ID=12.5\n":                  "debian Debian:12 2026-07-11 2028-06-30",
		"ID=debian\n":                                   "debian",
		"ID=debian\nVERSION_ID=trixie\n":                "debian",
		"ID=debian\nVERSION_ID=99\n":                    "debian Debian:99",
		"ID=ubuntu\nVERSION_ID=\"22.04\"\n":             "ubuntu Ubuntu:22.04:LTS 2027-06-01 2027-06-01",
		"ID=ubuntu\nVERSION_ID=23.10\n":                 "ubuntu Ubuntu:23.10 2024-07-11 2024-07-11",
		"ID=ubuntu\nVERSION_ID=23.04\n":                 "ubuntu Ubuntu:23.04 2024-01-25 2024-01-25",
		"ID=ubuntu\nVERSION_ID=2.04\n":                  "ubuntu Ubuntu:2.04",
		"ID=alpine\nVERSION_ID=3.20.1\n":                "alpine Alpine:v3.20 2026-04-01 2026-04-01",
		"ID=alpine\nVERSION_ID=3\n":                     "alpine",
		"ID=alpine\nVERSION_ID=3.21_alpha\n":            "alpine",
		"ID=wolfi\nVERSION_ID=20230201\n":               "wolfi Wolfi",
		"ID=chainguard\n":                               "chainguard Chainguard",
		"ID=minimos\n":                                  "minimos MinimOS",
		"ID=echo\n":                                     "echo Echo",
		"ID=almalinux\nVERSION_ID=9.4\n":                "almalinux AlmaLinux:9 2027-05-31 2032-05-31",
		"ID=rocky\nVERSION_ID=8.9\n":                    "rocky Rocky Linux:8 2024-05-31 2029-05-31",
		"ID=opensuse-leap\nVERSION_ID=15.6\n":           "opensuse-leap openSUSE:Leap 15.6 2026-04-30 2026-04-30",
		"ID=opensuse-tumbleweed\nVERSION_ID=20240101\n": "opensuse-tumbleweed openSUSE:Tumbleweed",
		"ID=opensuse-tumbleweed\n":                      "opensuse-tumbleweed openSUSE:Tumbleweed",
		"ID=mageia\nVERSION_ID=9\n":                     "mageia Mageia:9",
		"ID=photon\nVERSION_ID=5.0\n":                   "photon Photon OS:5.0",
		"ID=azurelinux\nVERSION_ID=3.0\n":               "azurelinux Azure Linux:3",
		"ID=rhel\nVERSION_ID=9.4\n":                     "rhel 2027-05-31 2032-05-31",
		"ID=centos\nVERSION_ID=8\n":                     "centos 2021-12-31 2024-05-31",
		"ID=centos\nVERSION_ID=8.5\n":                   "centos",
		"ID=plan9\nVERSION_ID=4\n":                      "plan9",
		"ID=AlmaLinux\nVERSION_ID=9\n":                  "almalinux AlmaLinux:9 2027-05-31 2032-05-31",
		"ID='debian'\nVERSION_ID=1\\2\n":                "debian Debian:12 2026-07-11 2028-06-30",
		"ID=debian\nVERSION_ID='12'":                    "debian Debian:12 2026-07-11 2028-06-30",
		"ID=debian\nVERSION_ID=12":                      "error",
		"VERSION_ID=12\nID=debian":                      "error",
		"VERSION_ID=12\nID=\"debian\"":                  "debian Debian:12 2026-07-11 2028-06-30",
		"VERSION_ID=12\nID=\"deb\\\"":                   "error",
		"VERSION_ID=12\nID=\"":                          "error",
		"VERSION_ID=12\nID=debian\nNAME=x":              "debian Debian:12 2026-07-11 2028-06-30",
		"# x\n\n ID=debian\n":                           "debian",
		"ID=debian\nwhat\n":                             "error",
		"ID=debian\nA B=c\n":                            "error",
		"NAME=x\n":                                      "error",
		"":                                              "error",
	} {
		os, err := parseOSRelease(body)
		got := "error"
		if err == nil {
			got = os.ID
			for _, s := range []string{string(os.Ecosystem), string(os.SupportEnds), string(os.FreeSupportEnds)} {
				if s != "" {
					got += " " + s
				}
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}
