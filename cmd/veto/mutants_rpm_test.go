package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// TestMutantsOfRPM compares what rpm -qa prints with what veto sees.
func TestMutantsOfRPM(t *testing.T) {
	t.Parallel()
	m := newMutants(t, "rpm", "rpm", "python3")
	if os.Getuid() != 0 {
		t.Skip("rpm opens its database for writing")
	}
	databases := makeRPMDatabases(t, m)
	next := 0
	compareRoots(t, m, func(root string, _ bool) {
		dir := filepath.Join(root, one(m.rand, "var/lib/rpm", "usr/lib/sysimage/rpm"))
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(databases[next], dir); err != nil {
			t.Fatal(err)
		}
		next++
	}, func(root string) map[string]bool {
		out := map[string]bool{}
		for _, dir := range []string{"var/lib/rpm", "usr/lib/sysimage/rpm"} {
			if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
				continue
			}
			text, _ := exec.CommandContext(t.Context(), "rpm", "-qa", "--dbpath", filepath.Join(root, dir), // the test's own words
				"--qf", `%{NAME}\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n`).Output()
			for line := range strings.Lines(string(text)) {
				_, version, _ := strings.Cut(line, "\t")
				if epoch, _, ok := strings.Cut(version, ":"); ok && strings.Trim(epoch, "0123456789") != "" || strings.HasPrefix(version, ":") {
					continue // a text in place of the number, which has no order
				}
				out[strings.TrimSuffix(line, "\n")] = true
			}
		}
		return out
	}, func(p *engine.Package) string { return p.Name + "\t" + p.Version })
}

// rpmTag is one tag of a header: its number, type, how many values, and their bytes.
type rpmTag struct {
	tag, typ, count uint32
	data            []byte
}

// packHeader writes a header as rpm keeps it (RPM, "Package format", section "Header").
func packHeader(tags []rpmTag) []byte {
	var index, data []byte
	for _, t := range tags {
		for t.typ == 4 && len(data)%4 != 0 {
			data = append(data, 0)
		}
		for _, v := range []uint32{t.tag, t.typ, uint32(len(data)), t.count} { // small
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, t.data...)
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(tags)))                                    // small
	return append(append(binary.BigEndian.AppendUint32(out, uint32(len(data))), index...), data...) // small
}

// rpmHeader makes the header of a package, as rpm does or otherwise.
func rpmHeader(r *rand.Rand, n int, plain bool) []byte {
	text := func(tag uint32, s string) rpmTag { return rpmTag{tag, 6, 1, append([]byte(s), 0)} }
	number := func(tag, v uint32) rpmTag { return rpmTag{tag, 4, 1, binary.BigEndian.AppendUint32(nil, v)} }
	name := one(r, "bash", "openssl-libs", "zlib") + fmt.Sprint(n)
	epoch := uint32(r.IntN(3)) // small
	tags := []rpmTag{text(1000, name), text(1001, one(r, "5.1.8", "3.0.7")), text(1002, one(r, "6.el9", "1")), number(1003, epoch),
		text(1011, "AlmaLinux"), text(1014, "MIT"), text(1021, "linux"), text(1022, "x86_64"), text(1044, name+"-5.1.8-6.el9.src.rpm")}
	if !plain {
		for range r.IntN(4) {
			i := r.IntN(len(tags))
			switch r.IntN(7) {
			case 0:
				tags = append(tags[:i], tags[i+1:]...)
			case 1: // a text of each language
				tags[i].typ = 9
			case 2:
				tags[i].typ, tags[i].count, tags[i].data = 8, 2, append(append([]byte{}, tags[i].data...), []byte("other\x00")...)
			case 3:
				tags = append(tags, tags[i])
			case 4:
				tags = append(tags, text(5000+uint32(r.IntN(50)), strings.Repeat("x", r.IntN(9000)))) // small
			case 5:
				tags[i].tag = 1000 + uint32(r.IntN(60)) // small
			default:
				r.Shuffle(len(tags), func(a, b int) { tags[a], tags[b] = tags[b], tags[a] })
			}
			if len(tags) == 0 {
				break
			}
		}
	}
	return packHeader(tags)
}

// makeRPMDatabases makes databases by way of rpm and SQLite themselves, with what removed packages, odd pages and killed processes leave in
// them. It returns their folders; of four the first is as rpm leaves it.
func makeRPMDatabases(t *testing.T, m *mutants) []string {
	t.Helper()
	empty := t.TempDir()
	initdb := exec.CommandContext(t.Context(), "rpm", "--initdb", "--dbpath", empty) // the test's own words
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var folders []string
	var lines bytes.Buffer
	for i := range m.count {
		r, plain := m.rand, i%4 == 0
		dir := filepath.Join(m.dir, fmt.Sprint("db", i))
		want := map[string]any{"dir": dir, "page": 4096, "journal": "delete", "remove": []int{}, "keep": false}
		var headers []string
		for n := range 1 + r.IntN(6) {
			headers = append(headers, base64.StdEncoding.EncodeToString(rpmHeader(r, n, plain)))
		}
		want["headers"] = headers
		if !plain {
			want["page"] = one(r, 512, 1024, 4096, 65536)
			want["journal"] = one(r, "delete", "wal", "persist", "truncate")
			if often(r, 40) {
				want["remove"] = []int{1 + r.IntN(len(headers)), 1 + r.IntN(len(headers))}
			}
			want["keep"] = often(r, 25)
		}
		line, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
		folders = append(folders, dir)
	}
	cmd := exec.CommandContext(t.Context(), "python3", oracle(t, "rpm.py"), empty) // the test's own words
	cmd.Stdin = &lines
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return folders
}
