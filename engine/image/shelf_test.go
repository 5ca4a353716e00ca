package image_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// list is an index's.
type list []map[string]any

// shelf holds the blobs of a layout while a test puts it together.
type shelf struct {
	t     *testing.T
	blobs []imagetest.Entry
}

func (s *shelf) put(v any) (digest string, size int) {
	raw, ok := v.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(v); err != nil {
			s.t.Fatal(err)
		}
	}
	digest = imagetest.Digest(raw)
	name := "blobs/" + strings.Replace(digest, ":", "/", 1)
	if !slices.ContainsFunc(s.blobs, func(e imagetest.Entry) bool { return e.Path == name }) {
		s.blobs = append(s.blobs, imagetest.Entry{Path: name, Body: raw})
	}
	return digest, len(raw)
}

// variation says in what an image's documents differ from those of an honest one.
type variation struct {
	form       imagetest.Compression
	platform   string         // of the configuration; "-" leaves it out
	layerType  string         // media type of the layer
	configType string         // media type of the configuration
	diffID     string         // "other" claims the tar of "b"
	manifest   map[string]any // more fields
	config     map[string]any
}

// image puts an image of one layer onto the shelf, which holds the file named, and returns its descriptor.
func (s *shelf) image(file string, v variation) map[string]any {
	s.t.Helper()
	pack := func(file string) *imagetest.Packed {
		m := imagetest.Image{Compression: v.form, Config: v.config, Platform: strings.Trim(v.platform, "-"),
			Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File(file, "of "+file)}}}}
		p, err := imagetest.Pack(m)
		if err != nil {
			s.t.Fatal(err)
		}
		return p
	}
	p := pack(file)
	config := map[string]any{}
	if err := json.Unmarshal(p.Config, &config); err != nil {
		s.t.Fatal(err)
	}
	if v.platform == "-" {
		delete(config, "os")
		delete(config, "architecture")
	}
	if v.diffID == "other" {
		config["rootfs"].(map[string]any)["diff_ids"] = pack("b").DiffIDs
	}
	configDigest, configSize := s.put(config)
	layer, layerSize := s.put(p.Layers[0])
	m := map[string]any{"schemaVersion": 2, "mediaType": ociManifest,
		"config": map[string]any{"mediaType": cmp.Or(v.configType, "application/vnd.oci.image.config.v1+json"),
			"digest": configDigest, "size": configSize},
		"layers": []any{map[string]any{"mediaType": cmp.Or(v.layerType, p.MediaTypes[0]), "digest": layer, "size": layerSize}}}
	for k, value := range v.manifest {
		m[k] = value
	}
	digest, size := s.put(m)
	return map[string]any{"mediaType": ociManifest, "digest": digest, "size": size}
}

// attestation is what BuildKit stores beside an image.
func (s *shelf) attestation() map[string]any {
	rootfs := map[string]any{"type": "layers", "diff_ids": []string{}}
	config, configSize := s.put(map[string]any{"os": "unknown", "architecture": "unknown", "rootfs": rootfs})
	statement, size := s.put([]byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`))
	digest, n := s.put(map[string]any{"schemaVersion": 2, "mediaType": ociManifest,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": configSize},
		"layers": []any{map[string]any{"mediaType": "application/vnd.in-toto+json", "digest": statement, "size": size}}})
	return map[string]any{"mediaType": ociManifest, "digest": digest, "size": n}
}

// chart is an artifact that is no image.
func (s *shelf) chart() map[string]any {
	config, configSize := s.put([]byte(`{}`))
	digest, n := s.put(map[string]any{"schemaVersion": 2, "mediaType": ociManifest,
		"config": map[string]any{"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config, "size": configSize},
		"layers": []any{}})
	return map[string]any{"mediaType": ociManifest, "digest": digest, "size": n}
}

// as adds to a descriptor: a platform such as "linux/amd64/v2" or "/", and other fields by name and value.
func as(d map[string]any, platform string, more ...any) map[string]any {
	parts := append(strings.Split(platform, "/"), "", "")
	p := map[string]any{"os": parts[0], "architecture": parts[1]}
	if parts[2] != "" {
		p["variant"] = parts[2]
	}
	d["platform"] = p
	for i := 0; i < len(more); i += 2 {
		if name := more[i].(string); name == "os.features" {
			p[name] = more[i+1]
		} else {
			d[name] = more[i+1]
		}
	}
	return d
}

// sources writes a layout with this index as a folder, and as an archive for a path and for standard input.
func (s *shelf) sources(index any) map[string]func() (string, image.Options) {
	s.t.Helper()
	raw, err := json.Marshal(index)
	if err != nil {
		s.t.Fatal(err)
	}
	files := append([]imagetest.Entry{imagetest.File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`), {Path: "index.json", Body: raw}},
		s.blobs...)
	dir := s.t.TempDir()
	for _, f := range files {
		p := filepath.Join(dir, "layout", f.Path)
		if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Body, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	archive := mustTar(s.t, files...)
	if err := os.WriteFile(filepath.Join(dir, "image.tar"), archive, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return map[string]func() (string, image.Options){
		"folder":  func() (string, image.Options) { return filepath.Join(dir, "layout"), image.Options{} },
		"archive": func() (string, image.Options) { return filepath.Join(dir, "image.tar"), image.Options{} },
		"stdin": func() (string, image.Options) {
			return "-", image.Options{Stdin: struct{ *bytes.Buffer }{bytes.NewBuffer(archive)}}
		},
	}
}

// judged opens a source and says which images would be judged: by the file that each holds, with the kinds of its gaps.
func judged(t *testing.T, source string, o image.Options) (string, error) {
	t.Helper()
	m, err := opened(t.Context(), source, o)
	if err != nil {
		return "", err
	}
	defer m.Close()
	var out []string
	for _, one := range append([]engine.Image{m}, m.(engine.Several).Others()...) {
		word := one.Identity().Platform.String() + " "
		for _, l := range one.Layers() {
			verified, err := l.Walk(t.Context(), func(f *engine.File) error { word += f.Path; return nil })
			if err != nil {
				return "", err
			}
			word += map[engine.Verified]string{engine.VerifiedContent: "", engine.VerifiedClaimed: "?"}[verified]
		}
		for _, g := range one.(engine.Doubted).Gaps() {
			word += " " + string(g.Kind)
		}
		out = append(out, word)
	}
	for _, l := range m.(engine.Several).Copies() {
		if _, err := l.Walk(t.Context(), func(*engine.File) error { return nil }); err != nil {
			return "", err
		}
	}
	if left := m.(engine.Partial).Unscanned(); len(left) > 0 {
		out = append(out, "and", left[0].String())
	}
	return strings.Join(out, ", "), nil
}

// saved writes a docker archive: an index.json with these entries, and a manifest.json that names the image of the descriptor.
func (s *shelf) saved(named map[string]any, index any) []byte {
	s.t.Helper()
	path := func(digest any) string { return "blobs/" + strings.Replace(digest.(string), ":", "/", 1) }
	var doc struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	for _, b := range s.blobs {
		if b.Path == path(named["digest"]) {
			if err := json.Unmarshal(b.Body, &doc); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	docs := map[string]any{"index.json": map[string]any{"schemaVersion": 2, "manifests": index},
		"manifest.json": []any{map[string]any{"Config": path(doc.Config.Digest), "Layers": []string{path(doc.Layers[0].Digest)}}}}
	files := s.blobs
	for name, v := range docs {
		raw, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		files = append(files, imagetest.Entry{Path: name, Body: raw})
	}
	return mustTar(s.t, files...)
}
