package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine/image/imagetest"
)

func sourceFaults() []fault {
	image := func(description string) func(*caseDir) []string {
		return func(f *caseDir) []string { return f.scan(f.image("save", description)) }
	}
	truncated := func(form string, keep float64) func(*caseDir) []string {
		return func(f *caseDir) []string { p := f.image(form, goodImage); f.cut(p, keep); return f.scan(p) }
	}
	garbage := func(name, text string) func(*caseDir) []string {
		return func(f *caseDir) []string { return f.scan("./" + f.write(name, text)) }
	}
	out := []fault{
		{name: "empty archive", prepare: garbage("x.tar", ""), code: 3, says: "it is empty"},
		{name: "garbage archive", prepare: garbage("x.tar", strings.Repeat("not a tar ", 4000)), code: 3, says: "x.tar"},
		{name: "zeros", prepare: garbage("x.tar", strings.Repeat("\x00", 4096)), code: 3, says: "x.tar"},
		{name: "a tar that is no image", prepare: func(f *caseDir) []string {
			b, err := imagetest.Tar(imagetest.File("README", "hello"))
			if err != nil {
				f.t.Fatal(err)
			}
			return f.scan("./" + f.write("x.tar", string(b)))
		}, code: 3, says: "manifest.json"},
		{name: "truncated docker archive", prepare: truncated("save", 0.5), code: 3, says: "image.tar"},
		{name: "truncated in its layer", prepare: truncated("save", 0.2), code: 3, says: "image.tar"},
		{name: "truncated oci archive", prepare: truncated("oci-tar", 0.6), code: 3, says: "image.tar"},
		{name: "truncated gzip around the archive", prepare: func(f *caseDir) []string {
			f.good()
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			if _, err := w.Write([]byte(f.read("image.tar"))); err != nil {
				f.t.Fatal(err)
			}
			return f.scan("./" + f.write("image.tar.gz", b.String()[:b.Len()/2]))
		}, code: 3, says: "image.tar.gz"},
		{name: "empty standard input", prepare: func(f *caseDir) []string { return f.scan("-") }, code: 3, says: "stdin"},
		{name: "a gzip layer that is only its first bytes", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			_, m := f.manifest()
			d := f.putBlob([]byte("\x1f\x8b\x08\x00"))
			d.MediaType = m.Layers[0].MediaType
			m.Layers[0] = d
			f.putManifest(m)
			return f.scan(p)
		}, code: 3, says: "layer 1"},
		{name: "oci layout without its index", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			f.remove("image/index.json")
			return f.scan(p)
		}, code: 2, says: "index.json"},
		{name: "oci layout lacks a blob", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			f.remove(f.layerBlob(0))
			return f.scan(p)
		}, code: 3, says: "blob"},
		{name: "manifest nested too deep", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			f.write("image/index.json", strings.Repeat(`{"manifests":[`, 5000))
			return f.scan(p)
		}, code: 3, says: "index.json"},
		{name: "manifest over the limit", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			f.write("image/index.json", `{"schemaVersion":2,"x":"`+strings.Repeat("x", 5<<20)+`"}`)
			return f.scan(p)
		}, code: 3, says: "limit"},
		{name: "an entry that leaves the root", prepare: image(goodWith("../../etc/passwd", "x")), code: 3, says: ".."},
		{name: "an endless path", prepare: image(goodWith(strings.Repeat("d/", 3000)+"x", "x")),
			code: 1, says: "length of a path", kind: "limit"},

		{name: "garbage dpkg status", prepare: image(goodWith("var/lib/dpkg/status", "\x01\x02 no colon here\nPackage\n\n")), code: 1,
			says: "assessment-incomplete", kind: "malformed"},
		{name: "truncated dpkg status", prepare: image(goodWith("var/lib/dpkg/status",
			"Package: curl\nStatus: install ok installed\nArchitecture: amd64\n")), code: 1, says: "assessment-incomplete", kind: "malformed"},
		{name: "garbage apk database", prepare: image(goodWith("lib/apk/db/installed", "P:busybox\nno field here at all\n\n")), code: 1,
			says: "assessment-incomplete", kind: "malformed"},
		{name: "truncated apk database", prepare: image(goodWith("lib/apk/db/installed", "P:busybox\nA:x86_64\n\n")), code: 1,
			says: "assessment-incomplete", kind: "malformed"},
		{name: "garbage package.json", prepare: image(goodWith("srv/node_modules/a/package.json", `{"name": "a", "version": `)), code: 1,
			says: "assessment-incomplete", kind: "malformed"},
		{name: "package.json of the wrong types", prepare: image(goodWith("srv/node_modules/a/package.json", `{"name": 1, "version": []}`)),
			code: 1, says: "assessment-incomplete", kind: "malformed"},
		{name: "oversized package.json", prepare: func(f *caseDir) []string {
			f.write("big.json", `{"name": "a", "version": "1.0.0", "x": "`+strings.Repeat("x", 17<<20)+`"}`)
			return f.scan(f.image("save", goodImage+"file srv/node_modules/a/package.json big.json\n"))
		}, code: 1, says: "assessment-incomplete", kind: "limit"},
		{name: "garbage METADATA", prepare: image(goodWith("usr/lib/python3/dist-packages/x-1.dist-info/METADATA", "\x00\x01\x02")), code: 1,
			says: "assessment-incomplete", kind: "malformed"},
		{name: "METADATA without a version", prepare: image(goodWith("usr/lib/python3/dist-packages/x-1.dist-info/METADATA",
			"Metadata-Version: 2.1\nName: x\n\n")), code: 1, says: "assessment-incomplete", kind: "malformed"},
		{name: "garbage os-release", prepare: image(goodWith("etc/os-release", "this is not\nkey value\n")),
			code: 1, says: "assessment-incomplete", kind: "unknown_os"},
		{name: "truncated Go program", prepare: func(f *caseDir) []string {
			b := goProgram("go1.21.0", []string{"example.test/a@v1.0.0"})
			f.write("program", string(b[:len(b)-40]))
			return f.scan(f.image("save", goodImage+"file usr/bin/program program 0755\n"))
		}, code: 1, says: "assessment-incomplete"},
		{name: "a jar that is cut off", prepare: image(goodWith("srv/app.jar", "PK\x03\x04")), code: 1, says: "assessment-incomplete",
			kind: "malformed"},
		{name: "Rust, which is not parsed from its sources", prepare: image(goodWith("srv/Cargo.lock", "")),
			code: 1, says: "assessment-incomplete", kind: "unsupported"},
		{name: "an rpm database that is cut off", prepare: image(goodWith("var/lib/rpm/Packages", "x")),
			code: 1, says: "assessment-incomplete", kind: "malformed"},
		{name: "an empty image", prepare: image("name a:1\nconfig {\"User\": \"app\"}\nlayer FROM scratch\ntext etc/motd hello\n"), code: 1,
			says: "inventory-empty"},

		{name: "garbage facts", prepare: func(f *caseDir) []string { return []string{"judge", f.write("facts.json", `{"packages": [`)} },
			code: 2, says: "facts.json"},
		{name: "facts with an unknown field", prepare: func(f *caseDir) []string {
			return []string{"judge", f.write("facts.json", `{"schema_version": "1", "pakages": []}`)}
		}, code: 2, says: "pakages"},
		{name: "facts that lack a section", prepare: func(f *caseDir) []string {
			return []string{"judge", f.write("facts.json", `{"schema_version": "1", "now": "2026-11-23T00:00:00Z"}`), "-o", "json=run.json"}
		}, code: 3, says: "no data"},
		{name: "garbage run", prepare: func(f *caseDir) []string { return []string{"render", f.write("run.json", "[]")} }, code: 2,
			says: "run.json"},
		{name: "garbage veto.yaml", prepare: func(f *caseDir) []string {
			f.write("veto.yaml", "version: 1\nrules: [\n")
			return f.bare(f.good())
		}, code: 2, says: "veto.yaml"},
		{name: "empty veto.yaml", prepare: func(f *caseDir) []string { f.write("veto.yaml", ""); return f.bare(f.good()) }, code: 2,
			says: "version: 1"},
	}
	for i := range out {
		out[i].class = "truncated, garbage, oversized"
	}
	return out
}

