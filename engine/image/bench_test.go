package image_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// BenchmarkFloor is what reading a compressed image takes at least with klauspost/compress: every layer inflated by its best reader and
// its blob hashed, each in a goroutine of its own, layers in parallel, nothing looked at. BenchmarkLayers is veto's reading of the same.
func BenchmarkFloor(b *testing.B) {
	dir := realImages(b)
	for _, name := range []string{"web-oci", "web-zstd"} {
		blobs := layerBlobs(b, filepath.Join(dir, name))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				inParallel(b, blobs, func(blob string) (int64, error) { return inflateAndHash(blob) })
			}
		})
	}
}

func BenchmarkLayers(b *testing.B) {
	dir := realImages(b)
	for _, name := range []string{"web-oci", "web-zstd", "web-gz.tar", "web.tar"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				m, err := image.Open(b.Context(), filepath.Join(dir, name), image.Options{})
				if err != nil {
					b.Fatal(err)
				}
				inParallel(b, m.Layers(), func(l engine.Layer) (int64, error) { return countBytes(b.Context(), l) })
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func inParallel[T any](b *testing.B, of []T, do func(T) (int64, error)) {
	var wg sync.WaitGroup
	total := make([]int64, len(of))
	for i, v := range of {
		wg.Go(func() {
			n, err := do(v)
			if err != nil {
				b.Error(err)
			}
			total[i] = n
		})
	}
	wg.Wait()
	all := int64(0)
	for _, n := range total {
		all += n
	}
	b.SetBytes(all)
}

func countBytes(ctx context.Context, l engine.Layer) (n int64, err error) {
	_, err = l.Walk(ctx, func(f *engine.File) error {
		n += f.Size
		return nil
	})
	return n, err
}

func inflateAndHash(blob string) (int64, error) {
	f, err := os.Open(blob)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	stored, toHash := io.Pipe()
	done := make(chan error, 1)
	go func() {
		h := sha256.New()
		_, err := io.Copy(h, bufio.NewReaderSize(stored, 1<<20))
		done <- err
	}()
	r := bufio.NewReaderSize(io.TeeReader(f, toHash), 1<<20)
	head, err := r.Peek(4)
	if err != nil {
		return 0, err
	}
	var n int64
	if head[0] == 0x1f {
		z, err := gzip.NewReader(r)
		if err != nil {
			return 0, err
		}
		n, err = z.WriteTo(io.Discard)
		if err != nil {
			return 0, err
		}
	} else {
		z, err := zstd.NewReader(r)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		if n, err = z.WriteTo(io.Discard); err != nil {
			return 0, err
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return 0, err
	}
	if err := toHash.Close(); err != nil {
		return 0, err
	}
	return n, <-done
}

// layerBlobs are the files of the layers of an OCI layout with one image.
func layerBlobs(tb testing.TB, dir string) []string {
	tb.Helper()
	type manifest struct{ Manifests, Layers []struct{ Digest string } }
	read := func(name string) (m manifest) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil {
			tb.Fatal(err)
		}
		return m
	}
	path := func(digest string) string { return filepath.Join("blobs", strings.Replace(digest, ":", "/", 1)) }
	var out []string
	for _, l := range read(path(read("index.json").Manifests[0].Digest)).Layers {
		out = append(out, filepath.Join(dir, path(l.Digest)))
	}
	return out
}

// BenchmarkEntriesNotBytes reads plain images of 2,000 files each whose bodies are of 10 MB, 100 MB and 1 GB in all: the time must not grow
// with the bytes. Bodies are holes of a sparse file, so that the disk has no part in it.
func BenchmarkEntriesNotBytes(b *testing.B) {
	for _, size := range []int64{10 << 20, 100 << 20, 1 << 30} {
		p := filepath.Join(b.TempDir(), "image.tar")
		if err := imagetest.WriteSparseArchive(p, 2000, size); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%dMB", size>>20), func(b *testing.B) {
			for b.Loop() {
				m, err := image.Open(b.Context(), p, image.Options{})
				if err != nil {
					b.Fatal(err)
				}
				for _, l := range m.Layers() {
					if _, err := countBytes(b.Context(), l); err != nil {
						b.Fatal(err)
					}
				}
				if err := m.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
