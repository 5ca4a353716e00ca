package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/catalog"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/cache"
	"github.com/vetoci/veto/engine/scan"
)

// Changing any byte of any file of the cache changes neither the verdict nor a byte of the report.
func TestDamagedCacheChangesNothing(t *testing.T) {
	t.Parallel()
	source, kept := quickstartLayout(t), t.TempDir()
	wantCode, want := scanHere(t, time.Now, source, kept)
	if wantCode != exitDenied {
		t.Fatalf("exit %d", wantCode)
	}
	samples := 25
	if os.Getenv("VETO_TEST_REQUIRE_ALL") != "" {
		samples = 500
	}
	rnd := rand.New(rand.NewPCG(3, 5))
	for i := range samples {
		files, err := filepath.Glob(filepath.Join(kept, "layers", "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%v, %v", files, err)
		}
		path := files[rnd.IntN(len(files))]
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := rnd.IntN(len(data))
		data[at] ^= byte(1 + rnd.IntN(255))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, got := scanHere(t, time.Now, source, kept); code != wantCode || !bytes.Equal(got, want) {
			t.Fatalf("sample %d: byte %d of %s: exit %d, report %.2000s", i, at, filepath.Base(path), code, got)
		}
	}
}

// A hundred scans (twenty with -short) that share a cache, half of them killed at some moment: those that end say the same.
func TestManyScansShareACache(t *testing.T) {
	t.Parallel()
	source, kept := quickstartLayout(t), t.TempDir()
	_, want := scanHere(t, time.Now, source, t.TempDir())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	room := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range sample(100) {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			out := filepath.Join(dir, "run"+string(rune('a'+i%26))+string(rune('a'+i/26))+".json")
			cmd := exec.CommandContext(t.Context(), self, "scan", source, "-q", "-o", "json="+out, "--now", clock, "--cache-limit", "1MiB",
				"--config", quickstart(t, "veto.yaml"),
				"--db", quickstart(t, "advisories"))
			cmd.Env = []string{runMain + "=1", "VETO_CACHE=" + kept, "HOME=" + dir}
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			if i%2 == 0 {
				timer := time.AfterFunc(time.Duration(i*7)*time.Millisecond, func() { cmd.Process.Kill() })
				defer timer.Stop()
			}
			err := cmd.Wait()
			code, _ := exitCode(err)
			if i%2 == 0 && code < 0 {
				return
			}
			got, err := os.ReadFile(out)
			if code != exitDenied || err != nil || !bytes.Equal(got, want) {
				t.Errorf("scan %d: exit %d, %v, another report than without a cache", i, code, err)
			}
		})
	}
	wg.Wait()
	if code, got := scanHere(t, time.Now, source, kept); code != exitDenied || !bytes.Equal(got, want) {
		t.Errorf("afterwards: exit %d, report %.2000s", code, got)
	}
}

// realLayers reads the layers of a real image as a scan does.
func realLayers(t testing.TB, name string) (layers []engine.LayerFacts) {
	t.Helper()
	img, err := image.Open(t.Context(), filepath.Join(images(t), name), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	enough := errors.New("enough")
	reader, err := scan.NewReader(scan.Parts{
		Inspectors: catalog.All(), Matcher: advisory.None(), Workers: 2, Memory: engine.MaxMemory, Assemble: catalog.Assemble,
		Merge: func(all []engine.LayerFacts) ([]*engine.Tree, error) {
			layers = all
			return nil, enough
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Read(t.Context(), img, time.Time{}); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	return layers
}

// BenchmarkCache stores and loads the layers of a real image, all of them one after the other.
func BenchmarkCache(b *testing.B) {
	layers := realLayers(b, "web-oci")
	c, err := cache.Open(filepath.Join(b.TempDir(), "layers"), 1<<30, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	key := func(i int) string { return engine.Fingerprint(string(layers[i].Info.Digest)) }
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range layers {
				if err := c.Store(key(i), &layers[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for i := range layers {
				if _, ok := c.Load(key(i)); !ok {
					b.Fatal("missed")
				}
			}
		}
	})
	status, err := c.Stats()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(status.Bytes), "disk-bytes")
}