func digestFaults() []fault {
	layout := func(form string, change func(*caseDir), args ...string) func(*caseDir) []string {
		return func(f *caseDir) []string {
			p := f.image(form, goodImage)
			change(f)
			return f.scan(append([]string{p}, args...)...)
		}
	}
	padded := func(f *caseDir) {
		p := f.layerBlob(0)
		f.write(p, f.read(p)+"more bytes")
	}
	// A gzip layer whose blob matches its digest, but whose content is not what the configuration's diff ID says.
	wrongDiff := func(f *caseDir) {
		other, err := imagetest.Tar(imagetest.File("etc/motd", "other"))
		if err != nil {
			f.t.Fatal(err)
		}
		packed, err := imagetest.Compress(imagetest.Gzip, other)
		if err != nil {
			f.t.Fatal(err)
		}
		_, m := f.manifest()
		d := f.putBlob(packed)
		d.MediaType = m.Layers[0].MediaType
		m.Layers[0] = d
		f.putManifest(m)
	}
	out := []fault{
		{name: "gzip layer, one byte", prepare: layout("oci", func(f *caseDir) { f.flip(f.layerBlob(0)) }), code: 3, says: "layer 1"},
		{name: "zstd layer, one byte", prepare: layout("oci-zstd", func(f *caseDir) { f.flip(f.layerBlob(0)) }), code: 3, says: "layer 1"},
		{name: "gzip layer, bytes after its end", prepare: layout("oci", padded), code: 3, says: "layer 1"},
		{name: "zstd layer, bytes after its end", prepare: layout("oci-zstd", padded), code: 3, says: "layer 1"},
		{name: "another layer under the same name", prepare: layout("oci", func(f *caseDir) {
			packed, err := imagetest.Compress(imagetest.Gzip, nil)
			if err != nil {
				f.t.Fatal(err)
			}
			f.write(f.layerBlob(0), string(packed))
		}), code: 3, says: "layer 1"},
		{name: "configuration blob", prepare: layout("oci", func(f *caseDir) { _, m := f.manifest(); f.flip(blobPath(m.Config.Digest)) }),
			code: 3, says: "digest"},
		{name: "manifest blob", prepare: layout("oci", func(f *caseDir) { p, _ := f.manifest(); f.flip(p) }), code: 3, says: "digest"},
		{name: "diff ID of a gzip layer, with --verify", prepare: layout("oci", wrongDiff, "--verify"), code: 3,
			says: "the inflated content has the digest"},
		{name: "plain layer, with --verify", prepare: func(f *caseDir) []string {
			f.good()
			b := f.read("image.tar")
			f.write("image.tar", strings.Replace(b, "bookworm", "bookwurm", 1))
			return f.scan("./image.tar", "--verify")
		}, code: 3, says: "the blob has the digest"},
	}
	for i := range out {
		out[i].class = "digests"
	}
	return out
}

