package catalog

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/catalog/rpmdb"
)

// rpmHeader makes the header of a package: a value is a text, a list of texts, or a list of numbers.
func rpmHeader(values map[rpmdb.Tag]any) []byte {
	be := binary.BigEndian
	var index, store []byte
	for tag, v := range values {
		typ, count := uint32(6), 1
		for len(store)%4 != 0 {
			store = append(store, 0)
		}
		at := len(store)
		switch v := v.(type) {
		case string:
			store = append(append(store, v...), 0)
		case []string:
			typ, count = 8, len(v)
			store = append(store, strings.Join(v, "\x00")+"\x00"...)
		case []uint32:
			typ, count = 4, len(v)
			for _, n := range v {
				store = be.AppendUint32(store, n)
			}
		}
		for _, n := range []uint32{uint32(tag), typ, uint32(at), uint32(count)} {
			index = be.AppendUint32(index, n)
		}
	}
	return slices.Concat(be.AppendUint32(be.AppendUint32(nil, uint32(len(index)/16)), uint32(len(store))), index, store)
}

// rpmDatabase packs headers in rpm's own format (ndb).
func rpmDatabase(headers ...[]byte) string {
	le := binary.LittleEndian
	out := append([]byte("RpmP"), make([]byte, 28)...)
	le.PutUint32(out[12:], 1)
	out = append(out, slices.Repeat(append([]byte("Slot"), make([]byte, 12)...), 254)...)
	for i, h := range headers {
		blob := append([]byte("BlbS"), make([]byte, 12)...)
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		for len(blob)%16 != 4 {
			blob = append(blob, 0)
		}
		blob = append(le.AppendUint32(le.AppendUint32(blob, adler32.Checksum(blob)), uint32(len(h))), "BlbE"...)
		slot := out[32+16*i:]
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(out)/16))
		le.PutUint32(slot[12:], uint32(len(blob)/16))
		out = append(out, blob...)
	}
	return string(out)
}

