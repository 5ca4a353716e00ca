package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// signature recognises well-known programs that no package manager installed, by the version that they print. What a distribution's package
// owns is found too, and then judged by that distribution.
type signature struct{}

func (signature) Name() string { return "signature/1" }

// Sparse implements engine.Sparse.
func (signature) FindsLittle() {}

// knownKind is one kind of program.
type knownKind struct {
	name    string // of the package
	bitnami bool   // Bitnami's advisories, which go by upstream's versions, speak of it under that name
	marks   []mark
}

// mark is text that stands right beside a version.
type mark struct {
	text   string
	before bool   // the version stands before the text
	then   string // what stands near behind the version
	within bool   // the text is the version's beginning, and stands behind a NUL
}

// knownProgram tells by a file's name what it may be; nil is nothing.
func knownProgram(p string) *knownKind {
	base := path.Base(p)
	after := func(texts ...string) []mark {
		var out []mark
		for _, t := range texts {
			out = append(out, mark{text: t})
		}
		return out
	}
	switch base {
	case "node", "nodejs":
		return &knownKind{"node", true, after("node.js/v", "node v")}
	case "php", "php-fpm", "php-cgi":
		return &knownKind{"php", true, after("X-Powered-By: PHP/")}
	case "openssl":
		return &knownKind{"openssl", false, after("OpenSSL ")}
	case "nginx":
		return &knownKind{"nginx", true, after("nginx version: nginx/", "nginx version: openresty/")}
	case "httpd", "apache2":
		return &knownKind{"apache", true, after("Apache/")}
	case "haproxy":
		return &knownKind{"haproxy", true, append(after("HA-Proxy version "), mark{text: " version ", then: ", released 20"})}
	case "redis-server":
		return &knownKind{"redis", true, append(after("Redis version "), mark{text: "buildkitsandbox-", before: true})}
	case "valkey-server":
		return &knownKind{"valkey", true, []mark{{text: "buildkitsandbox-", before: true}}}
	case "postgres":
		return &knownKind{"postgresql", true, after("postgres (PostgreSQL) ", "PostgreSQL ")}
	case "mysqld", "mysql":
		return &knownKind{"mysql", false, append(after("/mysql-", "/percona-server-"), mark{text: "\x00\x00\x00\x00\x00\x00\x00\x00mysql", before: true})}
	case "mariadbd", "mariadb":
		return &knownKind{"mariadb", true, append(after("/mariadb-"), mark{text: "-MariaDB", before: true})}
	case "mongod", "mongos":
		return &knownKind{"mongodb", true, []mark{{text: "\x00tcmalloc", before: true}, {text: "\x00heap_size", before: true}, {text: "\x00cppdefines", before: true}}}
	case "memcached":
		return &knownKind{"memcached", true, after("memcached ")}
	case "busybox":
		return &knownKind{"busybox", false, after("BusyBox v")}
	case "bash":
		return &knownKind{"bash", false, after("@(#)Bash version ")}
	case "curl":
		return &knownKind{"curl", false, after("curl/", "curl ")}
	case "perl":
		return &knownKind{"perl", false, after("/perl/", "/perl5/")}
	case "ruby":
		return &knownKind{"ruby", true, after("ruby ")}
	}
	return libraryOf(base)
}

// libraryOf tells programs whose substance is in a library, or whose names hold their version.
func libraryOf(base string) *knownKind {
	switch {
	case strings.HasPrefix(base, "libcrypto.so."):
		return &knownKind{"openssl", false, []mark{{text: "OpenSSL "}}}
	case strings.HasPrefix(base, "libruby") && strings.Contains(base, ".so."):
		return &knownKind{"ruby", true, []mark{{text: "ruby "}}}
	case strings.HasPrefix(base, "libphp") && strings.HasSuffix(base, ".so"):
		return &knownKind{"php", true, []mark{{text: "X-Powered-By: PHP/"}}}
	}
	if release, ok := strings.CutPrefix(base, "php"); ok && release != "" && strings.Trim(release, "0123456789.") == "" {
		return &knownKind{"php", true, []mark{{text: "X-Powered-By: PHP/"}}}
	}
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(base, "lib"), "python"); ok {
		release, _, _ := strings.Cut(rest, ".so")
		release = strings.TrimRight(release, "mtd") // abiflags
		if major, minor, ok := strings.Cut(release, "."); ok && (major == "2" || major == "3") && minor != "" && strings.Trim(minor, "0123456789") == "" {
			return &knownKind{"python", true, []mark{{text: release + ".", within: true}}}
		}
	}
	return nil
}

