package image

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/vetoci/veto/engine"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Content ends at the same byte, however it is read, and small blobs may inflate to what large files of zeros do.
func TestBounded(t *testing.T) {
	for _, step := range []int{1 << 20, 3<<20 + 7} {
		r := newLimitedReader(zeros{}, 1000)
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, step))
		if limit := (*engine.LimitError)(nil); n != engine.MaxRatioAfter || !errors.As(err, &limit) || limit.Limit != n {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
	for size, want := range map[int64]int64{0: engine.MaxRatioAfter, 1 << 30: engine.MaxInflated, 100 << 20: 100 << 20 * engine.MaxRatio,
		1 << 62: engine.MaxInflated} {
		if got := inflateLimit(size); got != want {
			t.Errorf("a blob of %d bytes may inflate to %d, want %d", size, got, want)
		}
	}
}

// A blob that an image names many times counts each time that it is inflated, and allows for itself once.
func TestSameBlobManyTimes(t *testing.T) {
	same := make([]blob, 1000)
	for i := range same {
		same[i] = blob{digest: "sha256:a", size: 1000}
	}
	all := newInflateBudget(same)
	r := newLimitedReader(bytes.NewReader(make([]byte, 10)), 1000)
	r.budget = all
	if _, err := io.ReadAll(r); err != nil || all.used.Load() != 10 || all.limit != engine.MaxRatioAfter {
		t.Fatalf("%v; %d of %d", err, all.used.Load(), all.limit)
	}
	if err := all.spend(engine.MaxRatioAfter); err == nil {
		t.Error("no end")
	}
	same[1].digest = "sha256:b"
	if all := newInflateBudget(same); all.limit != 2*engine.MaxRatioAfter {
		t.Errorf("two blobs may inflate to %d", all.limit)
	}
}
