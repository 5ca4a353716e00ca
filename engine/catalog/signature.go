package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// signature recognises well-known programs that no package manager installed, by the text with their version in them. It finds those that a
// package of the distribution owns too; the distribution's advisories judge those.
type signature struct{}

func (signature) Name() string { return "signature/1" }

// FindsLittle implements engine.Sparse.
func (signature) FindsLittle() {}

// knownProgram is a program that is recognised by its marks.
type knownProgram struct {
	name    string        // of the package
	bitnami bool          // Bitnami's advisories, which are for upstream's versions, have it under that name
	marks   []versionMark // the surest first
}

// versionMark is text that stands right before or after a version.
type versionMark struct {
	text          string
	versionFirst  bool   // the version stands before the text
	followedBy    string // text that stands after the version, within versionSpan/2 bytes of the mark; "" for any
	beginsVersion bool   // the text is the beginning of the version, and a NUL stands before it
}

// programByName returns what a file may be by its name, nil when nothing.
func programByName(p string) *knownProgram {
	base := path.Base(p)
	after := func(texts ...string) []versionMark {
		var out []versionMark
		for _, t := range texts {
			out = append(out, versionMark{text: t})
		}
		return out
	}
	switch base {
	case "node", "nodejs":
		return &knownProgram{"node", true, after("node.js/v", "node v")}
	case "php", "php-fpm", "php-cgi":
		return &knownProgram{"php", true, after("X-Powered-By: PHP/")}
	case "openssl":
		return &knownProgram{"openssl", false, after("OpenSSL ")}
	case "nginx":
		return &knownProgram{"nginx", true, after("nginx version: nginx/", "nginx version: openresty/")}
	case "httpd", "apache2":
		return &knownProgram{"apache", true, after("Apache/")}
	case "haproxy":
		released := versionMark{text: " version ", followedBy: ", released 20"}
		return &knownProgram{"haproxy", true, append(after("HA-Proxy version "), released)}
	case "redis-server":
		return &knownProgram{"redis", true, append(after("Redis version "), versionMark{text: "buildkitsandbox-", versionFirst: true})}
	case "valkey-server":
		return &knownProgram{"valkey", true, []versionMark{{text: "buildkitsandbox-", versionFirst: true}}}
	case "postgres":
		return &knownProgram{"postgresql", true, after("postgres (PostgreSQL) ", "PostgreSQL ")}
	case "mysqld", "mysql":
		beforeName := versionMark{text: "\x00\x00\x00\x00\x00\x00\x00\x00mysql", versionFirst: true}
		return &knownProgram{"mysql", false, append(after("/mysql-", "/percona-server-"), beforeName)}
	case "mariadbd", "mariadb":
		return &knownProgram{"mariadb", true, append(after("/mariadb-"), versionMark{text: "-MariaDB", versionFirst: true})}
	case "mongod", "mongos":
		return &knownProgram{"mongodb", true, []versionMark{
			{text: "\x00tcmalloc", versionFirst: true}, {text: "\x00heap_size", versionFirst: true}, {text: "\x00cppdefines", versionFirst: true},
		}}
	case "memcached":
		return &knownProgram{"memcached", true, after("memcached ")}
	case "busybox":
		return &knownProgram{"busybox", false, after("BusyBox v")}
	case "bash":
		return &knownProgram{"bash", false, after("@(#)Bash version ")}
	case "curl":
		return &knownProgram{"curl", false, after("curl/", "curl ")}
	case "perl":
		return &knownProgram{"perl", false, after("/perl/", "/perl5/")}
	case "ruby":
		return &knownProgram{"ruby", true, after("ruby ")}
	}
	return libraryByName(base)
}