// smallestProgram is the size in bytes below which a file called like a program only starts it.
const smallestProgram = 100 << 10

func (signature) Wants(p string, mode fs.FileMode, size int64) bool {
	i := strings.LastIndexByte(p, '/') + 1
	base := p[i:]
	switch { // without an allocation for the many
	case base == "release" || base == "VERSION":
		return size < engine.MaxReleaseFile && (base == "release" || strings.HasSuffix(p, "go/VERSION") || strings.Contains(p, "/go-1"))
	case size < smallestProgram || len(base) > 40:
		return false
	case strings.Contains(base, ".so"):
		return strings.HasPrefix(base, "lib") && (strings.HasPrefix(base, "libcrypto.") || strings.HasPrefix(base, "libpython") || strings.HasPrefix(base, "libruby") || strings.HasPrefix(base, "libphp"))
	case mode&0o111 == 0:
		return false
	}
	switch base[0] {
	case 'n', 'p', 'o', 'h', 'a', 'r', 'v', 'm', 'b', 'c':
		return knownProgram(p) != nil
	}
	return false
}

func (signature) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	if base := path.Base(f.Path); base == "release" || base == "VERSION" {
		return releaseFile(f)
	}
	head, err := f.Head(4)
	if err != nil || string(head) != "\x7fELF" {
		return engine.Evidence{}, err
	}
	what := knownProgram(f.Path)
	if what == nil {
		return engine.Evidence{}, nil
	}
	var body io.Reader
	switch {
	case f.Seekable(), f.Size > engine.MaxProgramHeld && f.Mode&0o111 == 0:
		body = f.Stream()
	case f.Size > engine.MaxProgramHeld:
		return engine.Evidence{}, nil // golang reads it as it passes, and looks for signatures too
	default:
		b, err := f.Bytes(engine.MaxProgramHeld)
		if err != nil {
			return engine.Evidence{}, err
		}
		body = bytes.NewReader(b)
	}
	s := &search{what: what}
	if _, err := io.CopyBuffer(s, struct{ io.Reader }{body}, make([]byte, searchBlockBytes)); err != nil && !errors.Is(err, errFound) {
		return engine.Evidence{}, err
	}
	return s.evidence(), nil
}

var errFound = errors.New("found")

// search looks for a program's marks in what is written to it. It remembers the end of each block, so that no mark or version is cut in two.
type search struct {
	what  *knownKind
	tail  []byte
	found string
	at    int // of the mark that it was found by: an earlier one is surer
}

// searchBlockBytes is how much of a program is read at once.
const searchBlockBytes = 128 << 10

// reach is how many bytes a version and the mark beside it span at most.
const reach = 96

func (s *search) Write(b []byte) (int, error) {
	if s.found != "" && s.at == 0 {
		return 0, errFound
	}
	if len(s.tail) > 0 { // what stands across the border
		s.look(append(s.tail, b[:min(len(b), 2*reach)]...))
	}
	s.look(b)
	if len(b) < 2*reach {
		s.tail = append(s.tail, b...)
		s.tail = s.tail[max(0, len(s.tail)-2*reach):]
	} else {
		s.tail = append(s.tail[:0], b[len(b)-2*reach:]...)
	}
	return len(b), nil
}

func (s *search) look(block []byte) {
	for i, m := range s.what.marks {
		if s.found != "" && s.at <= i {
			break
		}
		if v := m.find(block, s.what.name); v != "" {
			s.found, s.at = v, i
		}
	}
}

// find returns the first version beside the mark, "" when there is none. A version at the block's very end may go on in the next one, which has
// the end of this one before it.
func (m mark) find(block []byte, name string) string {
	for from := 0; ; {
		i := bytes.Index(block[from:], []byte(m.text))
		if i < 0 {
			return ""
		}
		i += from
		from = i + 1
		var v string
		if m.before {
			v = versionBefore(block[max(0, i-reach):i])
		} else if end := i + len(m.text); end+reach/2 <= len(block) || bytes.IndexByte(block[end:], 0) >= 0 {
			rest := block[end:min(len(block), end+reach/2)]
			if m.within {
				if i == 0 || block[i-1] != 0 {
					continue
				}
				rest = block[i:min(len(block), i+reach/2)]
			}
			if m.then == "" || bytes.Contains(rest, []byte(m.then)) {
				v = versionAfter(rest, name)
			}
		}
		if v != "" {
			return v
		}
	}
}

