package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// openAndWalk opens a source and walks all of it.
func openAndWalk(source string, o image.Options) error {
	m, err := opened(context.Background(), source, o)
	if err != nil {
		return err
	}
	for _, l := range m.Layers() {
		if _, werr := l.Walk(context.Background(), func(*engine.File) error { return nil }); werr != nil {
			err = errors.Join(err, fmt.Errorf("layer %d: %w", l.Info().Index, werr))
		}
	}
	return errors.Join(err, m.Close())
}

// repack reads the files of a tar, lets change edit them, and writes them to a new one.
func repack(t *testing.T, archive []byte, change func(files map[string][]byte, order *[]string)) []byte {
	t.Helper()
	files, order := map[string][]byte{}, []string{}
	tr := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := tr.Next()
		if err != nil {
			break
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(tr); err != nil {
			t.Fatal(err)
		}
		files[h.Name] = b.Bytes()
		order = append(order, h.Name)
	}
	change(files, &order)
	var entries []imagetest.Entry
	for _, name := range order {
		if b, ok := files[name]; ok {
			entries = append(entries, imagetest.Entry{Path: name, Body: b})
		}
	}
	out, err := imagetest.Tar(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// saved packs an image with one of imagetest's writers.
func saved(t testing.TB, m imagetest.Image, write func(w *bytes.Buffer, m imagetest.Image) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func legacy(b *bytes.Buffer, m imagetest.Image) error  { return imagetest.WriteDockerArchive(b, m) }
func current(b *bytes.Buffer, m imagetest.Image) error { return imagetest.WriteDockerOCIArchive(b, m) }
func ociTar(b *bytes.Buffer, m imagetest.Image) error  { return imagetest.WriteOCIArchive(b, m) }

// edit changes one JSON file of an archive.
func edit(t *testing.T, name string, change func(v any)) func(map[string][]byte, *[]string) {
	return func(files map[string][]byte, _ *[]string) {
		var v any
		if err := json.Unmarshal(files[name], &v); err != nil {
			t.Fatal(err)
		}
		change(v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
}

// damage flips a byte near the end of the largest blob.
func damage(files map[string][]byte, _ *[]string) {
	flip(files, func(b []byte) int { return len(b) - 9 })
}

// stamp changes the modification time in the gzip header of the largest blob: it inflates to the same, so only its digest tells.
func stamp(files map[string][]byte, _ *[]string) { flip(files, func([]byte) int { return 4 }) }

func flip(files map[string][]byte, at func(b []byte) int) {
	largest := ""
	for name, b := range files {
		if len(b) > len(files[largest]) || len(b) == len(files[largest]) && name < largest {
			largest = name
		}
	}
	b := bytes.Clone(files[largest])
	b[at(b)] ^= 1
	files[largest] = b
}

// archiveFault is an archive that must not open and walk, and a part of why.
type archiveFault struct {
	name    string
	archive []byte
	want    string
	verify  bool
}

// manifestFaults are those of manifest.json and of the archive as a whole.
func manifestFaults(t *testing.T) []archiveFault {
	gz, plain := small(imagetest.Gzip), small(imagetest.Plain)
	layers := func(v any) map[string]any { return v.([]any)[0].(map[string]any) }
	return []archiveFault{
		{"truncated plain", saved(t, plain, legacy)[:60_000], "unexpected EOF", false},
		{"truncated gzip", saved(t, gz, current)[:2_300], "unexpected EOF", false},
		{"garbage", bytes.Repeat([]byte("garbage"), 1000), "neither a tar", false},
		{"short garbage", []byte("no image"), "neither a tar", false},
		{"empty", nil, "empty", false},
		{"only zeros", make([]byte, 4096), "holds no image", false},
		{"no manifest", repack(t, saved(t, plain, legacy), func(f map[string][]byte, _ *[]string) { delete(f, "manifest.json") }),
			"holds no image", false},
		{"manifest is no JSON", repack(t, saved(t, plain, legacy),
			func(f map[string][]byte, _ *[]string) { f["manifest.json"] = []byte("[{") }), "not JSON", false},
		{"manifest key twice", repack(t, saved(t, plain, legacy), func(f map[string][]byte, _ *[]string) {
			f["manifest.json"] = []byte(`[{"Config":"a","Config":"b","Layers":[]}]`)
		}), "stands twice", false},
		{"manifest too deep", repack(t, saved(t, plain, legacy), func(f map[string][]byte, _ *[]string) {
			f["manifest.json"] = []byte(strings.Repeat("[", 500) + strings.Repeat("]", 500))
		}), "depth of JSON", false},
		{"no images", repack(t, saved(t, plain, legacy), func(f map[string][]byte, _ *[]string) { f["manifest.json"] = []byte("[]") }),
			"lists no image", false},
		{"layer missing", repack(t, saved(t, plain, legacy),
			edit(t, "manifest.json", func(v any) { layers(v)["Layers"].([]any)[0] = "no/layer.tar" })), "not in the archive", false},
		{"fewer layers", repack(t, saved(t, plain, legacy),
			edit(t, "manifest.json", func(v any) { layers(v)["Layers"] = layers(v)["Layers"].([]any)[:1] })),
			"names 1 layers and the configuration 2", false},
		{"a file twice", repack(t, saved(t, plain, legacy),
			func(_ map[string][]byte, order *[]string) { *order = append(*order, (*order)[0]) }), "twice", false},
		{"escaping name", repack(t, saved(t, plain, legacy), func(f map[string][]byte, order *[]string) {
			f["../x"], *order = nil, append(*order, "../x")
		}), `".."`, false},
		{"disagreeing layers", repack(t, saved(t, gz, current), edit(t, "manifest.json", func(v any) {
			l := layers(v)["Layers"].([]any)
			l[0], l[1] = l[1], l[0]
		})), "disagree", false},
		{"index with another image", repack(t, saved(t, gz, current), func(f map[string][]byte, order *[]string) {
			more := gz
			more.Layers = more.Layers[:1]
			repack(t, saved(t, more, ociTar), func(g map[string][]byte, names *[]string) {
				for _, n := range *names {
					if _, ok := f[n]; !ok {
						*order = append(*order, n)
					}
					f[n] = g[n]
				}
			})
		}), "disagree", false},
	}
}

// layerFaults are those of the layers' content.
func layerFaults(t *testing.T) []archiveFault {
	gz, plain := small(imagetest.Gzip), small(imagetest.Plain)
	return []archiveFault{
		{"damaged gzip layer", repack(t, saved(t, gz, current), damage), "layer 1", false},
		{"gzip layer with another digest", repack(t, saved(t, gz, current), stamp), "layer 1: the blob has the digest", false},
		{"damaged zstd layer", repack(t, saved(t, small(imagetest.Zstd), ociTar), damage), "layer 1", false},
		{"damaged legacy gzip layer", repack(t, saved(t, gz, legacy), damage), "layer 1", false},
		{"damaged plain layer, verified", repack(t, saved(t, plain, legacy), damage), "layer 1", true},
		{"layer of garbage", saved(t, imagetest.Image{Layers: []imagetest.Layer{{Tar: []byte("garbage")}}}, ociTar), "neither a tar", false},
		{"layer cut short", saved(t, imagetest.Image{Layers: []imagetest.Layer{{Tar: mustTar(t,
			imagetest.File("a", strings.Repeat("x", 5000)))[:3000]}}}, ociTar), "unexpected EOF", false},
		{"layer that escapes", saved(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a/../../b",
			"")}}}}, ociTar), `".."`, false},
		{"hard link that escapes", saved(t, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.Hardlink("a",
			"../b")}}}}, ociTar), `".."`, false},
	}
}