// libraryByName is programByName for programs whose code is in a library, and those whose file names have a version.
func libraryByName(base string) *knownProgram {
	switch {
	case strings.HasPrefix(base, "libcrypto.so."):
		return &knownProgram{"openssl", false, []versionMark{{text: "OpenSSL "}}}
	case strings.HasPrefix(base, "libruby") && strings.Contains(base, ".so."):
		return &knownProgram{"ruby", true, []versionMark{{text: "ruby "}}}
	case strings.HasPrefix(base, "libphp") && strings.HasSuffix(base, ".so"):
		return &knownProgram{"php", true, []versionMark{{text: "X-Powered-By: PHP/"}}}
	}
	if release, ok := strings.CutPrefix(base, "php"); ok && release != "" && strings.Trim(release, "0123456789.") == "" {
		return &knownProgram{"php", true, []versionMark{{text: "X-Powered-By: PHP/"}}}
	}
	if rest, ok := strings.CutPrefix(strings.TrimPrefix(base, "lib"), "python"); ok {
		release, _, _ := strings.Cut(rest, ".so")
		release = strings.TrimRight(release, "mtd") // abiflags
		major, minor, ok := strings.Cut(release, ".")
		if ok && (major == "2" || major == "3") && minor != "" && strings.Trim(minor, "0123456789") == "" {
			return &knownProgram{"python", true, []versionMark{{text: release + ".", beginsVersion: true}}}
		}
	}
	return nil
}

// minKnownProgramSize is the size in bytes below which a file with a program's name is only a launcher.
const minKnownProgramSize = 100 << 10

func (signature) Wants(p string, mode fs.FileMode, size int64) bool {
	i := strings.LastIndexByte(p, '/') + 1
	base := p[i:]
	switch { // most files end here, without an allocation
	case base == "release" || base == "VERSION":
		return size < engine.MaxReleaseFile && (base == "release" || strings.HasSuffix(p, "go/VERSION") || strings.Contains(p, "/go-1"))
	case size < minKnownProgramSize || len(base) > 40:
		return false
	case strings.Contains(base, ".so"):
		return strings.HasPrefix(base, "libcrypto.") || strings.HasPrefix(base, "libpython") ||
			strings.HasPrefix(base, "libruby") || strings.HasPrefix(base, "libphp")
	case mode&0o111 == 0:
		return false
	}
	switch base[0] {
	case 'n', 'p', 'o', 'h', 'a', 'r', 'v', 'm', 'b', 'c':
		return programByName(p) != nil
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
	kind := programByName(f.Path)
	if kind == nil {
		return engine.Evidence{}, nil
	}
	var body io.Reader
	switch {
	case f.Seekable(), f.Size > engine.MaxProgramHeld && f.Mode&0o111 == 0:
		body = f.Stream(engine.AllSums)
	case f.Size > engine.MaxProgramHeld:
		return engine.Evidence{}, nil // programs streams it, and looks for signatures too
	default:
		b, err := f.Bytes(engine.MaxProgramHeld)
		if err != nil {
			return engine.Evidence{}, err
		}
		body = bytes.NewReader(b)
	}
	s := &versionSearch{kind: kind}
	if _, err := io.CopyBuffer(s, struct{ io.Reader }{body}, make([]byte, signatureBlock)); err != nil && !errors.Is(err, errFound) {
		return engine.Evidence{}, err
	}
	return s.evidence(), nil
}

// errFound ends the reading of a program whose version has been found.
var errFound = errors.New("found")

// versionSearch looks for the version of a program in what is written to it. It remembers the end of each block, so that it sees a mark and
// its version across blocks. Write returns errFound once no later text can be surer.
type versionSearch struct {
	kind    *knownProgram
	tail    []byte
	version string // "" until it is found
	rank    int    // index of the mark that it was found by
}

// signatureBlock is how many bytes of a program are read at once.
const signatureBlock = 128 << 10

// versionSpan is how many bytes a version and the mark beside it span at most.
const versionSpan = 96

func (s *versionSearch) Write(b []byte) (int, error) {
	if s.version != "" && s.rank == 0 {
		return 0, errFound
	}
	if len(s.tail) > 0 { // the end of the last block, and the beginning of this one
		s.scan(append(s.tail, b[:min(len(b), 2*versionSpan)]...))
	}
	s.scan(b)
	if len(b) < 2*versionSpan {
		s.tail = append(s.tail, b...)
		s.tail = s.tail[max(0, len(s.tail)-2*versionSpan):]
	} else {
		s.tail = append(s.tail[:0], b[len(b)-2*versionSpan:]...)
	}
	return len(b), nil
}

// scan looks for marks in a block, but not for ones that are less sure than the one that was found.
func (s *versionSearch) scan(block []byte) {
	for i, m := range s.kind.marks {
		if s.version != "" && s.rank <= i {
			break
		}
		if v := m.find(block, s.kind.name); v != "" {
			s.version, s.rank = v, i
		}
	}
}

// find returns the first version beside the mark in a block, "" when there is none. It does not take a version at the very end of the
// block, which may go on in the next one: versionSearch scans that together with the end of this one.
func (m versionMark) find(block []byte, name string) string {
	for from := 0; ; {
		i := indexMark(block[from:], m.text)
		if i < 0 {
			return ""
		}
		i += from
		from = i + 1
		var v string
		if m.versionFirst {
			v = versionBefore(block[max(0, i-versionSpan):i])
		} else if end := i + len(m.text); end+versionSpan/2 <= len(block) || bytes.IndexByte(block[end:], 0) >= 0 {
			rest := block[end:min(len(block), end+versionSpan/2)]
			if m.beginsVersion {
				if i == 0 || block[i-1] != 0 {
					continue
				}
				rest = block[i:min(len(block), i+versionSpan/2)]
			}
			if m.followedBy == "" || bytes.Contains(rest, []byte(m.followedBy)) {
				v = versionAfter(rest, name)
			}
		}
		if v != "" {
			return v
		}
	}
}

// versionAfter returns the version that b begins with, "" when none does: at least three numbers with dots (two for postgresql), and the
// suffix that versions of this program have.
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
		least = 1 // since version 10: 15.4
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
	case "python": // 3.13.0rc1, and 3.11.2+ for a build between two releases
		for _, pre := range []string{"a", "b", "rc"} {
			if k := len(pre); bytes.HasPrefix(rest, []byte(pre)) && len(rest) > k && isDigit(rest[k]) {
				for k++; k < len(rest) && isDigit(rest[k]); k++ {
				}
				v, rest = v+string(rest[:k]), rest[k:]
				break
			}
		}
		rest = bytes.TrimPrefix(rest, []byte("+"))
		minor, _, _ := strings.Cut(strings.TrimPrefix(v, "3."), ".")
		if n, _ := strconv.Atoi(minor); len(rest) == 0 || rest[0] != 0 || n > maxPythonMinor {
			return ""
		}
	}
	return v
}