func agreementFaults() []fault {
	// rewrite changes the files of a docker archive.
	rewrite := func(change func(entries []imagetest.Entry) []imagetest.Entry) func(*caseDir) []string {
		return func(f *caseDir) []string {
			f.good()
			b, err := imagetest.Tar(change(entriesOf(f.t, filepath.Join(f.dir, "image.tar")))...)
			if err != nil {
				f.t.Fatal(err)
			}
			f.write("image.tar", string(b))
			return f.scan("./image.tar")
		}
	}
	replace := func(old, new string) func(*caseDir) []string {
		return rewrite(func(entries []imagetest.Entry) []imagetest.Entry {
			for i := range entries {
				if strings.HasSuffix(entries[i].Path, ".json") {
					entries[i].Body = bytes.ReplaceAll(entries[i].Body, []byte(old), []byte(new))
				}
			}
			return entries
		})
	}
	manifest := func(change func(*ociManifest)) func(*caseDir) []string {
		return func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			_, m := f.manifest()
			change(&m)
			f.putManifest(m)
			return f.scan(p)
		}
	}
	out := []fault{
		{name: "a layer more than diff IDs", prepare: manifest(func(m *ociManifest) { m.Layers = append(m.Layers, m.Layers[0]) }), code: 3,
			says: "layers"},
		{name: "no layers, but diff IDs", prepare: manifest(func(m *ociManifest) { m.Layers = nil }), code: 3, says: "layers"},
		{name: "a configuration that is a layer", prepare: manifest(func(m *ociManifest) { m.Config = m.Layers[0] }), code: 2,
			says: "not a container image"},
		{name: "a digest that is none", prepare: manifest(func(m *ociManifest) { m.Layers[0].Digest = "sha256:../../etc/passwd" }), code: 3,
			says: "digest"},
		{name: "a size that is not the blob's", prepare: manifest(func(m *ociManifest) { m.Layers[0].Size += 7 }), code: 3,
			says: "manifest says"},
		{name: "a layer that is elsewhere", prepare: manifest(func(m *ociManifest) {
			m.Layers[0].MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
		}), code: 3, says: "layer 1"},
		{name: "the manifest names a layer that is not there", prepare: replace("/layer.tar", "/lay.tar"), code: 3, says: "lay.tar"},
		{name: "two entries of the same name", prepare: rewrite(func(e []imagetest.Entry) []imagetest.Entry { return append(e, e[len(e)-1]) }),
			code: 3, says: "twice"},
		{name: "manifest.json and index.json name different images", prepare: func(f *caseDir) []string {
			f.image("docker", goodImage)
			first := entriesOf(f.t, filepath.Join(f.dir, "image.tar"))
			f.image("docker", strings.ReplaceAll(goodImage, "base-files", "other-files"))
			both := map[string]imagetest.Entry{}
			for _, e := range append(entriesOf(f.t, filepath.Join(f.dir, "image.tar")), first...) {
				if _, there := both[e.Path]; !there || e.Path == "manifest.json" {
					both[e.Path] = e
				}
			}
			var entries []imagetest.Entry
			for _, name := range sortedKeys(both) {
				entries = append(entries, both[name])
			}
			b, err := imagetest.Tar(entries...)
			if err != nil {
				f.t.Fatal(err)
			}
			return f.scan("./" + f.write("both.tar", string(b)))
		}, code: 3, says: "index.json"},
		{name: "docker schema 1", prepare: func(f *caseDir) []string {
			p := f.image("oci", goodImage)
			d := f.putBlob([]byte(`{"schemaVersion": 1, "fsLayers": []}`))
			f.write("image/index.json",
				fmt.Sprintf(`{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.docker.distribution.manifest.v1+json", `+
					`"digest": %q, "size": %d}]}`, d.Digest, d.Size))
			return f.scan(p)
		}, code: 3, says: "schema"},
	}
	for i := range out {
		out[i].class = "manifest and configuration"
	}
	return out
}
