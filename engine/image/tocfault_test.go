package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// threeFiles have a table whose entries the faults below change: two chunks, one chunk, one chunk.
func threeFiles() []imagetest.Entry {
	return []imagetest.Entry{{Path: "srv/big", Body: grain(3, 1500)}, imagetest.File("srv/a", "first"), imagetest.File("srv/b", "second"),
		imagetest.Dir("srv/c")}
}

// table is a table as JSON values.
type table struct {
	Version int              `json:"version"`
	Entries []map[string]any `json:"entries"`
}

// A table that contradicts itself is an error, whether or not anybody wants what is wrong with it, and says what to do.
func TestTOCFaults(t *testing.T) {
	set := func(i int, key string, v any) func(*table) {
		return func(x *table) { x.Entries[i][key] = v }
	}
	drop := func(i int, keys ...string) func(*table) {
		return func(x *table) {
			for _, k := range keys {
				delete(x.Entries[i], k)
			}
		}
	}
	other := "sha256:" + strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		edit func(*table)
		says string
	}{
		"no digest of a chunk":     {drop(1, "chunkDigest"), "has no digest"},
		"no digest at all":         {drop(2, "chunkDigest", "digest"), "has no digest"},
		"a digest of another kind": {set(1, "chunkDigest", "sha512:"+strings.Repeat("0", 128)), "no sha256 digest"},
		"a digest in capitals":     {set(1, "chunkDigest", "sha256:"+strings.Repeat("A", 64)), "no sha256 digest"},
		"a digest that is none":    {set(2, "digest", "sha256:"+strings.Repeat("x", 64)), "invalid byte"},
		"one chunk, two digests":   {set(2, "digest", other), "has another digest"},
		"a file that is too long": {func(x *table) { x.Entries[0]["size"], x.Entries[1]["chunkSize"] = 1501, 500 },
			"have 1500 bytes together"},
		"a file that is too short": {func(x *table) { x.Entries[0]["size"], x.Entries[1]["chunkSize"] = 1499, 500 }, "and the file 499"},
		"a chunk that is too long": {set(0, "chunkSize", 1501), "and the file"},
		"a hole between chunks":    {set(1, "chunkOffset", 1001), "begins at byte 1001"},
		"a chunk twice":            {func(x *table) { x.Entries = append(x.Entries[:2:2], x.Entries[1:]...) }, "begins at byte 1000"},
		"a chunk of no file":       {func(x *table) { x.Entries = x.Entries[1:] }, "chunk of no file"},
		"a chunk of a directory": {func(x *table) { x.Entries = append(x.Entries, x.Entries[1]); delete(x.Entries[1], "name") },
			"only files have chunks"},
		"a chunk of another file":     {set(1, "name", "srv/b"), "of \"srv/b\""},
		"chunks that miss":            {func(x *table) { x.Entries = append(x.Entries[:1:1], x.Entries[2:]...) }, "have 1000 bytes together"},
		"chunks of an unknown type":   {set(1, "chunkType", "ones"), "unknown type"},
		"an entry of an unknown type": {set(3, "type", "socket"), "unknown type"},
		"a negative size":             {set(3, "size", -1), "the size -1"},
		"a negative chunk":            {set(0, "chunkSize", -5), "has -5 bytes"},
		"a negative place":            {set(2, "offset", -1), "byte -1 of the blob"},
		"a negative inner place":      {set(2, "innerOffset", -1), "at byte -1"},
		"a negative end":              {set(0, "endOffset", -1), "reaches from"},
		"a negative user":             {set(3, "uid", -1), "the user -1"},
		"a group of 33 bits":          {set(3, "gid", 1<<32), "the group 4294967296"},
		"no place":                    {drop(2, "offset"), "byte 0 of the blob"},
		"a place behind the content":  {set(2, "offset", 1<<40), "what follows begins"},
		"the place of another":        {func(x *table) { x.Entries[2]["offset"] = x.Entries[3]["offset"] }, "lie on each other"},
		"an end behind the next":      {set(2, "endOffset", 1<<40), "what follows begins"},
		"an end before the beginning": {set(2, "endOffset", 1), "what follows begins"},
		"a huge file":                 {set(3, "size", 1<<60), "inflated size of one layer"},
		"huge files": {func(x *table) {
			for _, e := range x.Entries[2:4] {
				e["size"], e["chunkSize"] = 200<<30, 200<<30
			}
		}, "inflated size of one layer"},
		"dots in a name": {set(2, "name", "srv/../etc/passwd"), "\"..\""},
		"dots in a target": {func(x *table) { x.Entries[3] = map[string]any{"type": "hardlink", "name": "x", "linkName": "../y"} },
			"\"..\""},
		"a NUL in a name": {set(2, "name", "srv/a\x00.txt"), "NUL"},
		"a NUL in a target": {func(x *table) {
			x.Entries[3] = map[string]any{"type": "symlink", "name": "x",
				"linkName": "a\x00b"}
		}, "NUL"},
		"a path that is too long":       {set(2, "name", strings.Repeat("x", 5000)), "length of a path"},
		"a path that is too deep":       {set(2, "name", strings.Repeat("x/", 600)), "depth of a path"},
		"a file as the root":            {set(2, "name", "/"), "root directory"},
		"a number that is none":         {set(2, "size", "5"), "whole number"},
		"half a byte":                   {set(2, "size", 4.5), "whole number"},
		"a number of 65 bits":           {set(2, "size", json.Number("18446744073709551615")), "whole number"},
		"a name that is none":           {set(2, "name", 5), "a string"},
		"the other case":                {set(2, "Name", "srv/z"), "some readers take"},
		"JSON that is too deep":         {set(2, "xattrs", json.RawMessage(strings.Repeat("[", 200)+strings.Repeat("]", 200))), "depth of JSON"},
		"a key that stands twice":       {set(2, "xattrs", json.RawMessage(`{"a":1,"b":2,"a":3}`)), "stands twice"},
		"the key of a value in an list": {set(2, "xattrs", json.RawMessage(`[{"a":{}},{"a":1,"a":1}]`)), "stands twice"},
		"entries that are none":         {func(x *table) { x.Version, x.Entries = 1, []map[string]any{nil} }, "an object"},
	} {
		for _, kind := range []imagetest.Compression{imagetest.EStargz, imagetest.ZstdChunked} {
			t.Run(fmt.Sprintf("%s/%s", name, kind), func(t *testing.T) {
				s := newRanged(t)
				s.pack(imagetest.Image{Compression: kind, Layers: []imagetest.Layer{{Entries: threeFiles()}},
					TOC: imagetest.TOC{ChunkSize: 1000, Edit: func(b []byte) []byte {
						var x table
						if err := json.Unmarshal(b, &x); err != nil {
							t.Fatal(err)
						}
						c.edit(&x)
						b, err := json.Marshal(x)
						if err != nil {
							t.Fatal(err)
						}
						return b
					}}})
				got, _, err := look(t, s.open(true), func(engine.Entry) bool { return false })
				if err == nil || got != nil {
					t.Fatalf("%d entries and %v", len(got), err)
				}
				p := engine.ProblemOf(err)
				if !strings.Contains(p.What, c.says) || !strings.Contains(string(p.Hint), "without --toc") {
					t.Errorf("%q, hint %q, want %q", p.What, p.Hint, c.says)
				}
				if _, _, err := look(t, s.open(false), all); err != nil {
					t.Errorf("the layer itself: %v", err)
				}
			})
		}
	}
}