func TestFaultyArchives(t *testing.T) {
	for _, c := range append(manifestFaults(t), layerFaults(t)...) {
		t.Run(c.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "x.tar")
			if err := os.WriteFile(p, c.archive, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, source := range []string{p, "-"} {
				err := openAndWalk(source, image.Options{Verify: c.verify, Stdin: bytes.NewReader(c.archive)})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v, want %q", source, err, c.want)
				}
				t.Log(err)
			}
		})
	}
}

func mustTar(t testing.TB, entries ...imagetest.Entry) []byte {
	t.Helper()
	b, err := imagetest.Tar(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFaultyLayouts(t *testing.T) {
	p, err := imagetest.Pack(small(imagetest.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	blob := func(digest string) string { return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:") }
	manifest := func(from, to string) func(string) error {
		return func(dir string) error { // a changed manifest under a new digest
			b := bytes.Replace(p.Manifest, []byte(from), []byte(to), 1)
			index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
				`"digest":%q,"size":%d}]}`, imagetest.Digest(b), len(b))
			return errors.Join(os.WriteFile(filepath.Join(dir, blob(imagetest.Digest(b))), b, 0o600),
				os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o600))
		}
	}
	put := func(name, body string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600) }
	}
	for name, c := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"config changed": {put(blob(p.ConfigDigest), string(bytes.Replace(p.Config, []byte("linux"), []byte("linus"), 1))), "has the digest"},
		"manifest changed": {put(blob(p.ManifestDigest), string(bytes.Replace(p.Manifest, []byte("json"), []byte("jsoo"), 1))),
			"has the digest"},
		"manifest longer":   {put(blob(p.ManifestDigest), string(p.Manifest)+" "), "bytes"},
		"config missing":    {func(dir string) error { return os.Remove(filepath.Join(dir, blob(p.ConfigDigest))) }, "image configuration"},
		"manifest missing":  {func(dir string) error { return os.Remove(filepath.Join(dir, blob(p.ManifestDigest))) }, "is missing"},
		"layer missing":     {func(dir string) error { return os.Remove(filepath.Join(dir, blob(p.Digests[1]))) }, "layer 2 of 2"},
		"layer empty":       {put(blob(p.Digests[0]), ""), "has 0 bytes"},
		"layer replaced":    {put(blob(p.Digests[0]), strings.Repeat("x", len(p.Layers[0]))), "neither a tar"},
		"index is no index": {put("index.json", `{"schemaVersion":2,"config":{}}`), "no index"},
		"index empty":       {put("index.json", `{"schemaVersion":2,"manifests":[]}`), "lists no image"},
		"index garbage":     {put("index.json", `{{`), "not JSON"},
		"bad digest":        {put("index.json", `{"schemaVersion":2,"manifests":[{"digest":"sha256:../../etc/passwd","size":1}]}`), "malformed"},
		"index and image":   {manifest(`"layers"`, `"manifests":[],"layers"`), "CVE-2021-41190"},
		"schema 1":          {manifest(`"schemaVersion":2`, `"schemaVersion":1`), "schema 1"},
		"foreign layer":     {manifest(`image.layer.v1.tar+gzip`, `image.layer.nondistributable.v1.tar+gzip`), "foreign"},
		"encrypted layer":   {manifest(`image.layer.v1.tar+gzip`, `image.layer.v1.tar+gzip+encrypted`), "encrypted"},
		"layer outside": {func(dir string) error {
			p := filepath.Join(dir, blob(p.Digests[0]))
			return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p))
		}, "escapes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "layout")
			if err := errors.Join(imagetest.WriteOCILayout(dir, small(imagetest.Gzip)), c.change(dir)); err != nil {
				t.Fatal(err)
			}
			err := openAndWalk(dir, image.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			t.Log(err)
		})
	}
}

