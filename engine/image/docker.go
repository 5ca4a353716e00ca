package image

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
)

// dockerEntry is one image in the manifest.json of a docker save archive (moby image/tarexport/tarexport.go, manifestItem).
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// openDocker opens an archive that has a manifest.json. With oci it also has an index.json, which must then name the same content.
func (a *archive) openDocker(ctx context.Context, oci bool, pick string, id engine.Identity, o Options) (*image, error) {
	raw, err := readSmall(a, "manifest.json", engine.MaxManifest)
	if err != nil {
		return nil, err
	}
	var entries []dockerEntry
	if err := decodeJSON(raw, &entries); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(entries) > maxManifests {
		return nil, &engine.LimitError{What: "number of images in manifest.json", Limit: maxManifests}
	}
	i, err := selectEntry(entries, pick, id.Name)
	if err != nil {
		return nil, err
	}
	id.ContainedNames = sortedUnique(entries[i].RepoTags)
	if oci {
		found, err := a.matchIndex(ctx, entries)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return found[i].open(ctx, id, o)
		}
	}
	return a.openLegacy(entries[i], id, o)
}

// selectEntry returns the index of the entry that pick names by tag or configuration digest, or of the only one when pick is empty.
func selectEntry(entries []dockerEntry, pick, name string) (int, error) {
	var known []string
	for i, e := range entries {
		if pick != "" && (slices.Contains(e.RepoTags, pick) || pick == string(digestOfName(e.Config))) {
			return i, nil
		}
		known = append(known, e.RepoTags...)
		if len(e.RepoTags) == 0 {
			known = append(known, "(untagged) "+path.Base(e.Config))
		}
	}
	switch {
	case len(entries) == 0:
		return 0, fmt.Errorf("the manifest.json of %s lists no image", name)
	case pick != "":
		return 0, engine.UnknownWord("image in the archive:", pick, known)
	case len(entries) > 1:
		err := engine.Usage("%s holds %d images", name, len(entries))
		return 0, engine.Hint(err, "choose one with docker-archive:PATH:NAME: %s", strings.Join(quoted(known), ", "))
	}
	return 0, nil
}

// openLegacy opens an image that only a manifest.json describes.
func (a *archive) openLegacy(e dockerEntry, id engine.Identity, o Options) (*image, error) {
	config, err := readSmall(a, e.Config, engine.MaxConfig)
	if err != nil {
		return nil, fmt.Errorf("the image configuration: %w", err)
	}
	if d := digestOfName(e.Config); d != "" {
		if err := checkDigest("the image configuration", d, config); err != nil {
			return nil, err
		}
	}
	var blobs []blob
	for i, name := range e.Layers {
		b, err := a.layerBlob(name)
		if err != nil {
			return nil, fmt.Errorf("layer %d of %d: %w", i+1, len(e.Layers), err)
		}
		b.digest = digestOfBlobPath(name)
		blobs = append(blobs, b)
	}
	id.Digest = sha256Digest(config)
	m, err := newImage(id, config, blobs, o)
	if err != nil {
		return nil, err
	}
	if err := checkPlatform(m.id.Platform, o.Platform); err != nil {
		return nil, err
	}
	return m, nil
}

// digestOfName returns the digest that a file's name claims: "<hex>.json", "sha256:<hex>", "blobs/sha256/<hex>"; empty when it claims
// none.
func digestOfName(name string) engine.Digest {
	d := engine.Digest("sha256:" + strings.TrimPrefix(strings.TrimSuffix(path.Base(name), ".json"), "sha256:"))
	if strings.HasPrefix(name, "blobs/sha512/") {
		d = engine.Digest("sha512:" + path.Base(name))
	}
	if _, err := newHash(d); err != nil {
		return ""
	}
	return d
}

// matchIndex checks that manifest.json and index.json name the same images, because tools differ in which of the two they read. It returns
// for each entry of manifest.json the image manifests below the index entry that describes the same image; nil where index.json lists
// nothing, as Docker 25 writes it of an image saved by its digest.
func (a *archive) matchIndex(ctx context.Context, entries []dockerEntry) ([]*candidates, error) {
	c := localContent{a}
	index, err := readIndex(c)
	if err != nil || len(index.Manifests) == 0 {
		return nil, err
	}
	all := &candidates{content: c}
	if err := all.gather(ctx, index); err != nil {
		return nil, err
	}
	matched := make([]*candidates, len(entries))
	for _, top := range index.Manifests {
		s := all.below(top.Digest)
		err := s.setAsideAbsent(ctx)
		if absent := (*absentError)(nil); errors.As(err, &absent) && len(index.Manifests) > 1 {
			continue // of an export of one platform nobody can run the others
		}
		if err != nil {
			return nil, err
		}
		known := len(s.list) == 0 // attestations and artifacts alone
		for i := range s.list {
			doc, err := s.load(ctx, s.list[i].descriptor)
			if err != nil {
				return nil, err
			}
			for j, e := range entries {
				if doc.Config != nil && a.describesSame(e, doc) {
					known, matched[j] = true, s
					s.preferred = s.list[i].Digest
				}
			}
		}
		if !known {
			return nil, fmt.Errorf("index.json names the image %s, which manifest.json does not: they disagree about what this archive holds",
				top.Digest.Short())
		}
	}
	for j, e := range entries {
		if matched[j] == nil {
			return nil, fmt.Errorf("manifest.json names the image with the configuration %q, which index.json does not: "+
				"they disagree about what this archive holds", path.Base(e.Config))
		}
	}
	return matched, nil
}

// describesSame reports whether an entry of manifest.json and an OCI manifest lead to the same bytes of the archive.
func (a *archive) describesSame(e dockerEntry, doc *ociManifest) bool {
	if len(e.Layers) != len(doc.Layers) || !a.sameFile(e.Config, doc.Config.Digest) {
		return false
	}
	for i, name := range e.Layers {
		if !a.sameFile(name, doc.Layers[i].Digest) {
			return false
		}
	}
	return true
}

func (a *archive) sameFile(name string, d engine.Digest) bool {
	m, err := a.resolve(name)
	if err != nil {
		return false
	}
	n, err := a.resolve(blobPath(d))
	return err == nil && m == n
}

// digestOfBlobPath returns the digest of a file below "blobs/", whose name OCI layouts take from its content; empty for other paths.
func digestOfBlobPath(name string) engine.Digest {
	if !strings.HasPrefix(name, "blobs/") {
		return ""
	}
	return digestOfName(name)
}

func sortedUnique(names []string) []string {
	out := slices.Clone(names)
	sort.Strings(out)
	return slices.Compact(out)
}

func quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return out
}
