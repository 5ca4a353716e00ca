package inflate

import (
	"bytes"
	"compress/flate"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
)

// result is what a reader gave, and the error that it ended with; nil is the end of the stream.
type result struct {
	content []byte
	err     error
}

func readStd(r io.Reader) result {
	z, err := stdgzip.NewReader(r)
	if err != nil {
		return result{nil, err}
	}
	b, err := io.ReadAll(z)
	return result{b, err}
}

// read reads a stream in parts of the given size; 0 stands for WriteTo.
func read(r io.Reader, part int) result {
	z, err := NewReader(r)
	if err != nil {
		return result{nil, err}
	}
	return readFrom(z, part)
}

func readFrom(z *Reader, part int) result {
	defer z.Close()
	var b bytes.Buffer
	if part == 0 {
		_, err := z.WriteTo(&b)
		return result{b.Bytes(), err}
	}
	p := make([]byte, part)
	for {
		n, err := z.Read(p)
		b.Write(p[:n])
		if errors.Is(err, io.EOF) {
			return result{b.Bytes(), nil}
		} else if err != nil {
			if _, again := z.Read(p); !errors.Is(again, err) {
				err = fmt.Errorf("%w, and then %w", err, again)
			}
			return result{b.Bytes(), err}
		}
	}
}

// errorKind tells errors apart as far as callers do.
func errorKind(err error) string {
	switch {
	case err == nil:
		return "none"
	case errors.Is(err, io.EOF):
		return "nothing at all"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.Is(err, stdgzip.ErrHeader), errors.Is(err, ErrHeader):
		return "header"
	case errors.Is(err, stdgzip.ErrChecksum), errors.Is(err, ErrChecksum):
		return "checksum"
	case errors.As(err, new(flate.CorruptInputError)), slices.Contains([]error{errCode, errDistance, errBlock, errStored, errLengths}, err):
		return "corrupt"
	}
	return err.Error()
}

// compareWithStd fails when the reader gives other content or another kind of error than compress/gzip.
func compareWithStd(t testing.TB, what string, source func() io.Reader, parts ...int) {
	t.Helper()
	w := readStd(source())
	for _, part := range parts {
		g := read(source(), part)
		if !bytes.Equal(g.content, w.content) {
			t.Fatalf("%s, in parts of %d: %d bytes (%v), compress/gzip gives %d (%v)", what, part, len(g.content), g.err, len(w.content), w.err)
		}
		if errorKind(g.err) != errorKind(w.err) {
			t.Fatalf("%s, in parts of %d: %v, compress/gzip says %v", what, part, g.err, w.err)
		}
	}
}

// some returns all of the streams; in short mode one of n.
func some(all map[string][]byte, n int) map[string][]byte {
	if !testing.Short() {
		return all
	}
	out := map[string][]byte{}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i%n == 0 {
			out[name] = all[name]
		}
	}
	return out
}

// However the source delivers a stream, and whatever follows it, the reader gives what compress/gzip gives.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, data := range some(streams(t), 7) {
		sources := map[string]func() io.Reader{
			"whole":    func() io.Reader { return bytes.NewReader(data) },
			"one byte": func() io.Reader { return iotest.OneByteReader(bytes.NewReader(data)) },
			"half":     func() io.Reader { return iotest.HalfReader(bytes.NewReader(data)) },
			"with EOF": func() io.Reader { return iotest.DataErrReader(bytes.NewReader(data)) },
			"an error between": func() io.Reader {
				first, second := bytes.NewReader(data[:len(data)/2]), bytes.NewReader(data[len(data)/2:])
				return io.MultiReader(first, iotest.ErrReader(os.ErrDeadlineExceeded), second)
			},
			"error":   func() io.Reader { return io.MultiReader(bytes.NewReader(data), iotest.ErrReader(os.ErrClosed)) },
			"garbage": func() io.Reader { return io.MultiReader(bytes.NewReader(data), bytes.NewReader(make([]byte, 3))) },
			"zeros":   func() io.Reader { return io.MultiReader(bytes.NewReader(data), bytes.NewReader(make([]byte, 512))) },
			"twice":   func() io.Reader { return io.MultiReader(bytes.NewReader(data), bytes.NewReader(data)) },
			"empty reads": func() io.Reader {
				return io.MultiReader(bytes.NewReader(data[:len(data)/2]), &emptyReads{99}, bytes.NewReader(data[len(data)/2:]))
			},
		}
		for how, source := range sources {
			compareWithStd(t, name+", "+how, source, 0, 1000)
		}
	}
}

// emptyReads returns neither bytes nor an error some times, and then the end.
type emptyReads struct{ times int }

func (s *emptyReads) Read([]byte) (int, error) {
	if s.times--; s.times < 0 {
		return 0, io.EOF
	}
	return 0, nil
}

