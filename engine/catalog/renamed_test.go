package catalog

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// lookedInto says what renamed finds in a program with such constants, in one that seeks and in one that passes by.
func lookedInto(t *testing.T, texts string, sections bool) string {
	t.Helper()
	body := append(segments(elf.ELFCLASS64, binary.LittleEndian, 128, uint64(len(texts))), texts...)
	if sections {
		body = elfFile(elf.ELFCLASS64, binary.LittleEndian, section{".text", elf.SHT_PROGBITS, 0, []byte{0xc3}},
			section{".rodata", elf.SHT_PROGBITS, 0, []byte(texts)})
	}
	body = append(body, make([]byte, minKnownProgramSize)...)
	e := engine.Entry{Path: "app/server", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
	all := map[string]bool{}
	at, passing := strings.NewReader(string(body)), strings.NewReader(string(body))
	for _, f := range []*engine.File{engine.NewFileAt(e, at), engine.NewFile(e, passing)} {
		if !(renamed{}).Wants(f.Path, f.Mode, f.Size) {
			t.Fatal("it is not wanted")
		}
		ev, err := renamed{}.Inspect(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, p := range ev.Packages {
			said = p.Name + " " + p.Version
		}
		for _, g := range ev.Gaps {
			said = g.Detail
		}
		all[said] = true
	}
	if len(all) != 1 {
		t.Fatalf("what seeks and what passes by give different facts: %v", all)
	}
	for said := range all {
		return said
	}
	return ""
}

// TestRenamed shows programs under other names than their own.
func TestRenamed(t *testing.T) {
	for _, c := range []struct{ texts, want string }{
		{"\x00node.js/v20.11.1\x00", "node 20.11.1"},
		{"X-Powered-By: PHP/8.2.36\x00", "php 8.2.36"},
		{"nginx version: nginx/1.27.2\x00", "nginx 1.27.2"},
		{"\x00 -D HTTPD_ROOT=\"%s\"\x00Apache/2.4.62 (Unix)\x00", "apache 2.4.62"},
		{"HAPROXY_LOCALPEER\x00 version 2.0.0, released 2019/06/16\x00", "haproxy 2.0.0"},
		{"oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\x007.2.5buildkitsandbox-1725496002000000000\x00", "redis 7.2.5"},
		{"oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\x007.2.5\x00",
			"it is redis-server under another name, and holds no version that is known"},
		{"oO0OoO0OoO0Oo Valkey is starting oO0OoO0OoO0Oo\x00valkey9.0.0buildkitsandbox-17\x00", "valkey 9.0.0"},
		{"postgres (PostgreSQL) 16.4\n\x00", "postgresql 16.4"},
		{"slab_automove_ratio\x00memcached 1.6.18\n\x00", "memcached 1.6.18"},
		{"BusyBox v1.36.1 (2023-12-04 19:44:32 UTC)\x00", "busybox 1.36.1"},
		{"@(#)Bash version 5.2.15(1) release GNU\x00", "bash 5.2.15"},
		{"Yukihiro Matsumoto\x00ruby 3.3.5 (2024-09-03 revision ef084cc8f4) [x86_64-linux]\x00", "ruby 3.3.5"},
		{"require 'perl5db.pl'\x00/usr/local/lib/perl5/5.40.0/x86_64-linux-gnu\x00", "perl 5.40.0"},
		{"PYTHONSTARTUP\x003.45.1\x003.12.4\x00", "python 3.12.4"}, // the other one is SQLite's
		{"PYTHONSTARTUP\x002.7.18\x00", "python 2.7.18"},
		{"nginx version: %s\x00", ""}, // a program that reads what nginx prints
		{"a program of one's own\x001.2.3\x00", ""},
	} {
		for _, sections := range []bool{false, true} {
			if got := lookedInto(t, c.texts+strings.Repeat("\x00", 2*versionSpan), sections); got != c.want {
				t.Errorf("%q, with sections %v: %q, want %q", c.texts, sections, got, c.want)
			}
		}
	}
}

// TestRenamedStreamed shows a program that is too large to be held, and passes by.
func TestRenamedStreamed(t *testing.T) {
	for texts, want := range map[string]string{"\x00node.js/v20.11.1\x00": "node 20.11.1", "PYTHONSTARTUP\x003.12.4\x00": "python 3.12.4"} {
		body := append(append(elfHeader(), texts...), make([]byte, engine.MaxProgramHeld)...)
		e := engine.Entry{Path: "app/server", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(body))}
		ev, err := programs{}.Inspect(t.Context(), engine.NewFile(e, strings.NewReader(string(body))))
		if err != nil || len(ev.Packages) != 1 || ev.Packages[0].Name+" "+ev.Packages[0].Version != want {
			t.Errorf("%q: %+v, %v, want %s", texts, ev.Packages, err, want)
		}
	}
}
