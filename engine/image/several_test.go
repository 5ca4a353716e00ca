package image_test

import (
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// Each manifest that a runtime could pick for the platform is judged, and nothing that a document says of itself hides one. "a" and "b" are
// the files by which images differ.
func TestWhatRuntimesCouldPick(t *testing.T) {
	const attests = "application/vnd.foo+json"
	annotated := map[string]any{"vnd.docker.reference.type": "attestation-manifest"}
	gz := variation{form: imagetest.Gzip}
	with := func(change func(*variation)) variation { v := gz; change(&v); return v }
	for name, c := range map[string]struct {
		entries  func(s *shelf) list
		platform string
		want     string // an error where it begins with "!"
	}{
		"annotated": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64", "annotations", annotated), as(s.image("b", gz), "linux/amd64")}
		}, "", "linux/amd64 a, linux/amd64 b"},
		"typed": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64", "artifactType", attests), as(s.image("b", gz), "linux/amd64")}
		}, "", "linux/amd64 a, linux/amd64 b"},
		"manifest typed": {func(s *shelf) list {
			return list{as(s.image("a", with(func(v *variation) { v.manifest = map[string]any{"artifactType": attests} })), "linux/amd64")}
		}, "", "linux/amd64 a"},
		"configuration typed": {func(s *shelf) list {
			return list{s.image("a", with(func(v *variation) { v.configType = attests })), as(s.image("b", gz), "linux/amd64")}
		}, "", "linux/amd64 a, linux/amd64 b"},
		"unknown platform, but an image": {func(s *shelf) list {
			return list{as(s.image("a", gz), "unknown/unknown", "annotations", annotated), as(s.image("b", gz), "linux/amd64")}
		}, "", "linux/amd64 a, linux/amd64 b"},
		"unknown platform alone": {func(s *shelf) list {
			return list{as(s.image("a", gz), "unknown/unknown", "annotations", annotated)}
		}, "", "linux/amd64 a"},
		"attestation": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), as(s.attestation(), "unknown/unknown")}
		}, "", "linux/amd64 a"},
		"attestation, platform lost": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), s.attestation()}
		}, "", "linux/amd64 a"},
		"attestation alone": {func(s *shelf) list { return list{as(s.attestation(), "unknown/unknown")} }, "", "!layers"},
		"chart": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), as(s.chart(), "/")}
		}, "linux/amd64", "linux/amd64 a"},
		"chart for the machine": {func(s *shelf) list {
			return list{as(s.chart(), "linux/amd64"), as(s.image("a", gz), "linux/amd64")}
		}, "", "linux/amd64 a unsupported"},
		"x86_64": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/x86_64"), as(s.image("b", gz), "linux/amd64")}
		}, "linux/amd64", "linux/amd64 a, linux/amd64 b"},
		"upper case": {func(s *shelf) list {
			return list{as(s.image("a", gz), "Linux/AMD64"), as(s.image("b", gz), "linux/amd64/v1")}
		}, "linux/amd64", "linux/amd64 a, linux/amd64 b"},
		"aarch64": {func(s *shelf) list {
			arm := with(func(v *variation) { v.platform = "linux/arm64" })
			return list{as(s.image("a", arm), "linux/aarch64/8"), as(s.image("b", arm), "linux/arm64"), as(s.image("c", gz), "linux/amd64")}
		}, "linux/arm64/v8", "linux/arm64 a, linux/arm64 b"},
		"variants": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), as(s.image("b", gz), "linux/amd64/v3")}
		}, "", "linux/amd64 a, linux/amd64 b"},
		"one variant": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), as(s.image("b", gz), "linux/amd64/v3")}
		}, "linux/amd64/v1", "linux/amd64 a"},
		"two compressions": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/amd64"), as(s.image("a", variation{form: imagetest.Zstd}), "linux/amd64")}
		}, "", "linux/amd64 a"},
		"two compressions, one lies": {func(s *shelf) list {
			return list{as(s.image("b", gz), "linux/amd64"), as(s.image("a", variation{form: imagetest.Zstd, diffID: "other"}), "linux/amd64")}
		}, "", "!digest"},
		"same layers, run otherwise": {func(s *shelf) list {
			root := with(func(v *variation) { v.config = map[string]any{"User": "root"} })
			return list{as(s.image("a", gz), "linux/amd64"), as(s.image("a", root), "linux/amd64")}
		}, "", "linux/amd64 a, linux/amd64 a"},
		"layers of a special runtime": {func(s *shelf) list {
			nydus := with(func(v *variation) { v.layerType = "application/vnd.oci.image.layer.nydus.blob.v1" })
			return list{as(s.image("a", gz), "linux/amd64"), as(s.image("b", nydus), "linux/amd64", "os.features", []string{"nydus.remoteimage.v1"})}
		}, "", "linux/amd64 a unsupported"},
		"configuration without platform": {func(s *shelf) list {
			return list{as(s.image("a", with(func(v *variation) { v.platform = "-" })), "linux/arm64")}
		}, "linux/arm64", "linux/arm64 a"},
		"half a platform beside": {func(s *shelf) list {
			half := variation{form: imagetest.Gzip, platform: "-"}
			return list{as(s.image("a", half), "linux/"), as(s.image("b", gz), "linux/amd64")}
		}, "", "!no platform"},
		"no platform at all": {func(s *shelf) list {
			return list{s.image("a", with(func(v *variation) { v.platform = "-" }))}
		}, "", "!no platform"},
		"configuration of another platform": {func(s *shelf) list {
			return list{as(s.image("a", gz), "linux/arm64")}
		}, "linux/arm64", "linux/arm64 a malformed"},
		"two builds of windows": {func(s *shelf) list {
			win := with(func(v *variation) { v.platform = "windows/amd64" })
			return list{as(s.image("a", win), "windows/amd64"), as(s.image("b", win), "windows/amd64"), as(s.image("c", gz), "linux/amd64")}
		}, "", "linux/amd64 c, and, windows/amd64"},
		"tar called gzip": {func(s *shelf) list {
			return list{as(s.image("a", variation{layerType: "application/vnd.oci.image.layer.v1.tar+gzip"}), "linux/amd64")}
		}, "", "!media type"},
		"gzip called tar": {func(s *shelf) list {
			return list{as(s.image("a", variation{form: imagetest.Gzip, layerType: "application/vnd.oci.image.layer.v1.tar"}), "linux/amd64")}
		}, "", "!media type"},
		"gzip called zstd": {func(s *shelf) list {
			return list{as(s.image("a", variation{form: imagetest.Gzip, layerType: "application/vnd.oci.image.layer.v1.tar+zstd"}), "linux/amd64")}
		}, "", "!media type"},
		"zstd called Docker's gzip": {func(s *shelf) list {
			return list{as(s.image("a", variation{form: imagetest.Zstd, layerType: "application/vnd.docker.image.rootfs.diff.tar.gzip"}),
				"linux/amd64")}
		}, "", "!media type"},
		"another diff ID": {func(s *shelf) list {
			return list{as(s.image("a", with(func(v *variation) { v.diffID = "other" })), "linux/amd64")}
		}, "", "!digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for nested, wrap := range map[string]bool{"": false, " nested": true} {
				s := &shelf{t: t}
				index := map[string]any{"schemaVersion": 2, "manifests": c.entries(s)}
				if wrap { // by an entry without a media type, from an index without a version
					digest, size := s.put(index)
					index = map[string]any{"manifests": []any{map[string]any{"digest": digest, "size": size}}}
				}
				for form, source := range s.sources(index) {
					path, o := source()
					o.Platform = c.platform
					got, err := judged(t, path, o)
					if fault, bad := strings.CutPrefix(c.want, "!"); bad {
						if err == nil || !strings.Contains(err.Error(), fault) {
							t.Errorf("%s%s: %q, %v, want an error of %q", form, nested, got, err, fault)
						}
					} else if err != nil || strings.ReplaceAll(got, "?", "") != c.want {
						t.Errorf("%s%s: %q, %v, want %q", form, nested, got, err, c.want)
					}
				}
			}
		})
	}
}
