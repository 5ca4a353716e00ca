package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// caseDir is the folder of one case.
type caseDir struct {
	t   *testing.T
	dir string
}

func (f *caseDir) write(name, text string) string {
	writeText(f.t, filepath.Join(f.dir, name), text)
	return name
}

func (f *caseDir) read(name string) string {
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

func (f *caseDir) remove(name string) {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
		f.t.Fatal(err)
	}
}

// cut removes the end of a file.
func (f *caseDir) cut(name string, keep float64) {
	b := f.read(name)
	f.write(name, b[:int(float64(len(b))*keep)])
}

// flip changes one byte of a file, counted from its middle.
func (f *caseDir) flip(name string) {
	b := []byte(f.read(name))
	b[len(b)/2] ^= 0x40
	f.write(name, string(b))
}

// goodImage is what every broken image starts from.
const goodImage = `name example.test/good:1
config {"User": "app"}
layer FROM debian:12
text etc/os-release ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n
text var/lib/dpkg/status Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n
`

// goodWith adds a text file to the good image.
func goodWith(path, text string) string {
	return goodImage + "layer COPY . /\ntext " + path + " " + strings.ReplaceAll(text, "\n", `\n`) + "\n"
}

// image packs a description in some form and returns its path as an argument.
func (f *caseDir) image(form, description string) string {
	f.write("image.txt", description)
	out := "image.tar"
	if form == "oci" || form == "oci-zstd" {
		out = "image"
	}
	if err := mkimage([]string{form, filepath.Join(f.dir, out), filepath.Join(f.dir, "image.txt")}); err != nil {
		f.t.Fatal(err)
	}
	return "./" + out
}

func (f *caseDir) good() string { return f.image("save", goodImage) }

// scan is the usual command line over a database that has what the good image needs.
func (f *caseDir) scan(args ...string) []string {
	f.write("veto.yaml", "version: 1\nrules: {database-stale: warn}\n")
	return f.bare(args...)
}

// bare is scan without a configuration file.
func (f *caseDir) bare(args ...string) []string {
	return append([]string{"scan", "--db", quickstart(f.t, "advisories"), "-o", "json=run.json"}, args...)
}

type ociIndex struct {
	SchemaVersion int             `json:"schemaVersion"`
	Manifests     []ociDescriptor `json:"manifests"`
}

type ociDescriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

type ociManifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Config        ociDescriptor   `json:"config"`
	Layers        []ociDescriptor `json:"layers"`
}

func blobPath(digest string) string { return "image/blobs/" + strings.Replace(digest, ":", "/", 1) }

func (f *caseDir) manifest() (string, ociManifest) {
	var index ociIndex
	var m ociManifest
	if err := json.Unmarshal([]byte(f.read("image/index.json")), &index); err != nil {
		f.t.Fatal(err)
	}
	p := blobPath(index.Manifests[0].Digest)
	if err := json.Unmarshal([]byte(f.read(p)), &m); err != nil {
		f.t.Fatal(err)
	}
	return p, m
}

func (f *caseDir) layerBlob(i int) string {
	_, m := f.manifest()
	return blobPath(m.Layers[i].Digest)
}

// putManifest replaces the layout's one manifest and makes the index name it.
func (f *caseDir) putManifest(m ociManifest) {
	d := f.putBlob(m)
	d.MediaType = "application/vnd.oci.image.manifest.v1+json"
	b, err := json.Marshal(ociIndex{2, []ociDescriptor{d}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("image/index.json", string(b))
}

func (f *caseDir) putBlob(v any) ociDescriptor {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			f.t.Fatal(err)
		}
	}
	sum := sha256.Sum256(b)
	d := "sha256:" + hex.EncodeToString(sum[:])
	f.write(blobPath(d), string(b))
	return ociDescriptor{Digest: d, Size: len(b)}
}

// shard is the file of an ecosystem's shard.
func (f *caseDir) shard(dir, ecosystem string) string {
	m := regexp.MustCompile(`"ecosystem": *"` + ecosystem +
		`",\s*"digest": *"sha256:([0-9a-f]{64})"`).FindStringSubmatch(f.read(dir + "/manifest.json"))
	if m == nil {
		f.t.Fatalf("no shard of %s in the manifest", ecosystem)
	}
	return dir + "/" + m[1] + ".shard"
}