// A source that returns nothing for ever must not hang the scan.
func TestNoProgress(t *testing.T) {
	data := streams(t)["text at 6"]
	if g := read(io.MultiReader(bytes.NewReader(data[:len(data)/2]), &emptyReads{1000}), 0); !errors.Is(g.err, io.ErrNoProgress) {
		t.Fatal(g.err)
	}
}

// Every prefix of a stream, and every stream with one bit changed, gives the content and kind of error that compress/gzip gives; with more
// input behind, which decodeFast needs, and without.
func TestBroken(t *testing.T) {
	t.Parallel()
	for name, data := range some(streams(t), 9) {
		if len(data) > 120 && name != "sentences at 6" || strings.HasPrefix(name, "period 1") || strings.HasPrefix(name, "period 7") {
			continue
		}
		for i := range data {
			compareWithStd(t, fmt.Sprintf("%s cut at %d", name, i), func() io.Reader { return bytes.NewReader(data[:i]) }, 0)
		}
		for i := range 8 * len(data) {
			flipped := append(slices.Clone(data), make([]byte, 600)...)
			flipped[i/8] ^= 1 << (i % 8)
			what := fmt.Sprintf("%s with bit %d changed", name, i)
			compareWithStd(t, what, func() io.Reader { return bytes.NewReader(flipped[:len(data)]) }, 0)
			compareWithStd(t, what+" and more", func() io.Reader { return bytes.NewReader(flipped) }, 0)
		}
	}
}

// A reader ends where the source ends, and not before.
func TestReadsItsSourceToTheEnd(t *testing.T) {
	for name, data := range streams(t) {
		r := bytes.NewReader(data)
		if g := read(struct{ io.Reader }{r}, 0); g.err != nil || r.Len() != 0 {
			t.Errorf("%s: %v, %d bytes left", name, g.err, r.Len())
		}
	}
}

// An error that wraps io.EOF is an error, not an end.
func TestWrappedEnd(t *testing.T) {
	data := streams(t)["short at 6"]
	wrapped := fmt.Errorf("the connection broke: %w", io.EOF)
	if g := read(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(wrapped)), 0); g.err == nil {
		t.Fatal("no error")
	}
}

// Content up to a sync flush is given before more input arrives: a pipe's writer may wait for an answer.
func TestFlushed(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() {
		w := stdgzip.NewWriter(pw)
		w.Write([]byte("hello"))
		w.Flush()
	}()
	z, err := NewReader(pr)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(z, b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
}

// WriteTo reports the writer's failure, also one that only shows in the count.
func TestWriteToFails(t *testing.T) {
	data := streams(t)["text at 6"]
	for _, c := range []struct {
		w    io.Writer
		want error
	}{{shortWriter{}, io.ErrShortWrite}, {failingWriter{}, os.ErrClosed}} {
		z, err := NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := z.WriteTo(c.w); !errors.Is(err, c.want) {
			t.Errorf("%T: %v, want %v", c.w, err, c.want)
		}
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return len(p) / 2, nil }

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

// The layers of real images give what klauspost/compress gives, which is faster than compress/gzip.
func TestLayers(t *testing.T) {
	for name, data := range layers(t) {
		ours, err := NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		a, b := make([]byte, 1<<20), make([]byte, 1<<20)
		for at := 0; ; at += len(a) {
			n, err := io.ReadFull(ours, a)
			m, wantErr := io.ReadFull(theirs, b)
			if !errors.Is(err, wantErr) || !bytes.Equal(a[:n], b[:m]) {
				t.Fatalf("%s: %v behind byte %d, klauspost/compress says %v, or the content differs", name, err, at, wantErr)
			}
			if err != nil {
				break
			}
		}
	}
}

// layers are the gzip blobs in VETO_IMAGES.
func layers(t testing.TB) map[string][]byte {
	t.Helper()
	m := map[string][]byte{}
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		return m
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "blobs", "sha256", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
			m[filepath.Base(f)[:8]] = data
		}
	}
	return m
}

func FuzzReader(f *testing.F) {
	for _, data := range streams(f) {
		if len(data) < 3000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		compareWithStd(t, "as it is", func() io.Reader { return bytes.NewReader(data) }, 0, 100)
		compareWithStd(t, "one byte", func() io.Reader { return iotest.OneByteReader(bytes.NewReader(data)) }, 0)
	})
}

// FuzzBlocks is FuzzReader without a header in the way, and with enough input behind for decodeFast.
func FuzzBlocks(f *testing.F) {
	for _, data := range streams(f) {
		if len(data) < 3000 && data[3] == 0 {
			f.Add(data[10:])
		}
	}
	f.Fuzz(func(t *testing.T, blocks []byte) {
		data := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"), blocks...)
		compareWithStd(t, "as it is", func() io.Reader { return bytes.NewReader(data) }, 0)
		data = append(data, make([]byte, 600)...)
		compareWithStd(t, "with more behind", func() io.Reader { return bytes.NewReader(data) }, 0)
	})
}

func generator() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
