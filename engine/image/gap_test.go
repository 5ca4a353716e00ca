package image_test

import (
	"archive/tar"
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// gapLayer has an entry of each kind that a walk leaves out, between two that it shows.
func gapLayer(t testing.TB) []byte {
	return mustTar(t, imagetest.File("first", "1"),
		imagetest.File(strings.Repeat("x", engine.MaxPath+1), "y"),
		imagetest.File(strings.Repeat("x/", engine.MaxDepth)+"x", "y"),
		imagetest.Symlink("long", strings.Repeat("x", engine.MaxPath+1)),
		imagetest.Hardlink("hard", strings.Repeat("x/", engine.MaxDepth)+"x"),
		imagetest.Entry{Path: "owner", UID: math.MaxUint32 + 1},
		imagetest.Entry{Path: "group", GID: -2},
		imagetest.File("last", "2"))
}

func TestGaps(t *testing.T) {
	want := []string{"length of a path", "depth of a path", "length of the link's target", "depth of a path", "number of the user",
		"user 0 and the group -2"}
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		archive := saved(t, imagetest.Image{Compression: c, Layers: []imagetest.Layer{{Tar: gapLayer(t)}}}, legacy)
		m, err := opened(t.Context(), "-", image.Options{Stdin: bytes.NewReader(archive)})
		if err != nil {
			t.Fatal(err)
		}
		var paths, gaps []string
		if _, err := m.Layers()[0].Walk(t.Context(), func(f *engine.File) error {
			if err := f.Err(); err != nil {
				gaps = append(gaps, err.Error())
				if len(f.Path) > 200 {
					t.Errorf("a path of %d bytes", len(f.Path))
				}
				return nil
			}
			paths = append(paths, f.Path)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Join(paths, " ") != "first last" || len(gaps) != len(want) {
			t.Fatalf("%v, and left out %q", paths, gaps)
		}
		for i, w := range want {
			if !strings.Contains(gaps[i], w) {
				t.Errorf("%q, want %q", gaps[i], w)
			}
		}
	}
}

// Headers that the standard library's writer does not write.
func TestOddHeaders(t *testing.T) {
	base256 := func(field []byte, negative bool, last byte) {
		clear(field)
		field[0] = 0x80
		if negative {
			for i := range field {
				field[i] = 0xff
			}
		}
		field[len(field)-1] = last
	}
	sum := func(h []byte) {
		copy(h[148:156], "        ")
		n := 0
		for _, c := range h[:512] {
			n += int(c)
		}
		copy(h[148:156], []byte{'0' + byte(n>>15&7), '0' + byte(n>>12&7), '0' + byte(n>>9&7), '0' + byte(n>>6&7), '0' + byte(n>>3&7),
			'0' + byte(n&7), 0, ' '})
	}
	for name, change := range map[string]func(h []byte){
		"negative size":     func(h []byte) { base256(h[124:136], true, 0xf0); sum(h) },
		"overflowing size":  func(h []byte) { base256(h[124:136], false, 1); h[125] = 0x7f; sum(h) },
		"size of 8 EB":      func(h []byte) { base256(h[124:136], false, 0xff); h[128] = 0x7f; sum(h) },
		"wrong checksum":    func(h []byte) { h[150] ^= 1 },
		"unknown type":      func(h []byte) { h[156] = 'Z'; sum(h) },
		"a type of NUL dir": func(h []byte) { h[156] = tar.TypeXHeader; sum(h) },
	} {
		layer := mustTar(t, imagetest.File("a", "b"), imagetest.File("c", "d"))
		change(layer[1024:1536])
		for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip} {
			archive := saved(t, imagetest.Image{Compression: c, Layers: []imagetest.Layer{{Tar: layer}}}, legacy)
			if err := openAndWalk("-", image.Options{Stdin: bytes.NewReader(archive)}); err == nil {
				t.Errorf("%s, %q: no error", name, c)
			}
		}
	}
}
