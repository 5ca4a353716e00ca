package inflate

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// smallPlan makes a speculator help already with streams that tests have the time for.
func smallPlan() plan { return plan{regionSize: 96 << 10, regionOut: 600 << 10} }

// longStreams have some hundred blocks each, enough for several regions.
func longStreams(t testing.TB) map[string][]byte { return madeLong.get(t, makeLong) }

func makeLong(t testing.TB) map[string][]byte {
	rnd := generator()
	c := contents()
	noise := make([]byte, 20_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	var copies, mixed bytes.Buffer
	for range 80 { // every byte comes from the history, for ever
		copies.Write(noise[:rnd.IntN(len(noise))])
		copies.Write(c["text"][:rnd.IntN(3000)])
	}
	for range 8 {
		mixed.Write(c["text"][rnd.IntN(200_000):][:rnd.IntN(200_000)])
		mixed.Write(c["random"][:rnd.IntN(100_000)])
		mixed.Write(make([]byte, rnd.IntN(300_000)))
		mixed.Write(c["skewed"][:rnd.IntN(100_000)])
	}
	packed := func(level int, content []byte, flush int) []byte {
		var b bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&b, level)
		pack(t, w, err, content, flush)
		return b.Bytes()
	}
	m := map[string][]byte{"nothing but zeros": packed(6, make([]byte, 8<<20), 8<<20)}
	for _, level := range []int{-2, 1, 6, 9} {
		m[fmt.Sprintf("copies at %d", level)] = packed(level, copies.Bytes(), copies.Len())
		m[fmt.Sprintf("mixed at %d", level)] = packed(level, mixed.Bytes(), mixed.Len())
	}
	m["mixed, flushed"] = packed(6, mixed.Bytes(), 5000)
	m["stored"] = packed(0, mixed.Bytes(), mixed.Len())
	m["blocks that are content"] = packed(0, m["mixed at 6"], 70_001)
	m["members"] = bytes.Join([][]byte{
		m["mixed at 1"], packed(6, nil, 1), m["copies at 9"], m["blocks that are content"], packed(9, c["text"], 1<<30), m["mixed at 6"],
	}, nil)
	return m
}

// compareWithoutSpeculator compares a reader that has a speculator with one that has none: content and kind of error must be the same. It
// returns how many bytes the reader took over from the speculator.
func compareWithoutSpeculator(t testing.TB, what string, source func() io.Reader, p plan, part int) (helped int64) {
	t.Helper()
	w := read(source(), 0)
	z, err := newReader(source(), p)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	g := readFrom(z, part)
	if !bytes.Equal(g.content, w.content) {
		t.Fatalf("%s: %d bytes (%v), without a speculator %d (%v)", what, len(g.content), g.err, len(w.content), w.err)
	}
	if errorKind(g.err) != errorKind(w.err) {
		t.Fatalf("%s: %v, without a speculator %v", what, g.err, w.err)
	}
	return z.takenBytes
}

func TestSpeculator(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))) // there is no speculator on one core
	total := int64(0)
	for name, data := range some(longStreams(t), 3) {
		compareWithStd(t, name, func() io.Reader { return bytes.NewReader(data) }, 0)
		for _, region := range []int{3000, 100_000} {
			p := plan{regionSize: region, regionOut: 6 * region}
			source := func() io.Reader { return bytes.NewReader(data) }
			total += compareWithoutSpeculator(t, name, source, p, 0)
			total += compareWithoutSpeculator(t, name+" in parts", source, p, 1111)
			slowly := func() io.Reader { return &slowReader{r: bytes.NewReader(data), every: region / 3} }
			total += compareWithoutSpeculator(t, name+" slowly", slowly, p, 0)
		}
	}
	if total == 0 {
		t.Error("the speculator never helped")
	}
	t.Logf("the speculator decoded %d bytes", total)
}

// slowReader sleeps now and then, so that the speculator gets ahead.
type slowReader struct {
	r     io.Reader
	every int
	n     int
}

func (s *slowReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), 5000)])
	if s.n += n; s.n > s.every {
		s.n = 0
		time.Sleep(200 * time.Microsecond)
	}
	return n, err
}

func TestOneCore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	data := longStreams(t)["mixed at 6"]
	z, err := newReader(bytes.NewReader(data), smallPlan())
	if err != nil {
		t.Fatal(err)
	}
	if g := readFrom(z, 0); g.err != nil || z.speculator != nil {
		t.Errorf("%v, speculator %v", g.err, z.speculator)
	}
}

