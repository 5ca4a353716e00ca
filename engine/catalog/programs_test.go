package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// program makes the smallest ELF file that debug/buildinfo reads (cmd/link/internal/ld/data.go, buildinfo).
func program(goVersion, info string) []byte {
	const start, end = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	data := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, s := range []string{goVersion, start + info + end} {
		data = append(binary.AppendUvarint(data, uint64(len(s))), s...)
	}
	const base, offset = 0x400000, 128
	var elf bytes.Buffer
	elf.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []any{uint16(2), uint16(62), uint32(1), uint64(base), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56),
		uint16(1), uint16(64), uint16(0), uint16(0),
		uint32(1), uint32(6), uint64(offset), uint64(base), uint64(base), uint64(len(data)), uint64(len(data)), uint64(16)} {
		if err := binary.Write(&elf, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	elf.Write(make([]byte, offset-elf.Len()))
	elf.Write(data)
	return elf.Bytes()
}

func TestGoPrograms(t *testing.T) {
	const info = "path\texample.test/x\nmod\texample.test/x\t(devel)\t\ndep\tgolang.org/x/net\tv0.7.0\th1:x=\ndep\told.test/y\tv1.0.0\n" +
		"=>\tnew.test/y\tv1.0.1\th1:x=\ndep\tlocal.test/z\tv1.0.0\n=>\t./z\t\t\n"
	for name, c := range map[string]struct {
		body []byte
		want string
		err  string
	}{
		"modules, replaced ones, the standard library": {program("go1.21.1", info),
			"stdlib@1.21.1 example.test/x@(devel) golang.org/x/net@v0.7.0 new.test/y@v1.0.1 [unsupported]", ""},
		"an experiment in the version": {program("go1.21.1 X:boringcrypto", "path\tx\nmod\tx\tv1.0.0\t\n"),
			"stdlib@1.21.1 x@v1.0.0", ""},
		"an experiment as Go 1.26 writes it": {program("go1.26.8-X:jsonv2,greenteagc", "path\tx\nmod\tx\tv1.0.0\t\n"),
			"stdlib@1.26.8 x@v1.0.0", ""},
		"a vendor's Go": {program("go1.21.3-acme.5", "path\tx\nmod\tx\tv1.0.0\t\n"), "stdlib@1.21.3 x@v1.0.0", ""},
		"a distribution's Go": {program("go1.22rc1 (Red Hat 1.22-0.rc1.el9)", "path\tx\nmod\tx\tv1.0.0+dirty\t\n"),
			"stdlib@1.22rc1 x@v1.0.0+dirty", ""},
		"a Go between releases": {program("go1.27-devel_2ab7b8f Mon Jan 5", "path\tx\nmod\tx\tv1.0.0\t\n"), "x@v1.0.0 [unsupported]", ""},
		"an unreleased Go": {program("devel go1.27-abc", "path\tx\nmod\tx\tv1.0.0\t\n"), "x@v1.0.0 [unsupported]",
			""},
		"a module without a path": {program("go1.21.1", "path\tx\nmod\tx\tv1.0.0\t\ndep\t\tv1.0.0\t\n"),
			"stdlib@1.21.1 x@v1.0.0 [malformed]", ""},
		"cut off":              {program("go1.21.1", info)[:200], "", "cut off"},
		"only its first bytes": {program("go1.21.1", info)[:20], "", "cannot be read"},
		"a script":             {[]byte("#!/bin/sh\n" + strings.Repeat("echo\n", 100)), "", ""},
		"empty":                {nil, "", ""},
	} {
		e := engine.Entry{Path: "usr/bin/x", Type: engine.TypeFile, Mode: 0o755, Size: int64(len(c.body))}
		ev, err := programs{}.Inspect(context.Background(), engine.NewFileAt(e, bytes.NewReader(c.body)))
		var got []string
		for _, p := range ev.Packages {
			got = append(got, p.Name+"@"+p.Version)
		}
		for _, cov := range ev.Gaps {
			got = append(got, "["+string(cov.Kind)+"]")
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
	}
}
