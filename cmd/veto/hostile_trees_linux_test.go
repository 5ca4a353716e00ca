package main

import (
	"archive/tar"
	"fmt"
	"math"
	"strings"

	"github.com/vetoci/veto/engine"
)

// hostileTrees are images whose entries hurt.
func hostileTrees(canary string) []hostile {
	type add = func(tar.Header, []byte)
	many := func(n int, each func(i int) (tar.Header, []byte)) func(add) {
		return func(put add) {
			for i := range n {
				put(each(i))
			}
		}
	}
	file := func(name, body string) func(add) {
		return func(put add) { put(tar.Header{Name: name}, []byte(body)) }
	}
	link := func(links ...string) func(add) {
		return func(put add) {
			for i := 0; i < len(links); i += 2 {
				put(tar.Header{Name: links[i], Typeflag: tar.TypeSymlink, Linkname: links[i+1]}, nil)
			}
		}
	}
	hard := func(name, to string) func(add) {
		return func(put add) { put(tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}, nil) }
	}
	special := func(name string, typ byte) func(add) {
		return func(put add) { put(tar.Header{Name: name, Typeflag: typ}, nil) }
	}
	chain := func(n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("l%d", i), fmt.Sprintf("l%d", i+1))
		}
		return append(out, "var/lib/dpkg/status", "/l0")
	}
	incomplete := "assessment-incomplete"
	long := strings.Repeat("directory-with-a-long-name/", 5)
	header := func(prefix string) func(i int) (tar.Header, []byte) {
		return func(i int) (tar.Header, []byte) {
			return tar.Header{Name: fmt.Sprintf("%sd%d/file-%d", prefix, i%5000, i)}, nil
		}
	}
	status := func(i int) string {
		return fmt.Sprintf("Package: p%d\nStatus: install ok installed\nVersion: %d\n\n", i, i)
	}
	var out []hostile
	both := func(c hostile, write func(add)) {
		for _, pack := range []string{"", "gzip"} {
			d := c
			d.image = baseAndLayer(pack, write)
			if pack != "" {
				d.name += ", packed"
			}
			out = append(out, d)
		}
	}
	both(hostile{name: "as many entries as may be", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit, path: "opt/d"},
		many(engine.MaxEntries+1, header("opt/")))
	both(hostile{name: "entries with long paths", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit, path: "directory"},
		many(engine.MaxEntries, header(long)))
	both(hostile{name: "a path of 4,097 bytes", code: 1, says: incomplete, kind: engine.GapLimit, path: "xxx"},
		file(strings.Repeat("x", 4097), "x"))
	both(hostile{name: "a path 600 deep", code: 1, says: incomplete, kind: engine.GapLimit, path: "x/x/"},
		file(strings.Repeat("x/", 600)+"x", "x"))
	both(hostile{name: "a link with a long target", code: 1, says: incomplete, kind: engine.GapLimit, path: "l"},
		link("l", strings.Repeat("x", 4097)))
	both(hostile{name: "many gaps", code: 1, says: incomplete, kind: engine.GapLimit}, many(20_000, func(i int) (tar.Header, []byte) {
		return tar.Header{Name: strings.Repeat("x/", 600) + fmt.Sprint(i)}, nil
	}))
	both(hostile{name: "a user of 33 bits", code: 1, says: incomplete, kind: engine.GapLimit, path: "f"},
		func(put add) { put(tar.Header{Name: "f", Uid: math.MaxUint32 + 1}, nil) })
	both(hostile{name: "a large package.json", code: 1, says: incomplete, kind: engine.GapLimit, path: "node_modules/a/"},
		file("node_modules/a/package.json", `{"x":"`+strings.Repeat("x", engine.MaxMetadata)+`"}`))
	both(hostile{name: "a large dpkg status", code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/status"},
		file("var/lib/dpkg/status", strings.Repeat("Package: x\nStatus: install ok installed\nVersion: 1\n\n", engine.MaxPackageDB/50)))
	both(hostile{name: "a status of many packages", code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/status"},
		func(put add) {
			var b strings.Builder
			for i := range engine.MaxPackages + 1 {
				b.WriteString(status(i))
			}
			put(tar.Header{Name: "var/lib/dpkg/status"}, []byte(b.String()))
		})
	both(hostile{name: "a status of empty lines", code: 1, says: "DENIED"},
		file("var/lib/dpkg/status", strings.Repeat("\n", engine.MaxPackageDB)))
	both(hostile{name: "a status of malformed stanzas", code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/status"},
		file("var/lib/dpkg/status", strings.Repeat("x\n\n", engine.MaxPackageDB/3)))
	both(hostile{name: "a status with carriage returns", code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/status"},
		file("var/lib/dpkg/status", strings.Repeat("x\r\n\r\n", engine.MaxPackageDB/5)))
	both(hostile{name: "a list of too many files", code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/info/x.list"},
		file("var/lib/dpkg/info/x.list", strings.Repeat("/a\n", engine.MaxFileList/3)))
	both(hostile{name: "many lists of many files", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit, path: "var/lib/dpkg/info/"},
		many(20, func(i int) (tar.Header, []byte) {
			return tar.Header{Name: fmt.Sprintf("var/lib/dpkg/info/p%d.list", i)}, []byte(strings.Repeat("/usr/share/doc/something\n", 200_000))
		}))
	both(hostile{name: "many malformed package.json", heavy: true, code: 1, says: incomplete, kind: engine.GapMalformed,
		path: "node_modules/"}, many(150_000, func(i int) (tar.Header, []byte) {
		return tar.Header{Name: fmt.Sprintf("node_modules/a%d/package.json", i)}, []byte("{")
	}))
	both(hostile{name: "many packages", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit, path: "node_modules/"},
		many(150_000, func(i int) (tar.Header, []byte) {
			return tar.Header{Name: fmt.Sprintf("node_modules/a%d/package.json", i)}, fmt.Appendf(nil, `{"name":"a%d","version":"1"}`, i)
		}))
	both(hostile{name: "many directories that go away", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit,
		path: "opt/d"}, func(put add) {
		for i := range engine.MaxEntries {
			put(tar.Header{Name: fmt.Sprintf("opt/d%d", i), Typeflag: tar.TypeDir, Mode: 0o755}, nil)
		}
		put(tar.Header{Name: "opt/.wh..wh..opq"}, nil)
	})
	both(hostile{name: "many hard links", heavy: true, code: 1, says: incomplete, kind: engine.GapLimit, path: "opt/l"}, func(put add) {
		put(tar.Header{Name: "f"}, []byte("x"))
		for i := range engine.MaxEntries {
			put(tar.Header{Name: fmt.Sprintf("opt/link-%d", i), Typeflag: tar.TypeLink, Linkname: "f"}, nil)
		}
	})
	out = append(out, hostile{name: "many files that go away", heavy: true, code: 1, says: "DENIED", image: func(h *hostileDir) string {
		l := h.entries("gzip", func(put add) {
			for i := range engine.MaxImageEntries/2 - 5000 {
				put(tar.Header{Name: fmt.Sprintf("opt/d%d/f", i)}, nil)
			}
		})
		gone := h.entries("gzip", func(put add) { put(tar.Header{Name: ".wh.opt"}, nil); put(tar.Header{Name: ".wh.var"}, nil) })
		return h.save(h.base(), l, gone)
	}})
	both(hostile{name: "a package.json nested deep", code: 1, says: incomplete, kind: engine.GapLimit, path: "node_modules/a/"},
		file("node_modules/a/package.json", strings.Repeat("[", 1<<20)))
	both(hostile{name: "a chain of 41 links", code: 1, says: incomplete, kind: engine.GapUnreadable}, link(chain(41)...))
	both(hostile{name: "a circle of links", code: 1, says: incomplete, kind: engine.GapUnreadable},
		link("var/lib/dpkg/status", "a", "var/lib/dpkg/a", "b", "var/lib/dpkg/b", "a"))
	both(hostile{name: "a link to the host", code: 1, says: "DENIED"}, link("var/lib/dpkg/status", canary))
	both(hostile{name: "a link out of the image", code: 1, says: "DENIED"}, link("var/lib/dpkg/status", strings.Repeat("../", 40)+canary))
	both(hostile{name: "a link to the host's folder", code: 0, says: "PASS"},
		link("var/lib/dpkg/status.d", canary[:strings.LastIndexByte(canary, '/')]))
	both(hostile{name: "a hard link to nothing", code: 3, says: "does not exist"}, hard("var/lib/dpkg/status", canary))
	both(hostile{name: "a hard link out of the image", code: 3, says: `".."`}, hard("var/lib/dpkg/status", "../.."+canary))
	both(hostile{name: "an entry out of the image", code: 3, says: `".."`}, file("a/../../etc/passwd", "x"))
	both(hostile{name: "a status that is a device", code: 1, says: "DENIED"}, special("var/lib/dpkg/status", tar.TypeChar))
	both(hostile{name: "a status that is a pipe", code: 1, says: "DENIED"}, special("var/lib/dpkg/status", tar.TypeFifo))
	both(hostile{name: "a root that is a file", code: 3, says: "root directory"}, file(".", "x"))
	both(hostile{name: "a root that is a link", code: 3, says: "root directory"}, link("./", "/etc"))
	for name, word := range map[string]string{"a new line": "a\nb", "an escape": "a\x1b[2J\x1b]0;x\x07",
		"a workflow command": "a\n::error::pwned", "a right-to-left mark": "a\u202egnp.exe",
		"invalid UTF-8": "a\xff\xfe", "markup": "<script>alert(1)|`x`", "a CDATA end": "a]]>b"} {
		both(hostile{name: "a name with " + name, code: 1, says: incomplete, kind: engine.GapMalformed, path: "node_modules/"},
			many(2, func(i int) (tar.Header, []byte) {
				return tar.Header{Name: fmt.Sprintf("node_modules/%d%s/package.json", i, word)}, []byte("{\"" + word)
			}))
	}
	return out
}
