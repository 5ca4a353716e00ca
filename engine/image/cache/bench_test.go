package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The shape of an image of 36,000 entries and 394 packages in one layer.
func BenchmarkLoad(b *testing.B) {
	c, dir := open(b, 1<<30)
	key := keyOf("bench")
	if err := c.Store(key, distribution(36_000, 394)); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, key+layerSuffix))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Load(key); !ok {
			b.Fatal("missed")
		}
	}
}

// Storing looks at every file for room: the cost of a full cache is part of it.
func BenchmarkStore(b *testing.B) {
	for _, others := range []int{0, 5000} {
		b.Run(fmt.Sprintf("beside %d", others), func(b *testing.B) {
			c, dir := open(b, 1<<30)
			for i := range others {
				if err := os.WriteFile(filepath.Join(dir, keyOf(fmt.Sprint(i))+layerSuffix), []byte("x"), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			lf := distribution(36_000, 394)
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Store(keyOf("bench"), lf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHashed(b *testing.B) {
	c, _ := open(b, 1<<30)
	if err := c.Record("state", "sha256:00"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := c.Hashed("state"); !ok {
			b.Fatal("missed")
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	payload := packed(b, distribution(36_000, 394))
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	lf := distribution(36_000, 394)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(lf); err != nil {
			b.Fatal(err)
		}
	}
}
