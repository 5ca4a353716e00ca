package image_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// What docker load takes from manifest.json and containerd from index.json is the same image, or both are judged, or neither.
func TestSavedArchivesThatDisagree(t *testing.T) {
	gz := variation{form: imagetest.Gzip}
	annotated := map[string]any{"vnd.docker.reference.type": "attestation-manifest"}
	for name, c := range map[string]struct {
		index func(s *shelf, named map[string]any) any
		want  string
	}{
		"another, called an attestation": {func(s *shelf, named map[string]any) any {
			return list{as(s.image("a", gz), "linux/amd64", "annotations", annotated), as(named, "linux/amd64")}
		}, "!disagree"},
		"another for the same platform": {func(s *shelf, named map[string]any) any {
			digest, size := s.put(map[string]any{"manifests": list{as(s.image("a", gz), "linux/amd64"), as(named, "linux/amd64")}})
			return list{{"digest": digest, "size": size}}
		}, "linux/amd64 b, linux/amd64 a"},
		"for another platform": {func(s *shelf, named map[string]any) any {
			arm := variation{form: imagetest.Gzip, platform: "linux/arm64"}
			digest, size := s.put(map[string]any{"manifests": list{as(s.image("a", arm), "linux/arm64"), as(named, "linux/amd64")}})
			return list{{"digest": digest, "size": size}}
		}, "linux/amd64 b, and, linux/arm64"},
		"for a platform that is not there": {func(s *shelf, named map[string]any) any {
			absent := map[string]any{"mediaType": ociManifest, "digest": imagetest.Digest([]byte("absent")), "size": 6}
			digest, size := s.put(map[string]any{"manifests": list{as(absent, "linux/arm64"), as(named, "linux/amd64")}})
			return list{{"digest": digest, "size": size}}
		}, "linux/amd64 b"},
		"beside one that is not there": {func(s *shelf, named map[string]any) any {
			absent := map[string]any{"mediaType": ociManifest, "digest": imagetest.Digest([]byte("absent")), "size": 6}
			return list{as(absent, "linux/arm64"), as(named, "linux/amd64")}
		}, "linux/amd64 b"},
		"beside its attestation": {func(s *shelf, named map[string]any) any {
			return list{as(named, "linux/amd64"), as(s.attestation(), "unknown/unknown", "annotations", annotated)}
		}, "linux/amd64 b"},
		"no list":       {func(*shelf, map[string]any) any { return nil }, "linux/amd64 b"},
		"an empty list": {func(*shelf, map[string]any) any { return []any{} }, "linux/amd64 b"},
	} {
		s := &shelf{t: t}
		named := s.image("b", gz)
		got, err := judged(t, "-", image.Options{Stdin: bytes.NewReader(s.saved(named, c.index(s, named)))})
		fault, bad := strings.CutPrefix(c.want, "!")
		if bad && (err == nil || !strings.Contains(err.Error(), fault)) || !bad && got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// A blob whose first bytes are those of a compressed one and a tar's header at once is neither, whatever the documents say of it.
func TestBlobsOfTwoForms(t *testing.T) {
	for name, magic := range map[string]string{
		"zstd": "\x28\xb5\x2f\xfd", "skippable zstd frame": "\x50\x2a\x4d\x18", "gzip": "\x1f\x8b\x08", "xz": "\xfd7zXZ\x00", "bzip2": "BZh9",
	} {
		tar := mustTar(t, imagetest.File("a/long/enough/name", "body"))
		copy(tar, magic)
		sum := 8 * int(' ')
		for i, c := range tar[:512] {
			if i < 148 || i >= 156 {
				sum += int(c)
			}
		}
		copy(tar[148:156], fmt.Sprintf("%06o\x00 ", sum))
		m := imagetest.Image{Layers: []imagetest.Layer{{Tar: tar}}}
		for kind, source := range forms(t, m) {
			err := openAndWalk(source, image.Options{})
			if err == nil || !strings.Contains(err.Error(), "begins both") {
				t.Errorf("%s in %s: %v", name, kind, err)
			}
		}
	}
}

// A daemon that is asked for an ID gives the image of that ID, or nothing is judged.
func TestExportedID(t *testing.T) {
	m := small(imagetest.Gzip)
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("ab", 32)
	var old, current bytes.Buffer
	if err := imagetest.WriteDockerArchive(&old, m); err != nil {
		t.Fatal(err)
	}
	if err := imagetest.WriteDockerOCIArchive(&current, m); err != nil {
		t.Fatal(err)
	}
	for asked, known := range map[string]bool{
		p.ConfigDigest: true, strings.TrimPrefix(p.ConfigDigest, "sha256:"): true, p.ConfigDigest[7:19]: true,
		"web": true, "example.test/shop/web:1": true,
		"sha256:" + other: false, other: false, other[:12]: false, "decade": false,
	} {
		for form, archive := range map[string][]byte{"old": old.Bytes(), "current": current.Bytes()} {
			export := func(context.Context, string, string) (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(archive)), nil
			}
			img, err := opened(t.Context(), "docker:"+asked, image.Options{Export: export})
			if known != (err == nil) || !known && !strings.Contains(err.Error(), "was asked for the image") {
				t.Errorf("%s, %s: %v", asked, form, err)
			}
			if err == nil {
				img.Close()
			}
		}
	}
}