// versionBefore returns the version of three numbers that b ends with, NULs behind it left out; "" when it ends with none.
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

// evidence returns the program as a package. A file with its name in which no version was found is a gap.
func (s *versionSearch) evidence() engine.Evidence {
	if s.version == "" {
		return engine.Evidence{Gaps: []engine.Gap{{Kind: engine.GapUnsupported, Subject: "programs without a version",
			Detail: fmt.Sprintf("it is called like %s, but holds no version that is known", s.kind.name)}}}
	}
	return engine.Evidence{Packages: []engine.Package{genericPackage(s.kind.name, s.version, s.kind.bitnami)}}
}

// genericPackage makes a package of a program that no package manager installed.
func genericPackage(name, version string, bitnami bool) engine.Package {
	p := languagePackage("generic", "", name, version)
	p.FoundBy = "signature"
	if bitnami {
		p.Ecosystem = "Bitnami"
	}
	return *p
}

// releaseFile reads a JDK's release file or a Go toolchain's VERSION.
func releaseFile(f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxReleaseFile)
	if err != nil {
		return engine.Evidence{}, err
	}
	if path.Base(f.Path) == "VERSION" {
		line, _, _ := strings.Cut(string(body), "\n")
		var ev engine.Evidence
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "go"); ok && v != "" && isDigit(v[0]) {
			for _, name := range []string{"toolchain", "stdlib"} {
				p := languagePackage("golang", "Go", name, v)
				p.FoundBy = "signature"
				ev.Packages = append(ev.Packages, *p)
			}
		}
		return ev, nil
	}
	for line := range strings.SplitSeq(string(body), "\n") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), `JAVA_VERSION="`); ok {
			v = javaVersion(strings.TrimSuffix(v, `"`))
			if v == "" {
				return engine.Evidence{}, errors.New("its JAVA_VERSION is no version")
			}
			return engine.Evidence{Packages: []engine.Package{genericPackage("java", v, true)}}, nil
		}
	}
	return engine.Evidence{}, nil
}

// javaVersion turns the old form of Java's versions (1.8.0_352) into the one that advisories use (8.0.352); "" for what is no version.
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
