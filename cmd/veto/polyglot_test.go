package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// An archive that is gzip's and tar's at once is read as runtimes read it, by its first bytes: what stands in the gzip header as a clean
// image hides nothing of the one that is packed.
func TestGzipThatIsATarToo(t *testing.T) {
	clean := saveArchive(t, imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.21")}})
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	// The extra field begins at byte 12 of the file; with the first bytes of a tar's name before it, a reader of tars would see a header.
	z.Extra = clean[12:min(len(clean), 60_000)]
	if _, err := z.Write(saveArchive(t, imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.15")}})); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if got := b.Bytes(); string(got[257:262]) != "ustar" {
		t.Fatalf("no tar: %q", got[257:262])
	}
	code, r := scanSettled(t, writeTemp(t, b.Bytes()), t.TempDir())
	if code != exitDenied || len(r.Reports[0].Packages) != 1 || r.Reports[0].Packages[0].Version != "4.17.15" {
		t.Errorf("exit %d, %+v", code, r.Reports[0].Packages)
	}
}

// What stands after a plain layer's end is no part of the image, to runtimes and to veto.
func TestTarAfterTheEnd(t *testing.T) {
	clean, err := imagetest.Tar(lodashLayer("4.17.21").Entries...)
	if err != nil {
		t.Fatal(err)
	}
	more, err := imagetest.Tar(lodashLayer("4.17.15").Entries...)
	if err != nil {
		t.Fatal(err)
	}
	p := writeTemp(t, saveArchive(t, imagetest.Image{Layers: []imagetest.Layer{{Tar: append(clean, more...)}}}))
	for _, verify := range []string{"--verify", "--no-cache"} {
		code, r := scanSettled(t, p, t.TempDir(), verify)
		if code != exitPass || len(r.Reports[0].Packages) != 1 || r.Reports[0].Packages[0].Version != "4.17.21" {
			t.Errorf("%s: exit %d, %+v, %+v", verify, code, r.Reports[0].Packages, r.Reports[0].Errors)
		}
	}
}

// A configuration that would do as an index is a configuration, and nothing that it lists is opened.
func TestConfigurationThatIsAnIndexToo(t *testing.T) {
	dir, p := writeLayout(t, imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.15")}, Compression: imagetest.Gzip})
	both := bytes.Replace(p.Config, []byte("{"),
		[]byte(`{"schemaVersion":2,"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json",`), 1)
	blob := func(digest string) string { return filepath.Join(dir, "blobs", strings.Replace(digest, ":", "/", 1)) }
	manifest := bytes.ReplaceAll(p.Manifest, []byte(p.ConfigDigest), []byte(imagetest.Digest(both)))
	manifest = bytes.Replace(manifest, []byte(sizeField(len(p.Config))), []byte(sizeField(len(both))), 1)
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	index = bytes.ReplaceAll(index, []byte(p.ManifestDigest), []byte(imagetest.Digest(manifest)))
	index = bytes.Replace(index, []byte(sizeField(len(p.Manifest))), []byte(sizeField(len(manifest))), 1)
	for name, b := range map[string][]byte{blob(imagetest.Digest(both)): both, blob(imagetest.Digest(manifest)): manifest,
		filepath.Join(dir, "index.json"): index} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, r := scanSettled(t, dir, t.TempDir()); code != exitDenied || len(r.Reports[0].Packages) != 1 {
		t.Errorf("exit %d, %+v", code, r.Reports[0].Errors)
	}
}

func sizeField(n int) string { return fmt.Sprintf(`"size":%d`, n) }
