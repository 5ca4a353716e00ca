package inflate

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// BenchmarkInflate compares the reader with others on the same streams: the layers in VETO_IMAGES, or generated text.
func BenchmarkInflate(b *testing.B) {
	inputs := layers(b)
	if len(inputs) == 0 {
		inputs = map[string][]byte{"text": corpus(b)}
	}
	readers := []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"veto", func(r io.Reader) (io.Reader, error) { return NewReader(r) }},
		{"veto on one core", func(r io.Reader) (io.Reader, error) { return newReader(r, noSpeculation()) }},
		{"klauspost", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"std", func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) }},
	}
	for name, data := range inputs {
		for _, r := range readers {
			b.Run(name+"/"+r.name, func(b *testing.B) {
				p := make([]byte, 256<<10)
				for b.Loop() {
					z, err := r.open(bytes.NewReader(data))
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.CopyBuffer(discard{}, struct{ io.Reader }{z}, p)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(n)
				}
			})
		}
	}
}

// discard is io.Discard without its own reading.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// corpus is text of 20 MB, packed.
func corpus(b *testing.B) []byte {
	content := contents()["text"]
	var buf bytes.Buffer
	w := stdgzip.NewWriter(&buf)
	for range 50 {
		if _, err := w.Write(content); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}
