package image_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// TestAttestationsOfAnIndex: what BuildKit stores beside an image in its index is listed for that image, and for no other one.
func TestAttestationsOfAnIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	m := small(imagetest.Gzip)
	if err := imagetest.WriteOCILayout(dir, m); err != nil {
		t.Fatal(err)
	}
	p, err := imagetest.Pack(m)
	if err != nil {
		t.Fatal(err)
	}
	put := func(v any) (string, int) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		d := imagetest.Digest(b)
		if err := os.WriteFile(filepath.Join(dir, "blobs", strings.Replace(d, ":", "/", 1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return d, len(b)
	}
	type object = map[string]any
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	attestation := func(predicate string) (string, int) {
		return put(object{"schemaVersion": 2, "mediaType": manifestType,
			"config": object{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": imagetest.Digest([]byte("{}")), "size": 2},
			"layers": []object{{"mediaType": "application/vnd.in-toto+json", "digest": imagetest.Digest(nil), "size": 0,
				"annotations": object{"in-toto.io/predicate-type": predicate}}}})
	}
	entry := func(d string, size int, of string) object {
		return object{"mediaType": manifestType, "digest": d, "size": size, "platform": object{"os": "unknown", "architecture": "unknown"},
			"annotations": object{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of}}
	}
	own, ownSize := attestation("https://slsa.dev/provenance/v1")
	other, otherSize := attestation("https://spdx.dev/Document")
	index, err := json.Marshal(object{"schemaVersion": 2, "manifests": []object{
		{"mediaType": manifestType, "digest": p.ManifestDigest, "size": len(p.Manifest)},
		entry(own, ownSize, p.ManifestDigest), entry(other, otherSize, imagetest.Digest([]byte("another image"))),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := image.Open(t.Context(), dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	got, err := img.(engine.Referred).Referrers(t.Context())
	want := []engine.Referrer{{Digest: engine.Digest(own), Subject: engine.Digest(p.ManifestDigest), MediaType: manifestType,
		Predicates: []string{"https://slsa.dev/provenance/v1"}, Size: int64(ownSize), Source: "index"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	blob := filepath.Join(dir, "blobs", strings.Replace(own, ":", "/", 1))
	if err := os.WriteFile(blob, []byte(strings.Repeat("x", ownSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	img2, err := image.Open(t.Context(), dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img2.Close()
	if got, err := img2.(engine.Referred).Referrers(t.Context()); err == nil {
		t.Errorf("a damaged attestation gives %v", got)
	}
}
