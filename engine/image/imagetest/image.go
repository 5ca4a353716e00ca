package imagetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how layers are stored.
type Compression string

// The ways to store layers; the zero value is Plain.
const (
	Plain Compression = ""
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// Layer is one layer: its entries, or Tar when that is set (any bytes, also broken ones).
type Layer struct {
	Entries   []Entry
	Tar       []byte
	CreatedBy string // the history entry's instruction, "COPY . /srv"
}

// Image describes an image of one platform.
type Image struct {
	Layers      []Layer // oldest first
	Name        string  // "example.test/shop/web:1.0": repository and tag, used where the form has room for names
	Platform    string  // "linux/arm64", "linux/arm/v7"; empty is linux/amd64
	Compression Compression
	TOC         TOC // of EStargz and ZstdChunked
	// Config is the configuration's inner object: {"User": "app", "Env": []string{…}}.
	Config map[string]any
	// History, when set, replaces the one made from the layers: {"created_by": …, "empty_layer": true}.
	History []map[string]any
	// Group puts this image and those of the same group into one nested index, as multi-platform builds have.
	Group string
}

// Packed is an image as the parts of which every stored form consists. Digests are "sha256:…".
type Packed struct {
	Image          Image
	Config         []byte
	ConfigDigest   string
	Manifest       []byte // OCI image manifest
	ManifestDigest string
	Layers         [][]byte // as stored
	Digests        []string // of Layers
	DiffIDs        []string
	MediaTypes     []string
}

// Digest is the sha256 digest of b.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Compress compresses b, as a whole.
func Compress(c Compression, b []byte) ([]byte, error) {
	var buf bytes.Buffer
	var w io.WriteCloser
	switch c {
	case Plain:
		return b, nil
	case Gzip:
		w = gzip.NewWriter(&buf)
	case Zstd:
		var err error
		if w, err = zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, fmt.Errorf("imagetest: %w", err)
		}
	default:
		return nil, fmt.Errorf("imagetest: unknown compression %q", c)
	}
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	return buf.Bytes(), nil
}

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// object marshals with sorted keys.
type object = map[string]any

// Pack makes the parts of an image.
func Pack(m Image) (*Packed, error) {
	p := &Packed{Image: m}
	mediaType := layerType
	switch m.Compression {
	case Plain:
	case EStargz:
		mediaType += "+gzip"
	case ZstdChunked:
		mediaType += "+zstd"
	default:
		mediaType += "+" + string(m.Compression)
	}
	history := m.History
	layers := []object{}
	for i, l := range m.Layers {
		plain := l.Tar
		if plain == nil {
			var err error
			if plain, err = Tar(l.Entries...); err != nil {
				return nil, err
			}
		}
		packed, content, notes, err := m.store(plain)
		if err != nil {
			return nil, err
		}
		p.Layers, p.Digests, p.DiffIDs = append(p.Layers, packed), append(p.Digests, Digest(packed)), append(p.DiffIDs, Digest(content))
		p.MediaTypes = append(p.MediaTypes, mediaType)
		d := object{"mediaType": mediaType, "digest": p.Digests[i], "size": len(packed)}
		if notes != nil {
			d["annotations"] = notes
		}
		layers = append(layers, d)
		if m.History == nil {
			history = append(history, object{"created": "1970-01-01T00:00:00Z", "created_by": l.CreatedBy})
		}
	}
	os, arch, variant := m.platform()
	config := object{"created": "1970-01-01T00:00:00Z", "os": os, "architecture": arch, "config": m.Config,
		"rootfs": object{"type": "layers", "diff_ids": p.DiffIDs}, "history": history}
	if m.Config == nil {
		config["config"] = object{}
	}
	if variant != "" {
		config["variant"] = variant
	}
	var err error
	if p.Config, err = json.Marshal(config); err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	p.ConfigDigest = Digest(p.Config)
	manifest := object{"schemaVersion": 2, "mediaType": manifestType,
		"config": object{"mediaType": configType, "digest": p.ConfigDigest, "size": len(p.Config)}, "layers": layers}
	if p.Manifest, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	p.ManifestDigest = Digest(p.Manifest)
	return p, nil
}

// store compresses a layer. It returns what is stored, what that inflates to, and the annotations of its descriptor.
func (m Image) store(plain []byte) (packed, content []byte, notes map[string]string, err error) {
	if m.Compression == EStargz || m.Compression == ZstdChunked {
		return PackTOC(m.Compression, plain, m.TOC)
	}
	packed, err = Compress(m.Compression, plain)
	return packed, plain, nil, err
}

func (m Image) platform() (os, arch, variant string) {
	if m.Platform == "" {
		return "linux", "amd64", ""
	}
	parts := append(strings.SplitN(m.Platform, "/", 3), "", "")
	return parts[0], parts[1], parts[2]
}

func (m Image) tag() string {
	if i := strings.LastIndexByte(m.Name, ':'); i >= 0 && !strings.Contains(m.Name[i:], "/") {
		return m.Name[i+1:]
	}
	return ""
}
