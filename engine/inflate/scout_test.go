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

// small makes a scout help with streams that tests have the time for.
func small() plan { return plan{region: 96 << 10, room: 600 << 10} }

// longStreams are for the scout: some hundred blocks each.
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
	m["members"] = bytes.Join([][]byte{m["mixed at 1"], packed(6, nil, 1), m["copies at 9"], m["blocks that are content"], packed(9, c["text"], 1<<30), m["mixed at 6"]}, nil)
	return m
}

// sameWithScout holds a reader with a scout against one without.
func sameWithScout(t testing.TB, what string, source func() io.Reader, p plan, part int) (helped int64) {
	t.Helper()
	w := got(source(), 0)
	z, err := newReader(source(), p)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	g := gotFrom(z, part)
	if !bytes.Equal(g.content, w.content) {
		t.Fatalf("%s: %d bytes (%v), without a scout %d (%v)", what, len(g.content), g.err, len(w.content), w.err)
	}
	if kind(g.err) != kind(w.err) {
		t.Fatalf("%s: %v, without a scout %v", what, g.err, w.err)
	}
	return z.helped
}

func TestScout(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0)))) // there is no scout on one
	total := int64(0)
	for name, data := range longStreams(t) {
		same(t, name, func() io.Reader { return bytes.NewReader(data) }, 0)
		for _, region := range []int{3000, 100_000} {
			p := plan{region: region, room: 6 * region}
			source := func() io.Reader { return bytes.NewReader(data) }
			total += sameWithScout(t, name, source, p, 0)
			total += sameWithScout(t, name+" in parts", source, p, 1111)
			total += sameWithScout(t, name+" slowly", func() io.Reader { return &slow{r: bytes.NewReader(data), every: region / 3} }, p, 0)
		}
	}
	if total == 0 {
		t.Error("the scout never helped")
	}
	t.Logf("the scout decoded %d bytes", total)
}

// slow lets others work first, now and then.
type slow struct {
	r     io.Reader
	every int
	n     int
}

func (s *slow) Read(p []byte) (int, error) {
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
	z, err := newReader(bytes.NewReader(data), small())
	if err != nil {
		t.Fatal(err)
	}
	if g := gotFrom(z, 0); g.err != nil || z.scout != nil {
		t.Errorf("%v, scout %v", g.err, z.scout)
	}
}

// What is wrong with a stream is found at the same byte with a scout.
func TestScoutBroken(t *testing.T) {
	rnd := generator()
	for name, data := range longStreams(t) {
		for range 4 {
			broken := slices.Clone(data)
			broken[100+rnd.IntN(len(broken)-100)] ^= 1 << rnd.IntN(8)
			sameWithScout(t, name+" with a bit changed", func() io.Reader { return bytes.NewReader(broken) }, small(), 0)
			n := 100 + rnd.IntN(len(data)-100)
			sameWithScout(t, name+" cut", func() io.Reader { return bytes.NewReader(data[:n]) }, small(), 0)
			sameWithScout(t, name+" failing", func() io.Reader {
				return io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(errors.New("no more")))
			}, small(), 0)
		}
	}
}

// The streams that are too short for a scout, with one.
func TestScoutShort(t *testing.T) {
	for name, data := range streams(t) {
		sameWithScout(t, name, func() io.Reader { return bytes.NewReader(data) }, small(), 0)
		sameWithScout(t, name+", one byte", func() io.Reader { return iotest.OneByteReader(bytes.NewReader(data)) }, small(), 0)
		sameWithScout(t, name+", cut", func() io.Reader { return bytes.NewReader(data[:len(data)-1]) }, small(), 0)
	}
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("x"), 1000)} {
		before := runtime.NumGoroutine()
		if _, err := newReader(bytes.NewReader(data), small()); err == nil {
			t.Error("no error")
		}
		ended(t, before)
	}
}

// ended fails when there are more goroutines than before.
func ended(t *testing.T, before int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// No goroutine outlives Close, wherever it comes, and what ends by itself needs none.
func TestScoutEnds(t *testing.T) {
	data := longStreams(t)["mixed at 6"]
	before := runtime.NumGoroutine()
	for n := int64(1); n < 2_000_000; n *= 5 {
		z, err := newReader(bytes.NewReader(data), small())
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
		ended(t, before)
		if _, err := io.Copy(io.Discard, z); err == nil {
			t.Error("a closed reader goes on")
		}
	}
	broken := slices.Clone(data)
	broken[len(broken)/2] ^= 1
	for _, b := range [][]byte{data, broken, data[:len(data)/2]} {
		z, err := newReader(bytes.NewReader(b), small())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, z)
		ended(t, before)
	}
}

// A source that answers late holds nothing up but what needs its answer.
func TestScoutBlocked(t *testing.T) {
	data := longStreams(t)["mixed at 6"]
	pr, pw := io.Pipe()
	go pw.Write(data)
	z, err := newReader(pr, small())
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

func FuzzScout(f *testing.F) {
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
		p := plan{region: 500 + int(region)%20_000, room: 1000 + 4*int(region)}
		sameWithScout(t, "as it is", func() io.Reader { return bytes.NewReader(data) }, p, 0)
		if at := int(flip) % len(data); at > 10 {
			data[at] ^= 1 << (flip % 8)
		}
		sameWithScout(t, "with a bit changed", func() io.Reader { return bytes.NewReader(data) }, p, 0)
	})
}