func TestPathsThatAreNoImage(t *testing.T) {
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := errors.Join(os.MkdirAll(filepath.Join(tree, "etc"), 0o755), os.WriteFile(filepath.Join(tree, "go.mod"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for source, hint := range map[string]string{
		filepath.Join(dir, "none.tar"):              "registry:",
		filepath.Join(dir, "none"):                  "registry:",
		filepath.Join(dir, "file", "x.tar"):         "registry:",
		tree:                                        "source code",
		"oci:" + tree:                               "source code",
		"oci:" + filepath.Join(dir, "file"):         "oci-archive:",
		"docker-archive:" + tree:                    "oci:",
		"rootfs:" + filepath.Join(dir, "file"):      "",
		"rootfs:" + filepath.Join(dir, "none"):      "",
		filepath.Join(dir, "tree") + ":tag":         "prefix",
		"oci:" + filepath.Join(dir, "none:1"):       "registry:",
		"docker-archive:" + filepath.Join(dir, "x"): "registry:",
	} {
		_, err := opened(context.Background(), source, image.Options{})
		usage := (*engine.UsageError)(nil)
		if !errors.As(err, &usage) || !strings.Contains(string(engine.ProblemOf(err).Hint), hint) {
			t.Errorf("%s: %v (%s), want a usage error with the hint %q", source, err, engine.ProblemOf(err).Hint, hint)
		}
	}
}