// inspectRPM returns the evidence of one package whose header has these values besides its name, version and release.
func inspectRPM(t *testing.T, values map[rpmdb.Tag]any) engine.Evidence {
	t.Helper()
	all := map[rpmdb.Tag]any{rpmdb.Name: "bash", rpmdb.Version: "5.1.8", rpmdb.Release: "6.el9", rpmdb.Arch: "x86_64"}
	for tag, v := range values {
		all[tag] = v
	}
	ev, err := rpm{}.Inspect(t.Context(), fileAt("var/lib/rpm/Packages.db", []byte(rpmDatabase(rpmHeader(all)))))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// A package has the version by which advisories order it, with its epoch, and the source package that advisories name.
func TestRPMPackages(t *testing.T) {
	for name, c := range map[string]struct {
		values map[rpmdb.Tag]any
		want   string
	}{
		"plain": {nil, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a source package": {map[rpmdb.Tag]any{rpmdb.SourceRPM: "shell-tools-5.2-1.el9.src.rpm"},
			"bash 5.1.8-6.el9 x86_64 from shell-tools 5.2-1.el9"},
		"without sources": {map[rpmdb.Tag]any{rpmdb.SourceRPM: "shell-5.2-1.el9.nosrc.rpm"}, "bash 5.1.8-6.el9 x86_64 from shell 5.2-1.el9"},
		"an epoch": {map[rpmdb.Tag]any{rpmdb.Epoch: []uint32{2}, rpmdb.SourceRPM: "shell-5.2-1.el9.src.rpm"},
			"bash 2:5.1.8-6.el9 x86_64 from shell 2:5.2-1.el9"},
		"an epoch of zero":            {map[rpmdb.Tag]any{rpmdb.Epoch: []uint32{0}}, "bash 0:5.1.8-6.el9 x86_64 from bash 0:5.1.8-6.el9"},
		"an epoch of nothing":         {map[rpmdb.Tag]any{rpmdb.Epoch: []uint32{}}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a source that is no package": {map[rpmdb.Tag]any{rpmdb.SourceRPM: "shell.src.rpm"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a source with one dash":      {map[rpmdb.Tag]any{rpmdb.SourceRPM: "shell-5.2.src.rpm"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"no source":                   {map[rpmdb.Tag]any{rpmdb.SourceRPM: "(none)"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"another file": {map[rpmdb.Tag]any{rpmdb.SourceRPM: "shell-5.2-1.el9.rpm"},
			"bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a module": {map[rpmdb.Tag]any{rpmdb.ModularityLabel: "nodejs:18:9020230301:rhel9"},
			"bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9 module nodejs:18"},
		"a module's stream": {map[rpmdb.Tag]any{rpmdb.ModularityLabel: "nodejs:18"},
			"bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9 module nodejs:18"},
		"no module":           {map[rpmdb.Tag]any{rpmdb.ModularityLabel: "nodejs"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a module of nothing": {map[rpmdb.Tag]any{rpmdb.ModularityLabel: ":18"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a vendor and a licence": {map[rpmdb.Tag]any{rpmdb.Vendor: "AlmaLinux", rpmdb.License: "GPLv3+"},
			"bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9 by AlmaLinux [GPLv3+]"},
		"no vendor": {map[rpmdb.Tag]any{rpmdb.Vendor: "(none)"}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"relations": {map[rpmdb.Tag]any{rpmdb.RequireName: []string{"libc.so.6", "/bin/sh"}, rpmdb.ProvideName: []string{"bash", "sh"}},
			"bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9 needs libc.so.6 /bin/sh provides bash sh"},
		"relations that are none": {map[rpmdb.Tag]any{rpmdb.RequireName: []uint32{1}}, "bash 5.1.8-6.el9 x86_64 from bash 5.1.8-6.el9"},
		"a key, and no package":   {map[rpmdb.Tag]any{rpmdb.Name: "gpg-pubkey"}, ""},
		"without a name":          {map[rpmdb.Tag]any{rpmdb.Name: ""}, "gap malformed"},
		"without a version":       {map[rpmdb.Tag]any{rpmdb.Version: ""}, "gap malformed"},
		"without a release":       {map[rpmdb.Tag]any{rpmdb.Release: ""}, "gap malformed"},
		"files that are none":     {map[rpmdb.Tag]any{rpmdb.BaseNames: []uint32{1}}, "gap malformed"},
		"files in no folder": {map[rpmdb.Tag]any{rpmdb.BaseNames: []string{"a"}, rpmdb.DirNames: []string{"/"},
			rpmdb.DirIndexes: []uint32{1}}, "gap malformed"},
		"more files than folders": {map[rpmdb.Tag]any{rpmdb.BaseNames: []string{"a", "b"}, rpmdb.DirNames: []string{"/"},
			rpmdb.DirIndexes: []uint32{0}}, "gap malformed"},
		"folders that are none": {map[rpmdb.Tag]any{rpmdb.BaseNames: []string{"a"}, rpmdb.DirNames: []uint32{1}}, "gap malformed"},
		"indexes that are none": {map[rpmdb.Tag]any{rpmdb.BaseNames: []string{"a"}, rpmdb.DirNames: []string{"/"}, rpmdb.DirIndexes: "x"},
			"gap malformed"},
		"digests that are none":    {map[rpmdb.Tag]any{rpmdb.OldFileNames: []string{"/a"}, rpmdb.FileDigests: []uint32{1}}, "gap malformed"},
		"file flags that are none": {map[rpmdb.Tag]any{rpmdb.OldFileNames: []string{"/a"}, rpmdb.FileFlags: "x"}, "gap malformed"},
	} {
		ev := inspectRPM(t, c.values)
		got := ""
		for _, p := range ev.Packages {
			got = fmt.Sprintf("%s %s %s from %s %s", p.Name, p.Version, p.Arch, p.Source.Name, p.Source.Version)
			for _, x := range [][2]string{{" module ", string(p.Module)}, {" by ", string(p.Vendor)},
				{" needs ", strings.ReplaceAll(p.Depends, "\n", " ")}, {" provides ", strings.ReplaceAll(p.Provides, "\n", " ")}} {
				if x[1] != "" {
					got += x[0] + x[1]
				}
			}
			if len(p.Licenses) > 0 {
				got += fmt.Sprint(" ", p.Licenses)
			}
		}
		for _, g := range ev.Gaps {
			got += "gap " + string(g.Kind)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A file has the checksum that its package recorded, by the algorithm that the package names. Configuration has none, because it is there
// to be changed, and ghosts are no files of the package: a checksum of theirs would make somebody else's file the package's own.
func TestRPMFiles(t *testing.T) {
	files := map[rpmdb.Tag]any{
		rpmdb.BaseNames: []string{"sh", "bash.conf", "log", "none", "", "late"}, rpmdb.DirIndexes: []uint32{0, 1, 1, 0, 2, 0},
		rpmdb.DirNames: []string{"/usr/bin/", "/etc/", "/"}, rpmdb.FileDigests: []string{"AB", "cd", "ef", "", "01", "02"},
		rpmdb.FileFlags: []uint32{0, rpmConfig, rpmGhost, 0, 0},
	}
	for name, c := range map[string]struct {
		algorithm any
		prefix    string
	}{
		"none named": {nil, "md5:"}, "MD5": {[]uint32{1}, "md5:"}, "SHA-1": {[]uint32{2}, "sha1:"}, "SHA-256": {[]uint32{8}, "sha256:"},
		"an unknown one": {[]uint32{10}, ""}, "nothing": {[]uint32{}, "md5:"},
	} {
		values := map[rpmdb.Tag]any{}
		for tag, v := range files {
			values[tag] = v
		}
		if c.algorithm != nil {
			values[rpmdb.FileDigestAlgo] = c.algorithm
		}
		sum := func(hex string) string {
			if c.prefix == "" {
				return ""
			}
			return c.prefix + hex
		}
		want := []engine.Owned{{Type: "rpm", Package: "bash", Arch: "x86_64", Files: []engine.OwnedFile{
			{Path: "usr/bin/sh", Sum: sum("ab")}, {Path: "etc/bash.conf"}, {Path: "usr/bin/none"}, {Path: "usr/bin/late", Sum: sum("02")},
		}}}
		if diff := cmp.Diff(want, inspectRPM(t, values).Owned); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	old := inspectRPM(t, map[rpmdb.Tag]any{rpmdb.OldFileNames: []string{"/a", "/b/c"}, rpmdb.FileDigests: []string{"01"}})
	want := []engine.OwnedFile{{Path: "a", Sum: "md5:01"}, {Path: "b/c"}}
	if diff := cmp.Diff(want, old.Owned[0].Files); diff != "" {
		t.Errorf("a package of rpm before 4 (-want +got):\n%s", diff)
	}
}

// A database that cannot be judged is an error, and one with a package that cannot be read has a gap and the others.
func TestRPMDatabases(t *testing.T) {
	good := rpmHeader(map[rpmdb.Tag]any{rpmdb.Name: "a", rpmdb.Version: "1", rpmdb.Release: "2"})
	for name, c := range map[string]struct{ path, body, want string }{
		"a damaged package": {"var/lib/rpm/Packages.db", rpmDatabase(good, good[:len(good)-1], good),
			" a 1-2,  a 1-2, gap malformed"},
		"empty":                       {"var/lib/rpm/Packages.db", "", "error"},
		"changes beside the database": {"var/lib/rpm/rpmdb.sqlite-wal", "x", "error"},
		"more faults than are listed": {"var/lib/rpm/Packages.db", rpmDatabase(slices.Repeat([][]byte{{0}}, engine.MaxGaps+1)...),
			strings.Repeat("gap malformed, ", engine.MaxGaps) + "limit"},
	} {
		ev, err := rpm{}.Inspect(t.Context(), fileAt(c.path, []byte(c.body)))
		if got := evidenceLine(ev, err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for p, want := range map[string]bool{
		"var/lib/rpm/Packages": true, "var/lib/rpm/Packages.db": true, "var/lib/rpm/rpmdb.sqlite": true,
		"usr/lib/sysimage/rpm/rpmdb.sqlite": true,
		"usr/share/rpm/rpmdb.sqlite":        true, "var/lib/rpm/rpmdb.sqlite-wal": true, "srv/rpm/Packages": false, "var/lib/rpm/Name": false,
		"Packages":                 false,
		"var/lib/rpm/sub/Packages": false,
	} {
		if got := (rpm{}).Wants(p, 0o644, 1); got != want {
			t.Errorf("%s: %v", p, got)
		}
	}
	if (rpm{}).Wants("var/lib/rpm/rpmdb.sqlite-wal", 0o644, 0) {
		t.Error("an empty file of changes is wanted")
	}
}

// Lines of the manifest that images have in place of rpm's database: a line that is no package is a gap, a blank one nothing.
func TestRPMManifest(t *testing.T) {
	line := func(fields ...string) string { return strings.Join(fields, "\t") + "\n" }
	good := line("bash", "5.1-1.cm2", "1", "2", "Microsoft", "(none)", "3", "x86_64", "0", "shell-5.1-1.cm2.src.rpm")
	for name, c := range map[string]struct{ body, want string }{
		"a package":           {good, " bash 5.1-1.cm2"},
		"with a blank line":   {good + "\n  \n" + strings.TrimSuffix(good, "\n") + "\r\n", " bash 5.1-1.cm2,  bash 5.1-1.cm2"},
		"an epoch":            {strings.Replace(good, "\t0\t", "\t2\t", 1), " bash 2:5.1-1.cm2"},
		"no epoch":            {strings.Replace(good, "\t0\t", "\t(none)\t", 1), " bash 5.1-1.cm2"},
		"an empty epoch":      {strings.Replace(good, "\t0\t", "\t\t", 1), " bash 5.1-1.cm2"},
		"a field less":        {strings.Replace(good, "\t3\t", "\t", 1) + good, " bash 5.1-1.cm2, gap malformed"},
		"no name":             {strings.Replace(good, "bash", "", 1), "gap malformed"},
		"no release":          {strings.Replace(good, "5.1-1.cm2", "5.1", 1), "gap malformed"},
		"a last line cut off": {good + "curl\t7", " bash 5.1-1.cm2, gap malformed"},
		"too many faults":     {strings.Repeat("x\n", engine.MaxGaps+1), strings.Repeat("gap malformed, ", engine.MaxGaps) + "limit"},
	} {
		ev, err := rpmManifest{}.Inspect(t.Context(), fileAt("var/lib/rpmmanifest/container-manifest-2", []byte(c.body)))
		if got := evidenceLine(ev, err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for _, p := range ev.Packages {
			if p.Source.Name != "shell" || p.Arch != "x86_64" || p.Vendor != "Microsoft" {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}
