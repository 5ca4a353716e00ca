package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

type hostileDir struct {
	caseDir
	in io.Reader
}

// blob is a layer as an archive stores it.
type hostileBlob struct {
	packed bytes.Buffer
	plain  hash.Hash
}

// layer makes a layer of what write writes; pack is "", "gzip" or "zstd".
func (h *hostileDir) layer(pack string, write func(w io.Writer)) *hostileBlob {
	b := &hostileBlob{plain: sha256.New()}
	var z io.WriteCloser
	switch pack {
	case "gzip":
		z, _ = gzip.NewWriterLevel(&b.packed, gzip.BestSpeed)
	case "zstd":
		z, _ = zstd.NewWriter(&b.packed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	default:
		write(io.MultiWriter(&b.packed, b.plain))
		return b
	}
	write(io.MultiWriter(z, b.plain))
	if err := z.Close(); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// entries makes a layer of tar headers with bodies.
func (h *hostileDir) entries(pack string, write func(add func(hd tar.Header, body []byte))) *hostileBlob {
	return h.layer(pack, func(w io.Writer) {
		tw := tar.NewWriter(w)
		write(func(hd tar.Header, body []byte) {
			if hd.Typeflag == 0 {
				hd.Typeflag = tar.TypeReg
			}
			if hd.Mode == 0 {
				hd.Mode = 0o644
			}
			hd.Size = int64(len(body))
			if err := tw.WriteHeader(&hd); err != nil {
				h.t.Fatal(err)
			}
			if _, err := tw.Write(body); err != nil {
				h.t.Fatal(err)
			}
		})
		if err := tw.Close(); err != nil {
			h.t.Fatal(err)
		}
	})
}

// base is what an honest image begins with.
func (h *hostileDir) base() *hostileBlob {
	return h.entries("", func(add func(tar.Header, []byte)) {
		add(tar.Header{Name: "etc/os-release"}, []byte("ID=debian\nVERSION_ID=\"12\"\n"))
		add(tar.Header{Name: "var/lib/dpkg/status"},
			[]byte("Package: base-files\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.4\n"))
	})
}

// save writes a docker save archive of layers; a blob that stands several times is stored once.
func (h *hostileDir) save(layers ...*hostileBlob) string {
	f, err := os.Create(filepath.Join(h.dir, "image.tar"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.writeSave(f, layers)
	if err := f.Close(); err != nil {
		h.t.Fatal(err)
	}
	return "./image.tar"
}

func (h *hostileDir) writeSave(w io.Writer, layers []*hostileBlob) {
	tw := tar.NewWriter(w)
	add := func(name string, body []byte) {
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			h.t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			h.t.Fatal(err)
		}
	}
	var names, diffs []string
	stored := map[*hostileBlob]string{}
	for i, l := range layers {
		if stored[l] == "" {
			stored[l] = fmt.Sprintf("%d/layer.tar", i)
			add(stored[l], l.packed.Bytes())
		}
		names, diffs = append(names, stored[l]), append(diffs, "sha256:"+hex.EncodeToString(l.plain.Sum(nil)))
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "config": map[string]any{"User": "app"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	manifest, _ := json.Marshal([]any{map[string]any{"Config": "config.json", "Layers": names}})
	add("config.json", config)
	add("manifest.json", manifest)
	if err := tw.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// baseAndLayer is an image of the base and one layer of entries.
func baseAndLayer(pack string, write func(add func(tar.Header, []byte))) func(*hostileDir) string {
	return func(h *hostileDir) string { return h.save(h.base(), h.entries(pack, write)) }
}
