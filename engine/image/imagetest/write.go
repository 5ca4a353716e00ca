package imagetest

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// WriteDockerArchive writes what `docker save` wrote before version 25: <id>/layer.tar files, <id>.json and manifest.json.
func WriteDockerArchive(w io.Writer, images ...Image) error {
	var entries []Entry
	var list []object
	seen := map[string]bool{}
	add := func(name string, body []byte) {
		if !seen[name] {
			seen[name] = true
			entries = append(entries, Entry{Path: name, Body: body})
		}
	}
	for _, m := range images {
		p, err := Pack(m)
		if err != nil {
			return err
		}
		layers := []string{}
		for i, d := range p.DiffIDs {
			name := hexOf(d) + "/layer.tar"
			add(name, p.Layers[i])
			layers = append(layers, name)
		}
		config := hexOf(p.ConfigDigest) + ".json"
		add(config, p.Config)
		list = append(list, object{"Config": config, "RepoTags": names(m), "Layers": layers})
	}
	manifest, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("imagetest: %w", err)
	}
	add("manifest.json", manifest)
	return writeTar(w, entries)
}

// WriteDockerOCIArchive writes what `docker save` writes today: an OCI layout in a tar, with a manifest.json beside its index.
func WriteDockerOCIArchive(w io.Writer, images ...Image) error {
	files, packed, err := layout(images)
	if err != nil {
		return err
	}
	var list []object
	for _, p := range packed {
		layers := []string{}
		for _, d := range p.Digests {
			layers = append(layers, "blobs/sha256/"+hexOf(d))
		}
		list = append(list, object{"Config": "blobs/sha256/" + hexOf(p.ConfigDigest), "RepoTags": names(p.Image), "Layers": layers})
	}
	manifest, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("imagetest: %w", err)
	}
	return writeTar(w, append(files, Entry{Path: "manifest.json", Body: manifest}))
}

// WriteOCIArchive writes an OCI layout in a tar.
func WriteOCIArchive(w io.Writer, images ...Image) error {
	files, _, err := layout(images)
	if err != nil {
		return err
	}
	return writeTar(w, files)
}

// WriteOCILayout writes an OCI layout into the directory dir, which it makes.
func WriteOCILayout(dir string, images ...Image) error {
	files, _, err := layout(images)
	if err != nil {
		return err
	}
	for _, f := range files {
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("imagetest: %w", err)
		}
		if err := os.WriteFile(to, f.Body, 0o644); err != nil {
			return fmt.Errorf("imagetest: %w", err)
		}
	}
	return nil
}

// layout returns the files of an OCI layout: blobs sorted by digest, then index.json and oci-layout.
func layout(images []Image) ([]Entry, []*Packed, error) {
	blobs := map[string][]byte{}
	var packed []*Packed
	var top []object
	groups := map[string][]object{}
	for _, m := range images {
		p, err := Pack(m)
		if err != nil {
			return nil, nil, err
		}
		packed = append(packed, p)
		blobs[p.ConfigDigest], blobs[p.ManifestDigest] = p.Config, p.Manifest
		for i, d := range p.Digests {
			blobs[d] = p.Layers[i]
		}
		d := describe(manifestType, p.Manifest)
		osName, arch, variant := m.platform()
		platform := object{"os": osName, "architecture": arch}
		if variant != "" {
			platform["variant"] = variant
		}
		d["platform"] = platform
		switch first := m.Group != "" && groups[m.Group] == nil; {
		case first:
			top = append(top, object{"group": m.Group, "tag": m.tag()}) // replaced below, when the group is whole
			fallthrough
		case m.Group != "":
			groups[m.Group] = append(groups[m.Group], d)
		default:
			top = append(top, tagged(d, m.tag()))
		}
	}
	for i, d := range top {
		group, ok := d["group"].(string)
		if !ok {
			continue
		}
		inner, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": groups[group]})
		if err != nil {
			return nil, nil, fmt.Errorf("imagetest: %w", err)
		}
		blobs[Digest(inner)] = inner
		tag, _ := d["tag"].(string)
		top[i] = tagged(describe(indexType, inner), tag)
	}
	index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": top})
	if err != nil {
		return nil, nil, fmt.Errorf("imagetest: %w", err)
	}
	var files []Entry
	for d, b := range blobs {
		files = append(files, Entry{Path: "blobs/sha256/" + hexOf(d), Body: b})
	}
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	files = append(files, Entry{Path: "index.json", Body: index}, File("oci-layout", `{"imageLayoutVersion":"1.0.0"}`))
	return files, packed, nil
}

func describe(mediaType string, b []byte) object {
	return object{"mediaType": mediaType, "digest": Digest(b), "size": len(b)}
}

func tagged(d object, tag string) object {
	if tag != "" {
		d["annotations"] = object{"org.opencontainers.image.ref.name": tag}
	}
	return d
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func names(m Image) []string {
	if m.Name == "" {
		return nil
	}
	return []string{m.Name}
}

func writeTar(w io.Writer, entries []Entry) error {
	b, err := Tar(entries...)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("imagetest: %w", err)
	}
	return nil
}