// A speculator must not change where in a broken stream the error is found.
func TestSpeculatorBroken(t *testing.T) {
	rnd := generator()
	for name, data := range some(longStreams(t), 3) {
		for range 4 {
			broken := slices.Clone(data)
			broken[100+rnd.IntN(len(broken)-100)] ^= 1 << rnd.IntN(8)
			compareWithoutSpeculator(t, name+" with a bit changed", func() io.Reader { return bytes.NewReader(broken) }, smallPlan(), 0)
			n := 100 + rnd.IntN(len(data)-100)
			compareWithoutSpeculator(t, name+" cut", func() io.Reader { return bytes.NewReader(data[:n]) }, smallPlan(), 0)
			compareWithoutSpeculator(t, name+" failing", func() io.Reader {
				return io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(errors.New("no more")))
			}, smallPlan(), 0)
		}
	}
}

// A speculator must not change what is read of streams that are shorter than a region, and its goroutine must end.
func TestSpeculatorShort(t *testing.T) {
	for name, data := range some(streams(t), 5) {
		compareWithoutSpeculator(t, name, func() io.Reader { return bytes.NewReader(data) }, smallPlan(), 0)
		compareWithoutSpeculator(t, name+", one byte", func() io.Reader { return iotest.OneByteReader(bytes.NewReader(data)) }, smallPlan(), 0)
		compareWithoutSpeculator(t, name+", cut", func() io.Reader { return bytes.NewReader(data[:len(data)-1]) }, smallPlan(), 0)
	}
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("x"), 1000)} {
		before := runtime.NumGoroutine()
		if _, err := newReader(bytes.NewReader(data), smallPlan()); err == nil {
			t.Error("no error")
		}
		waitForGoroutines(t, before)
	}
}

// waitForGoroutines fails when there still are more goroutines than before after a second.
func waitForGoroutines(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// No goroutine outlives Close, at whatever byte of the stream it is called, and a reader that has met the end or an error needs no Close.
func TestSpeculatorEnds(t *testing.T) {
	data := longStreams(t)["mixed at 6"]
	before := runtime.NumGoroutine()
	for n := int64(1); n < 2_000_000; n *= 5 {
		z, err := newReader(bytes.NewReader(data), smallPlan())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, z, n); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		waitForGoroutines(t, before)
		if _, err := io.Copy(io.Discard, z); err == nil {
			t.Error("a closed reader goes on")
		}
	}
	broken := slices.Clone(data)
	broken[len(broken)/2] ^= 1
	for _, b := range [][]byte{data, broken, data[:len(data)/2]} {
		z, err := newReader(bytes.NewReader(b), smallPlan())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, z)
		waitForGoroutines(t, before)
	}
}

// Output that needs no more input is given while the source is waited for, and Close returns once the source's Read does.
func TestSpeculatorBlocked(t *testing.T) {
	data := longStreams(t)["mixed at 6"]
	pr, pw := io.Pipe()
	go pw.Write(data)
	z, err := newReader(pr, smallPlan())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, z, 1<<20); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		pr.CloseWithError(errors.New("cancelled"))
	}()
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzSpeculator(f *testing.F) {
	f.Add([]byte("some words and more words"), uint16(3000), uint32(100), uint8(6))
	f.Add([]byte{1, 2, 3}, uint16(10_000), uint32(7000), uint8(1))
	f.Fuzz(func(t *testing.T, seed []byte, region uint16, flip uint32, level uint8) {
		var content []byte
		for i := 0; len(content) < 100_000 && len(seed) > 0; i++ {
			content = append(content, seed[i%len(seed):]...)
			content = append(content, byte(i), byte(i>>8), byte(i*i>>3))
			if at := i * 7919 % len(content); i%3 == 0 {
				content = append(content, content[at:min(len(content), at+200)]...)
			}
		}
		var b bytes.Buffer
		w, err := stdgzip.NewWriterLevel(&b, int(level)%10)
		pack(t, w, err, content, max(1, len(content)))
		data := b.Bytes()
		p := plan{regionSize: 500 + int(region)%20_000, regionOut: 1000 + 4*int(region)}
		compareWithoutSpeculator(t, "as it is", func() io.Reader { return bytes.NewReader(data) }, p, 0)
		if at := int(flip) % len(data); at > 10 {
			data[at] ^= 1 << (flip % 8)
		}
		compareWithoutSpeculator(t, "with a bit changed", func() io.Reader { return bytes.NewReader(data) }, p, 0)
	})
}
