package catalog

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

func signed(t *testing.T, f *engine.File) (found, gap string) {
	t.Helper()
	if !(signature{}).Wants(f.Path, f.Mode, f.Size) {
		return "", ""
	}
	ev, err := signature{}.Inspect(t.Context(), f)
	if err != nil {
		t.Fatalf("%s: %v", f.Path, err)
	}
	for _, p := range ev.Packages {
		found += " " + p.Name + " " + p.Version
	}
	for _, c := range ev.Gaps {
		gap = c.Detail
	}
	return strings.TrimPrefix(found, " "), gap
}

// signatureCases are the texts with which real programs name their versions.
func signatureCases() []struct{ path, text, want string } {
	return []struct{ path, text, want string }{
		{"usr/local/bin/node", "\x00node.js/v20.11.1\x00", "node 20.11.1"},
		{"usr/local/bin/node", "\x00node v0.12.18\x00", "node 0.12.18"},
		{"usr/local/bin/python3.12", "x\x003.12.4\x00y", "python 3.12.4"},
		{"usr/local/lib/libpython3.13.so.1.0", "x\x003.13.0rc1\x00y", "python 3.13.0rc1"},
		{"opt/python3.7m", "x\x003.7.4\x00y", "python 3.7.4"},
		{"usr/local/bin/python3.12", "3.12 \x003.12.x\x00 (3.12.4)", ""},
		{"usr/local/bin/php", "X-Powered-By: PHP/8.2.36\x00", "php 8.2.36"},
		{"usr/local/bin/openssl", "OpenSSL 1.1.1w  11 Sep 2023\x00", "openssl 1.1.1w"},
		{"usr/local/lib64/libcrypto.so.3", "OpenSSL 3.4.0 22 Oct 2024\x00", "openssl 3.4.0"},
		{"usr/sbin/nginx", "nginx version: nginx/1.27.2\x00", "nginx 1.27.2"},
		{"usr/local/apache2/bin/httpd", "Apache/2.4\x00Apache/2.4.62 (Unix)\x00", "apache 2.4.62"},
		{"usr/local/sbin/haproxy", " version 2.0.0, released 2019/06/16\x00", "haproxy 2.0.0"},
		{"usr/local/bin/redis-server", "\x007.2.5buildkitsandbox-1725496002000000000\x00", "redis 7.2.5"},
		{"usr/local/bin/redis-server", "Server started, Redis version 2.8.23\x00", "redis 2.8.23"},
		{"usr/local/bin/valkey-server", "valkey9.0.0buildkitsandbox-1764887574000000000\x00", "valkey 9.0.0"},
		{"usr/local/bin/postgres", "postgres (PostgreSQL) 16.4\n\x00", "postgresql 16.4"},
		{"usr/sbin/mysqld", "../../mysql-9.7.0/sql/log.cc\x00", "mysql 9.7.0"},
		{"usr/sbin/mariadbd", "10.6.15-MariaDB\x00", "mariadb 10.6.15"},
		{"usr/bin/mongod", "6.0.27\x00\x00tcmalloc\x00", "mongodb 6.0.27"},
		{"usr/local/bin/memcached", "memcached 1.6.18\x00", "memcached 1.6.18"},
		{"bin/busybox", "BusyBox v1.36.1 (2023-12-04 19:44:32 UTC)\x00", "busybox 1.36.1"},
		{"usr/local/bin/bash", "@(#)Bash version 5.2.15(1) release GNU\x00", "bash 5.2.15"},
		{"usr/local/bin/curl", "curl/8.10.1\x00", "curl 8.10.1"},
		{"usr/local/bin/perl", "/usr/local/lib/perl5/5.40.0/x86_64-linux-gnu\x00", "perl 5.40.0"},
		{"usr/local/lib/libruby.so.3.3", "ruby 3.3.5 (2024-09-03 revision ef084cc8f4) [x86_64-linux]\x00", "ruby 3.3.5"},
	}
}

