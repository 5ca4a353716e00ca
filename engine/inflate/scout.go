package inflate

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// plan says when a second core helps, and with how much. Sizes in bytes.
type plan struct {
	after  int64 // of input: up to here a stream is not worth a goroutine
	region int   // of input that is dealt with together
	room   int   // of output that the scout decodes of one region
}

// regions is how many there are: one that the reader is in, one that the scout is in, one that is being read.
const regions = 3

// standard is the plan of a layer of an image. All regions together hold 18 MiB. Of an image's layers it helps the longest, which the others
// leave the second core to.
func standard() plan { return plan{after: 64 << 20, region: 2 << 20, room: 4 << 20} }

// alone is the plan without a scout.
func alone() plan { return plan{after: 1<<63 - 1} }

// scout is a goroutine that decodes ahead of a reader. A region is a part of the input: the reader decodes its first part as always; the
// scout meanwhile looks in the rest for what may be the start of a block, and decodes from there. What it decodes may reach back into
// what only the reader knows; it writes a marker for each byte of that. When the reader comes to the very bit where the scout began, at
// the start of a block, the guess is known to have been right: from the same bit on, with the same history, the same bytes follow. So
// the reader fills in the markers and goes on where the scout ended. It never waits for the scout to have got anywhere, it takes what is
// there: a busy machine or a wrong guess costs nothing but the scout's time. The checksums are the reader's, over all bytes.
//
// The scout is the only one that reads src, and it reads whole regions.
type scout struct {
	src  io.Reader
	plan plan
	full chan *region
	free chan *region
	over chan struct{}
	stop sync.Once
	end  chan struct{} // closed when nobody wants more

	share atomic.Int64 // what the scout leaves to the reader of a region, in thousandths

	cur *region // the reader's
	off int     // what of it was read

	byteOf [1 << 16]byte // by symbol; see region.wide
}

// region is a part of the input, and what the scout made of it.
type region struct {
	in    []byte
	err   error // what src ended with behind in
	split int   // in[split:] is for the scout
	refs  atomic.Int32

	mu    sync.Mutex
	out   []byte // the scout's; up to wide+clean nobody writes to it any more
	start int64  // where the scout began, in bits of in; -1 before
	last  int64  // where a block starts, up to which it decoded
	wide  int    // bytes of out that are symbols of two bytes: below 256 a byte, else a marker, 256 standing for the oldest byte of the history
	clean int    // bytes of out behind, which are bytes
	done  bool   // the scout is
	quit  bool   // the reader needs no more
}

// startScout makes a scout read ahead, if there is a second core.
func (z *Reader) startScout() {
	if runtime.GOMAXPROCS(0) < 2 {
		z.plan = alone()
		return
	}
	s := &scout{
		src: z.src, plan: z.plan, full: make(chan *region, regions), free: make(chan *region, regions),
		over: make(chan struct{}), end: make(chan struct{}),
	}
	for range regions {
		s.free <- &region{in: make([]byte, s.plan.region), out: make([]byte, s.plan.room)}
	}
	for i := range 256 {
		s.byteOf[i] = byte(i)
	}
	s.share.Store(500)
	z.scout, z.src = s, s
	go s.run()
}

// finish makes the goroutine end soon; wait is whether to wait for it, which takes as long as src takes to read.
func (s *scout) finish(wait bool) {
	s.stop.Do(func() { close(s.end) })
	if wait {
		<-s.over
	}
}

func (s *scout) finished() bool {
	select {
	case <-s.end:
		return true
	default:
		return false
	}
}

func (s *scout) run() {
	defer close(s.over)
	z := &Reader{in: new(inBuffer), out: new(outBuffer), plan: alone()}
	var before *region
	for {
		var r *region
		select {
		case <-s.end:
			return
		case r = <-s.free:
		}
		s.read(r)
		last := r.err != nil
		s.full <- r
		// The next region is there before this one is decoded: the reader must not wait for it.
		if before != nil {
			s.explore(z, before)
		}
		before = r
		if last {
			s.explore(z, r)
			return
		}
	}
}

func (s *scout) read(r *region) {
	r.start, r.last, r.wide, r.clean, r.done, r.quit, r.err = -1, -1, 0, 0, false, false, nil
	r.in = r.in[:s.plan.region]
	n, empty := 0, 0
	for n < len(r.in) && r.err == nil {
		k, err := readSome(s.src, r.in[n:])
		n, r.err = n+k, err
		if empty++; k > 0 {
			empty = 0
		}
		if empty == maxEmpty && r.err == nil {
			r.err = io.ErrNoProgress
		}
		if s.finished() && r.err == nil {
			r.err = errClosed
		}
	}
	r.in = r.in[:n]
	r.split = int(int64(n) * s.share.Load() / 1000)
	r.refs.Store(2)
}

// drop is called once by the reader and once by the scout, when they need a region no more.
func (s *scout) drop(r *region) {
	if r.refs.Add(-1) == 0 {
		s.free <- r
	}
}

// Read implements io.Reader: the regions one after the other, never two in one call.
func (s *scout) Read(p []byte) (int, error) {
	for s.cur == nil || s.off == len(s.cur.in) {
		if s.cur != nil && s.cur.err != nil {
			return 0, s.cur.err
		}
		if s.cur != nil {
			s.cur.abandon()
			s.drop(s.cur)
		}
		s.cur, s.off = <-s.full, 0
	}
	n := copy(p, s.cur.in[s.off:])
	s.off += n
	return n, nil
}

// abandon tells the scout to stop.
func (r *region) abandon() {
	r.mu.Lock()
	r.quit = true
	r.mu.Unlock()
}

// shift moves some of the next regions to the reader, or to the scout.
func (s *scout) shift(thousandths int64) {
	s.share.Store(min(900, max(250, s.share.Load()+thousandths)))
}
