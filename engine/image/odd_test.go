package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// TestLayerTwice: the layers of an image may be the same blob, and old archives store the second as a link.
func TestLayerTwice(t *testing.T) {
	m := small(imagetest.Plain)
	m.Layers = append(m.Layers, m.Layers[0])
	for kind, source := range forms(t, m) {
		if _, facts := walkAll(t, source, image.Options{}); len(facts) != 3 || len(facts[2].Entries) != len(facts[0].Entries) {
			t.Errorf("%s: %d layers", kind, len(facts))
		}
	}
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	manifest := `[{"Config":"c.json","RepoTags":null,"Layers":["1/layer.tar","2/layer.tar","3/layer.tar"]}]`
	archive := mustTar(t, imagetest.Entry{Path: "./1/layer.tar", Body: p.Layers[0]}, imagetest.Entry{Path: "./2/layer.tar", Body: p.Layers[1]},
		imagetest.Symlink("./3/layer.tar", "../1/layer.tar"), imagetest.Entry{Path: "./c.json", Body: p.Config},
		imagetest.File("./manifest.json", manifest))
	if _, facts := walkAll(t, "-", image.Options{Stdin: bytes.NewReader(archive), Verify: true}); len(facts) != 3 ||
		len(facts[2].Entries) != 6 {
		t.Errorf("by a link: %d layers", len(facts))
	}
}

// TestSparse reads what GNU tar stores with holes, in the three forms that it knows.
func TestSparse(t *testing.T) {
	gnutar, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("there is no tar")
	}
	dir := t.TempDir()
	want := make([]byte, 1<<20)
	copy(want[500_000:], "in the middle")
	f, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(want[500_000:500_013], 500_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"--format=gnu", "--format=posix --sparse-version=0.1", "--format=posix --sparse-version=1.0"} {
		args := append(strings.Fields(form), "--sparse", "-C", dir, "-cf", "-", "holes", "holes")
		out, err := exec.Command(gnutar, args...).Output()
		if err != nil {
			t.Skipf("tar %s: %v", form, err)
		}
		for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip} {
			archive := saved(t, imagetest.Image{Compression: c, Layers: []imagetest.Layer{{Tar: out}}}, legacy)
			m, err := opened(context.Background(), "-", image.Options{Stdin: bytes.NewReader(archive)})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			_, err = m.Layers()[0].Walk(context.Background(), func(f *engine.File) error {
				if f.Type != engine.TypeFile {
					return nil
				}
				n++
				b, err := f.Bytes(2 << 20)
				if f.Path != "holes" || !bytes.Equal(b, want) {
					t.Errorf("%s %s: %s differs", form, c, f.Path)
				}
				return err
			})
			if err != nil || n == 0 || len(out) > 1<<18 {
				t.Errorf("%s %s: %d files in %d bytes, %v", form, c, n, len(out), err)
			}
		}
	}
}

// TestWhiteoutsIgnoreTheirOrder: whiteouts reach lower layers only, wherever in their own layer they stand.
func TestWhiteoutsIgnoreTheirOrder(t *testing.T) {
	lower := []engine.Entry{{Path: "d/old", Type: engine.TypeFile}, {Path: "d/sub/old", Type: engine.TypeFile}}
	upper := []engine.Entry{{Path: "d/.wh..wh..opq", Type: engine.TypeFile}, {Path: "d/new", Type: engine.TypeFile}}
	for range 2 {
		tree, err := image.MergeOver([]engine.LayerFacts{{Entries: lower}, {Entries: upper}})
		if err != nil {
			t.Fatal(err)
		}
		if tree.Nodes["d/new"] == nil || tree.Nodes["d/old"] != nil || tree.Nodes["d/sub"] != nil || len(tree.Nodes) != 2 ||
			len(tree.Removals) != 2 {
			t.Errorf("nodes %v, removals %v", tree.Nodes, tree.Removals)
		}
		upper[0], upper[1] = upper[1], upper[0]
	}
}

// TestUnknownTypesAreRefused: what no runtime would unpack is not skipped.
func TestUnknownTypesAreRefused(t *testing.T) {
	b := mustTar(t, imagetest.Entry{Path: "x", Type: tar.TypeReg})
	b[156] = 'Z'
	for i := 148; i < 156; i++ {
		b[i] = ' '
	}
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:], []byte{byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' ',
		' '})
	archive := saved(t, imagetest.Image{Layers: []imagetest.Layer{{Tar: b}}}, legacy)
	if err := openAndWalk("-", image.Options{Stdin: bytes.NewReader(archive)}); err == nil || !strings.Contains(err.Error(), "unknown type") {
		t.Errorf("%v", err)
	}
}