// What leads to a table, or holds it, may be forged or damaged too.
func TestTOCForged(t *testing.T) {
	flip := func(at func(blob []byte) int) func(p *imagetest.Packed) {
		return func(p *imagetest.Packed) { p.Layers[0][at(p.Layers[0])] ^= 0x01 }
	}
	manifest := func(expression, now string) func(p *imagetest.Packed) {
		return func(p *imagetest.Packed) {
			p.Manifest = regexp.MustCompile(expression).ReplaceAll(p.Manifest, []byte(now))
		}
	}
	before := func(word string, n int) func([]byte) int {
		return func(b []byte) int { return bytes.LastIndex(b, []byte(word)) - n }
	}
	zeros := strings.Repeat("0", 64)
	const position = `manifest-position":"(\d+):(\d+):(\d+):1"`
	for name, c := range map[string]struct {
		kind  imagetest.Compression
		forge func(p *imagetest.Packed)
		says  string
	}{
		"eStargz, another digest": {imagetest.EStargz, manifest(`toc.digest":"sha256:[0-9a-f]+`, `toc.digest":"sha256:`+zeros),
			"has the digest"},
		"eStargz, a digest that is none": {imagetest.EStargz, manifest(`toc.digest":"sha256:[0-9a-f]+`, `toc.digest":"md5:0`),
			"neither sha256 nor sha512"},
		"eStargz, a damaged table": {imagetest.EStargz, flip(before("SG\x16\x00", 60)), "table of contents"},
		"eStargz, a table in the files": {imagetest.EStargz, func(p *imagetest.Packed) {
			b := p.Layers[0]
			copy(b[before("STARGZ", 16)(b):], "0000000000000200")
		}, "gzip"},
		"eStargz, a table behind it all": {imagetest.EStargz, func(p *imagetest.Packed) {
			b := p.Layers[0]
			copy(b[before("STARGZ", 16)(b):], "0000000fffffffff")
		}, "begins at byte"},
		"zstd, another digest": {imagetest.ZstdChunked,
			manifest(`manifest-checksum":"sha256:[0-9a-f]+`, `manifest-checksum":"sha256:`+zeros), "has the digest"},
		"zstd, a damaged table": {imagetest.ZstdChunked, flip(before("GNUlInUx", 100)), "has the digest"},
		"zstd, another place":   {imagetest.ZstdChunked, manifest(position, `manifest-position":"9:$2:$3:1"`), "has the digest"},
		"zstd, a place behind it all": {imagetest.ZstdChunked, manifest(position, `manifest-position":"99999999:$2:$3:1"`),
			"not inside of the blob"},
		"zstd, a place of no bytes": {imagetest.ZstdChunked, manifest(position, `manifest-position":"$1:0:$3:1"`), "has the digest"},
		"zstd, a negative place":    {imagetest.ZstdChunked, manifest(position, `manifest-position":"-$1:$2:$3:1"`), "the annotation says"},
		"zstd, a huge place": {imagetest.ZstdChunked, manifest(position, `manifest-position":"$1:99999999999999999999:$3:1"`),
			"the annotation says"},
		"zstd, three numbers": {imagetest.ZstdChunked, manifest(position, `manifest-position":"$1:$2:1"`), "the annotation says"},
		"zstd, too short":     {imagetest.ZstdChunked, manifest(position, `manifest-position":"$1:$2:${3}0:1"`), "another length"},
		"zstd, too long":      {imagetest.ZstdChunked, manifest(position, `manifest-position":"$1:$2:5:1"`), "another length"},
		"zstd, no JSON":       {imagetest.ZstdChunked, nil, "not JSON"},
		"eStargz, no JSON":    {imagetest.EStargz, nil, "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRanged(t)
			m := imagetest.Image{Compression: c.kind, Layers: []imagetest.Layer{{Entries: threeFiles()}}}
			if c.forge == nil {
				m.TOC.Edit = func(b []byte) []byte { return b[:len(b)-3] }
			}
			p := s.pack(m)
			if c.forge != nil {
				c.forge(p)
				s.put(p)
			}
			got, _, err := look(t, s.open(true), all)
			if err == nil || got != nil {
				t.Fatalf("%d entries and %v", len(got), err)
			}
			if p := engine.ProblemOf(err); !strings.Contains(p.What, c.says) || !strings.Contains(string(p.Hint), "without --toc") {
				t.Errorf("%q, hint %q, want %q", p.What, p.Hint, c.says)
			}
		})
	}
}

