package catalog

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestIndexMark compares indexMark with bytes.Index, over texts of few different bytes.
func TestIndexMark(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "\x00\xffab"[r.IntN(4)]
		}
		return b
	}
	for range 20000 {
		b, mark := text(r.IntN(40)), text(1+r.IntN(4))
		if got, want := indexMark(b, string(mark)), bytes.Index(b, mark); got != want {
			t.Fatalf("%q in %q is at %d, not at %d", mark, b, got, want)
		}
	}
}