// versionAfter reads a version at the start of b: at least two numbers with dots, and what the program's own style puts behind them.
func versionAfter(b []byte, name string) string {
	n, dots := 0, 0
	for n < len(b) && (isDigit(b[n]) || b[n] == '.' && n > 0 && b[n-1] != '.') {
		if b[n] == '.' {
			dots++
		}
		n++
	}
	v := strings.TrimSuffix(string(b[:n]), ".")
	rest := b[len(v):]
	least := 2
	if name == "postgresql" {
		least = 1 // since 10: 15.4
	}
	if strings.Count(v, ".") < least || v == "" || !isDigit(v[0]) {
		return ""
	}
	switch name {
	case "openssl": // 1.1.1w
		k := 0
		for k < len(rest) && k < 2 && rest[k] >= 'a' && rest[k] <= 'z' {
			k++
		}
		v += string(rest[:k])
	case "python": // 3.13.0rc1, and 3.11.2+ of a build in between
		for _, pre := range []string{"a", "b", "rc"} {
			if k := len(pre); bytes.HasPrefix(rest, []byte(pre)) && len(rest) > k && isDigit(rest[k]) {
				for k++; k < len(rest) && isDigit(rest[k]); k++ {
				}
				v, rest = v+string(rest[:k]), rest[k:]
				break
			}
		}
		rest = bytes.TrimPrefix(rest, []byte("+"))
		if len(rest) == 0 || rest[0] != 0 {
			return ""
		}
	}
	return v
}

// versionBefore reads a version at the end of b: three numbers.
func versionBefore(b []byte) string {
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	n := end
	for n > 0 && (isDigit(b[n-1]) || b[n-1] == '.') {
		n--
	}
	v := strings.Trim(string(b[n:end]), ".")
	if strings.Count(v, ".") != 2 {
		return ""
	}
	return v
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// evidence is the program, or the gap that a file called like one leaves whose version is not found.
func (s *search) evidence() engine.Evidence {
	if s.found == "" {
		return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: "programs without a version",
			Detail: fmt.Sprintf("it is called like %s, but holds no version that is known", s.what.name)}}}
	}
	return engine.Evidence{Packages: []engine.Package{unpackaged(s.what.name, s.found, s.what.bitnami)}}
}

func unpackaged(name, version string, bitnami bool) engine.Package {
	p := engine.Package{Name: name, Version: version, Type: "generic", FoundBy: "signature", Source: engine.Source{Name: name, Version: version}}
	if bitnami {
		p.Ecosystem = "Bitnami"
	}
	return p
}

// releaseFile reads a JDK's release file and a Go toolchain's VERSION.
func releaseFile(f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxReleaseFile)
	if err != nil {
		return engine.Evidence{}, err
	}
	if path.Base(f.Path) == "VERSION" {
		line, _, _ := strings.Cut(string(body), "\n")
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "go"); ok && v != "" && isDigit(v[0]) {
			return engine.Evidence{Packages: []engine.Package{{Name: "toolchain", Version: v, Type: "golang", Ecosystem: "Go", FoundBy: "signature", Source: engine.Source{Name: "toolchain", Version: v}},
				{Name: "stdlib", Version: v, Type: "golang", Ecosystem: "Go", FoundBy: "signature", Source: engine.Source{Name: "stdlib", Version: v}}}}, nil
		}
		return engine.Evidence{}, nil
	}
	for line := range strings.SplitSeq(string(body), "\n") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), `JAVA_VERSION="`); ok {
			v = javaVersion(strings.TrimSuffix(v, `"`))
			if v == "" {
				return engine.Evidence{}, errors.New("its JAVA_VERSION is no version")
			}
			return engine.Evidence{Packages: []engine.Package{unpackaged("java", v, true)}}, nil
		}
	}
	return engine.Evidence{}, nil
}

// javaVersion makes of Java's old form (1.8.0_352) the one that advisories use (8.0.352).
func javaVersion(v string) string {
	if rest, ok := strings.CutPrefix(v, "1."); ok {
		v = strings.ReplaceAll(rest, "_", ".")
		if major, tail, ok := strings.Cut(v, ".0."); ok {
			v = major + ".0." + tail
		}
	}
	if v == "" || !isDigit(v[0]) || strings.Trim(v, "0123456789.") != "" {
		return ""
	}
	for strings.Count(v, ".") < 2 {
		v += ".0"
	}
	return v
}