// Each program is recognised by the text that real ones hold, wherever it stands in the file.
func TestSignatures(t *testing.T) {
	for _, c := range signatureCases() {
		for _, at := range []int{0, 50_000, 1<<15 - 5, 1<<16 - 3} { // at the borders of the blocks in which it is read, too
			body := "\x7fELF" + strings.Repeat("\x01", at) + c.text + strings.Repeat("\x02", minKnownProgramSize)
			e := engine.Entry{Path: c.path, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
			found, gap := signed(t, engine.NewFileAt(e, strings.NewReader(body)))
			if found != c.want || (c.want == "") != (gap != "") {
				t.Errorf("%s with %q at %d: %q, %q; want %q", c.path, c.text, at, found, gap, c.want)
			}
		}
	}
	for _, c := range []struct {
		path, body string
		mode       fs.FileMode
	}{
		{"usr/bin/node", "\x7fELF a launcher node.js/v20.11.1", 0o755},
		{"usr/bin/node", "#!/bin/sh" + strings.Repeat(" ", minKnownProgramSize) + "node.js/v20.11.1", 0o755},
		{"usr/share/doc/node", "\x7fELF" + strings.Repeat(" ", minKnownProgramSize) + "node.js/v20.11.1", 0o644},
		{"usr/bin/pythonic", "\x7fELF" + strings.Repeat(" ", minKnownProgramSize), 0o755},
	} {
		e := engine.Entry{Path: c.path, Type: engine.TypeFile, Mode: c.mode, Size: int64(len(c.body))}
		if found, gap := signed(t, engine.NewFileAt(e, strings.NewReader(c.body))); found != "" || gap != "" {
			t.Errorf("%s is no such program: %q %q", c.path, found, gap)
		}
	}
}

func TestReleaseFiles(t *testing.T) {
	for _, c := range []struct{ path, body, want string }{
		{"opt/java/openjdk/release", "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\n", "java 17.0.9"},
		{"usr/lib/jvm/java-8/release", "JAVA_VERSION=\"1.8.0_352\"\n", "java 8.0.352"},
		{"usr/lib/jvm/java-23/release", "JAVA_VERSION=\"23\"\n", "java 23.0.0"},
		{"usr/local/go/VERSION", "go1.22.1\ntime 2024-02-29T18:18:48Z\n", "toolchain 1.22.1 stdlib 1.22.1"},
		{"etc/release", "NAME=x\n", ""},
		{"srv/go/VERSION", "1.0\n", ""},
	} {
		e := engine.Entry{Path: c.path, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(c.body))}
		if found, _ := signed(t, engine.NewFileAt(e, strings.NewReader(c.body))); found != c.want {
			t.Errorf("%s: %q, want %q", c.path, found, c.want)
		}
	}
}

// In a real image the versions found are those that dpkg knows, without epoch, repack and revision.
func TestSignaturesOfDebian(t *testing.T) {
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		t.Skip("VETO_IMAGES is not set")
	}
	status, err := os.ReadFile(filepath.Join(dir, "root", "var/lib/dpkg/status"))
	if err != nil {
		t.Skip(err)
	}
	versions := map[string]string{}
	for stanza := range stanzas(status) {
		if p, err := dpkgStanza(stanza, false); err == nil && p != nil {
			v := p.Version[strings.IndexByte(p.Version, ':')+1:]
			v, _, _ = strings.Cut(v, "-")
			v, _, _ = strings.Cut(v, "+")
			versions[p.Name] = v
		}
	}
	count := 0
	for p, pkg := range map[string]string{"usr/bin/bash": "bash", "usr/bin/perl": "perl-base", "usr/bin/openssl": "openssl",
		"usr/bin/curl": "curl", "usr/bin/python3.11": "python3.11-minimal",
		"usr/sbin/nginx": "nginx-common", "usr/lib/x86_64-linux-gnu/libcrypto.so.3": "libssl3",
		"usr/lib/postgresql/15/bin/postgres": "postgresql-15"} {
		body, err := os.ReadFile(filepath.Join(dir, "root", p))
		if err != nil || versions[pkg] == "" {
			continue
		}
		e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
		found, gap := signed(t, engine.NewFileAt(e, strings.NewReader(string(body))))
		_, got, _ := strings.Cut(found, " ")
		if pkg == "bash" {
			got = got[:min(len(got), len(versions[pkg]))] // Debian leaves out the patch level at times
		}
		if count++; got != versions[pkg] {
			t.Errorf("%s: %q %q, dpkg says %s %s", p, found, gap, pkg, versions[pkg])
		}
	}
	if t.Logf("%d programs", count); count < 5 {
		t.Errorf("only %d programs were compared", count)
	}
}

func FuzzSignatures(f *testing.F) {
	f.Add("node", []byte("\x00node.js/v20.11.1\x00"), uint16(7))
	f.Add("python3.12", []byte("\x003.12.4\x00"), uint16(1))
	f.Add("redis-server", []byte("\x007.2.5buildkitsandbox-1"), uint16(3))
	f.Add("openssl", []byte("OpenSSL 1.1.1w  11"), uint16(2))
	f.Fuzz(func(t *testing.T, base string, body []byte, block uint16) {
		what := programByName("usr/bin/" + base)
		if what == nil {
			return
		}
		s := &versionSearch{kind: what}
		for n := int(block)%200 + 1; len(body) > 0; {
			k := min(n, len(body))
			if _, err := s.Write(body[:k]); err != nil {
				break
			}
			body = body[k:]
		}
		if s.version != "" && !isDigit(s.version[0]) {
			t.Errorf("%q is no version", s.version)
		}
	})
}
