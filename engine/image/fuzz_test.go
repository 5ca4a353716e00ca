package image_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

func FuzzOpenArchive(f *testing.F) {
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		m := imagetest.Image{Name: "a:1", Compression: c, Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}}
		for _, write := range []func(*bytes.Buffer, imagetest.Image) error{legacy, current, ociTar} {
			f.Add(saved(f, m, write))
		}
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = openAndWalk("-", image.Options{Stdin: bytes.NewReader(b), Verify: true}) // must not panic or hang
	})
}

// FuzzLayer walks any bytes as a plain layer, by seeking and (as one whose digest is checked) as a stream inside gzip: both must
// see the same entries.
func FuzzLayer(f *testing.F) {
	f.Add(mustTar(f, imagetest.Dir("./"), imagetest.File("/etc/passwd", "root"), imagetest.Symlink("lib", "usr/lib"),
		imagetest.Hardlink("a", "./etc/passwd")))
	f.Add(mustTar(f, imagetest.File(strings.Repeat("directory/", 20)+"file", "deep"), imagetest.Whiteout("etc/passwd"),
		imagetest.Opaque("var")))
	f.Add(gapLayer(f))
	f.Add(mustTar(f, imagetest.Entry{Path: "x", PAX: map[string]string{"VENDOR.key": "v"}}, imagetest.File("ä/ö", "")))
	file := filepath.Join(f.TempDir(), "image.tar")
	f.Fuzz(func(t *testing.T, b []byte) {
		var got [2][]engine.Entry
		var errs [2]error
		for i, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip} {
			archive := saved(t, imagetest.Image{Compression: c, Layers: []imagetest.Layer{{Tar: append([]byte{}, b...)}}}, legacy)
			if err := os.WriteFile(file, archive, 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := image.Open(context.Background(), file, image.Options{})
			if err != nil {
				t.Fatal(err) // the archive around the layer is well-formed
			}
			_, errs[i] = m.Layers()[0].Walk(context.Background(), func(f *engine.File) error {
				got[i] = append(got[i], f.Entry)
				return nil
			})
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			// What passes by is read by the same rules.
			if _, err := opened(context.Background(), "-", image.Options{Stdin: bytes.NewReader(archive)}); (err == nil) != (errs[i] == nil) &&
				c == imagetest.Gzip {
				t.Fatalf("in place: %v; by a pipe: %v", errs[i], err)
			}
		}
		head := b[:min(len(b), 4)]
		if bytes.HasPrefix(head, []byte("\x1f\x8b")) || bytes.HasSuffix(head, []byte("\x2f\xfd")) || len(b) >= 4 &&
			string(b[1:4]) == "\x2a\x4d\x18" {
			return // packed twice in one of the two
		}
		if (errs[0] == nil) != (errs[1] == nil) {
			// By seeking, a file that goes on past the end is refused at its header; a stream notices at the next one.
			t.Fatalf("by seeking: %v; as a stream: %v", errs[0], errs[1])
		}
		if errs[0] == nil {
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzMerge(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(binary.LittleEndian.AppendUint64(nil, seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 8 {
			compareStack(t, randomStack(rand.New(rand.NewPCG(binary.LittleEndian.Uint64(b), 3))))
		}
		// The bytes themselves as names: whatever they are, no panic, and every node has its parents.
		var layers []engine.LayerFacts
		for i, part := range bytes.Split(b, []byte{'\n'}) {
			if i%4 == 0 {
				layers = append(layers, engine.LayerFacts{})
			}
			p, link, linked := bytes.Cut(part, []byte{' '})
			e := engine.Entry{Path: string(p), Type: engine.TypeFile, Link: string(link)}
			if linked {
				e.Type = []engine.EntryType{engine.TypeSymlink, engine.TypeHardlink, engine.TypeDir}[len(p)%3]
			}
			if len(p) > 0 && p[0] != '/' && p[len(p)-1] != '/' && !bytes.Contains(p, []byte("//")) {
				l := &layers[len(layers)-1]
				l.Entries = append(l.Entries, e)
			}
		}
		trees, err := image.Merge(layers)
		if err != nil {
			return
		}
		for _, tree := range trees {
			checkTree(t, tree)
		}
	})
}

// checkTree holds the parents of every node to be directories.
func checkTree(t *testing.T, tree *engine.Tree) {
	t.Helper()
	for p := range tree.Nodes {
		for i := range p {
			if p[i] != '/' {
				continue
			}
			if n := tree.Nodes[p[:i]]; n == nil || n.Type != engine.TypeDir {
				t.Fatalf("%q has no directory %q", p, p[:i])
			}
		}
	}
}
