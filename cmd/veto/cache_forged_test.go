package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// kinds of files in a cache's folder.
func keptFiles(t *testing.T, kept, suffix string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(kept, "layers", "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// A blob that is rewritten in place, with its size and its time of modification as before, is hashed again: the cache has other content.
func TestRewrittenBlobIsNotTheCachedOne(t *testing.T) {
	m := imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.21")}, Compression: imagetest.Gzip}
	dir, p := writeLayout(t, m)
	kept := t.TempDir()
	for i := range 2 {
		if code, r := scanSettled(t, dir, kept); code != exitPass {
			t.Fatalf("scan %d: exit %d: %+v", i, code, r.Reports[0].Decision)
		}
	}
	if keptFiles(t, kept, ".layer") != 1 || keptFiles(t, kept, ".state") != 1 {
		t.Fatalf("%d layers and %d states are kept", keptFiles(t, kept, ".layer"), keptFiles(t, kept, ".state"))
	}
	blob := filepath.Join(dir, "blobs", strings.Replace(imagetest.Digest(p.Layers[0]), ":", "/", 1))
	info, err := os.Stat(blob)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(blob, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{^p.Layers[0][len(p.Layers[0])-20]}, int64(len(p.Layers[0])-20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(blob, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if code, r := scanSettled(t, dir, kept); code != exitUndecided ||
		!strings.Contains(r.Reports[0].Errors[0].What, "the blob has the digest") {
		t.Errorf("exit %d: %+v", code, r.Reports[0].Errors)
	}
}

// forge makes a layout's configuration say another diff ID, with a manifest and an index that agree with it.
func forge(t *testing.T, dir string, p *imagetest.Packed, diffID string) {
	t.Helper()
	blob := func(digest string) string { return filepath.Join(dir, "blobs", strings.Replace(digest, ":", "/", 1)) }
	write := func(name string, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := bytes.ReplaceAll(p.Config, []byte(p.DiffIDs[0]), []byte(diffID))
	write(blob(imagetest.Digest(config)), config)
	manifest := bytes.ReplaceAll(p.Manifest, []byte(p.ConfigDigest), []byte(imagetest.Digest(config)))
	write(blob(imagetest.Digest(manifest)), manifest)
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(dir, "index.json"), bytes.ReplaceAll(index, []byte(p.ManifestDigest), []byte(imagetest.Digest(manifest))))
}

// A configuration that names the diff ID of a layer that the cache knows as clean, over other content, hides nothing: what is kept is found
// by what veto hashed.
func TestForgedDiffIDFindsNothingInTheCache(t *testing.T) {
	clean := imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.21")}, Compression: imagetest.Gzip}
	cleanDir, cleanPacked := writeLayout(t, clean)
	kept := t.TempDir()
	if code, _ := scanSettled(t, cleanDir, kept); code != exitPass {
		t.Fatalf("the clean image: exit %d", code)
	}
	dir, p := writeLayout(t, imagetest.Image{Layers: []imagetest.Layer{lodashLayer("4.17.15")}, Compression: imagetest.Gzip})
	forge(t, dir, p, cleanPacked.DiffIDs[0])
	for i := range 2 {
		code, r := scanSettled(t, dir, kept)
		if code != exitUndecided || !strings.Contains(r.Reports[0].Errors[0].What, "digest") {
			t.Errorf("scan %d: exit %d: %+v", i, code, r.Reports[0].Errors)
		}
	}
	if code, r := scanSettled(t, dir, kept, "--verify"); code != exitUndecided || !strings.Contains(r.Reports[0].Errors[0].What, "digest") {
		t.Errorf("with --verify: exit %d: %+v", code, r.Reports[0].Errors)
	}
}