// Whatever a registry sends in place of a chunk ends the walk, also when whoever read the file took it for the file's own fault.
func TestTOCChunkSwapped(t *testing.T) {
	for _, c := range packings() {
		t.Run(c.name, func(t *testing.T) {
			s := newRanged(t)
			body := grain(7, 40_000)
			p := s.pack(imagetest.Image{Compression: c.c, TOC: c.o, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
				{Path: "srv/a", Body: grain(8, 20_000)}, {Path: "srv/big", Body: body}, imagetest.File("srv/z", "last")}}}})
			blob := p.Layers[0]
			for at := 25_000; at < 55_000; at += 1977 { // inside of what is packed of srv/big
				blob[at] ^= 0x10
				s.put(p)
				got, _, err := look(t, s.open(true), func(e engine.Entry) bool { return e.Path == "srv/big" })
				intact := err == nil && len(got) > 2 && got[1].Body == string(body) // a date in a gzip header
				if !intact && (err == nil || len(got) != 2 || !strings.Contains(got[1].Body, "error") || !strings.Contains(err.Error(), "srv/big")) {
					t.Fatalf("byte %d: %d entries, %v", at, len(got), err)
				}
				blob[at] ^= 0x10
			}
		})
	}
}

// The digest of a whole file is checked when its chunks have all been read.
func TestTOCWholeDigest(t *testing.T) {
	s := newRanged(t)
	s.pack(imagetest.Image{Compression: imagetest.ZstdChunked, Layers: []imagetest.Layer{{Entries: threeFiles()}},
		TOC: imagetest.TOC{ChunkSize: 1000, Edit: func(b []byte) []byte {
			return bytes.Replace(b, []byte(imagetest.Digest(grain(3, 1500))), []byte("sha256:"+strings.Repeat("0", 64)), 1)
		}}})
	if got, _, err := look(t, s.open(true), all); err == nil || !strings.Contains(err.Error(), "the whole file has not") || len(got) != 1 {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

// Zeros that a table tells of need not be stored; what is too large to be verified in memory is a limit of the file, not of the scan.
func TestTOCZerosAndLimits(t *testing.T) {
	s := newRanged(t)
	hole := make([]byte, 4096)
	huge := make([]byte, engine.MaxTOCChunk+1)
	s.pack(imagetest.Image{Compression: imagetest.ZstdChunked, Layers: []imagetest.Layer{{Entries: threeFiles()}},
		TOC: imagetest.TOC{Edit: func(b []byte) []byte {
			var x table
			if err := json.Unmarshal(b, &x); err != nil {
				t.Fatal(err)
			}
			for name, body := range map[string][]byte{"hole": hole, "huge": huge} {
				x.Entries = append(x.Entries, map[string]any{"type": "reg", "name": name, "size": len(body), "chunkType": "zeros",
					"digest": imagetest.Digest(body)})
			}
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}}})
	got, _, err := look(t, s.open(true), all)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, g := range got {
		seen[g.Entry.Path] = g.Body
	}
	if seen["hole"] != string(hole) || !strings.Contains(seen["huge"], "over the limit") {
		t.Errorf("the hole has %d bytes; huge: %.80q", len(seen["hole"]), seen["huge"])
	}
}

// A request that fails ends the walk, whichever it is.
func TestTOCRequestFails(t *testing.T) {
	entries := append(every(), imagetest.Entry{Path: "srv/big", Body: grain(20, 400_000)},
		imagetest.Entry{Path: "srv/bulk", Body: grain(21, 400_000)},
		imagetest.Entry{Path: "srv/end", Body: grain(22, 200_000)})
	for _, c := range packings() {
		t.Run(c.name, func(t *testing.T) {
			s := newRanged(t)
			s.pack(imagetest.Image{Compression: c.c, TOC: c.o, Layers: []imagetest.Layer{{Entries: entries}}})
			want := func(e engine.Entry) bool { return e.Path != "srv/bulk" }
			l := s.open(true)
			s.asked = 0
			if _, _, err := look(t, l, want); err != nil || s.asked < 3 {
				t.Fatalf("%d requests, %v", s.asked, err)
			}
			for n := range s.asked {
				l := s.open(true)
				s.left = n + 1
				if got, _, err := look(t, l, want); err == nil || len(got) > len(entries) || !strings.Contains(err.Error(), "404") {
					t.Errorf("request %d fails: %d entries, %v", n+1, len(got), err)
				}
				s.left = 0
			}
		})
	}
}

// stargz-snapshotter names two digests, under a prefix of its own: both must hold.
func TestTOCBothDigests(t *testing.T) {
	var plain []byte
	for name, says := range map[string]string{"right": "", "wrong": "has the digest"} {
		s := newRanged(t)
		p := s.pack(imagetest.Image{Compression: imagetest.ZstdChunked, Layers: []imagetest.Layer{{Entries: threeFiles()}},
			TOC: imagetest.TOC{Edit: func(b []byte) []byte {
				plain = b
				return b
			}}})
		if name == "wrong" {
			plain = nil
		}
		p.Manifest = bytes.ReplaceAll(p.Manifest, []byte("io.github.containers."), []byte("io.containers."))
		p.Manifest = bytes.Replace(p.Manifest, []byte(`"annotations":{`),
			[]byte(`"annotations":{"containerd.io/snapshot/stargz/toc.digest":"`+imagetest.Digest(plain)+`",`), 1)
		s.put(p)
		l := s.open(true)
		got, _, err := look(t, l, all)
		switch {
		case says == "" && (err != nil || len(got) != 4 || len(gaps(t, l)) != 1):
			t.Errorf("%s: %d entries, %v", name, len(got), err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The walk ends as its caller wants, and with its context.
func TestTOCEnds(t *testing.T) {
	s := newRanged(t)
	s.pack(imagetest.Image{Compression: imagetest.EStargz, Layers: []imagetest.Layer{{Entries: threeFiles()}}})
	l, enough, n := s.open(true), errors.New("enough"), 0
	if _, err := l.Walk(t.Context(), func(*engine.File) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.Walk(ctx, func(*engine.File) error { n++; cancel(); return nil }); !errors.Is(err, context.Canceled) || n != 2 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// A table says what its maker wants: it may leave out what the tar holds, or say that a program is another. That is why what is read by
// it is only claimed, and a gap.
func TestTOCDisagrees(t *testing.T) {
	for _, c := range []imagetest.Compression{imagetest.EStargz, imagetest.ZstdChunked} {
		s := newRanged(t)
		forge := func(b []byte) []byte {
			var toc struct {
				Version int              `json:"version"`
				Entries []map[string]any `json:"entries"`
			}
			if err := json.Unmarshal(b, &toc); err != nil {
				t.Fatal(err)
			}
			good := toc.Entries[1]
			good["name"] = "srv/bad" // the innocent file's body, under the name of the other
			toc.Entries = []map[string]any{good}
			b, err := json.Marshal(toc)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		s.pack(imagetest.Image{Compression: c, TOC: imagetest.TOC{Edit: forge}, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{
			imagetest.File("srv/bad", "malware"), imagetest.File("srv/good", "nothing to see")}}}})
		seen := map[bool]string{}
		for _, toc := range []bool{false, true} {
			l := s.open(toc)
			got, v, err := look(t, l, all)
			if err != nil || (v == engine.VerifiedContent) == toc || (len(gaps(t, l)) == 1) != toc {
				t.Errorf("%s, by its table %v: %s, %v", c, toc, v, err)
			}
			for _, g := range got {
				if g.Entry.Path == "srv/bad" {
					seen[toc] = g.Body
				}
			}
		}
		if seen[false] != "malware" || seen[true] != "nothing to see" {
			t.Errorf("%s: %v", c, seen)
		}
	}
}
