package inflate

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
)

// plan says when a speculator starts and how much it holds. Sizes are in bytes.
type plan struct {
	after      int64 // how much input there must be before a stream is worth a goroutine
	regionSize int   // input of one region
	regionOut  int   // output that the speculator decodes of one region, at most
}

// regions is how many there are: one that the reader is in, one that the speculator decodes, one that is being read.
const regions = 3

// defaultPlan is for a layer of an image. All regions together hold 18 MiB. It helps with the longest of an image's layers: when the others
// have been read, a core is free.
func defaultPlan() plan { return plan{after: 64 << 20, regionSize: 2 << 20, regionOut: 4 << 20} }

// noSpeculation is the plan of a reader that never starts a speculator.
func noSpeculation() plan { return plan{after: 1<<63 - 1} }

// speculator decodes ahead of a reader, in a goroutine. The input is cut into regions. The reader decodes the first part of a region as
// always; the speculator meanwhile looks in the rest for what may be the start of a block, and decodes from there. Matches may reach back
// to bytes that only the reader knows: for each such byte the speculator writes a marker. When the reader comes to the very bit where the
// speculator began, and a block starts there, the guess was right: from the same bit on, with the same window, the same bytes follow. The
// reader then resolves the markers and goes on where the speculator ended. It never waits for the speculator, but takes what is there: a
// busy machine or a wrong guess costs nothing but the speculator's time. The reader computes the checksums, over all bytes.
//
// Only the speculator reads src, a whole region at a time.
type speculator struct {
	src      io.Reader
	plan     plan
	filled   chan *region  // read, for the reader
	free     chan *region  // to be read into
	done     chan struct{} // closed when the goroutine has ended
	stopOnce sync.Once
	stop     chan struct{} // closed when nobody wants more

	readerShare atomic.Int64 // how much of a region is left to the reader, in thousandths

	current *region // the one that the reader is in
	offset  int     // how much of its input has been read

	byteOf [1 << 16]byte // the byte that each symbol stands for; see region.symbolBytes
}

// region is a part of the input, and what the speculator decoded of it.
type region struct {
	in    []byte
	err   error        // what src ended with behind in
	split int          // in[split:] is the speculator's part
	refs  atomic.Int32 // how many of reader and speculator still need it

	mu       sync.Mutex
	out      []byte // what is decoded; up to symbolBytes+plainBytes nobody writes to it any more
	startBit int64  // where the speculator began, in bits of in; -1 before it has begun
	endBit   int64  // up to where it has decoded: the start of a block
	// symbolBytes is how many bytes of out are symbols of two bytes: below 256 it is a byte, else a marker. 256 stands for the oldest byte
	// of the window before startBit.
	symbolBytes    int
	plainBytes     int  // how many bytes of out follow, each standing for itself
	done           bool // the speculator has ended with this region
	noLongerNeeded bool // the reader takes no more of this region
}

// startSpeculator starts a speculator, if there is a second core.
func (z *Reader) startSpeculator() {
	if runtime.GOMAXPROCS(0) < 2 {
		z.plan = noSpeculation()
		return
	}
	s := &speculator{
		src: z.src, plan: z.plan, filled: make(chan *region, regions), free: make(chan *region, regions),
		done: make(chan struct{}), stop: make(chan struct{}),
	}
	for range regions {
		s.free <- &region{in: make([]byte, s.plan.regionSize), out: make([]byte, s.plan.regionOut)}
	}
	for i := range 256 {
		s.byteOf[i] = byte(i)
	}
	s.readerShare.Store(500)
	z.speculator, z.src = s, s
	go s.run()
}

// shutDown makes the goroutine end soon. With wait it returns when it has ended, which may take as long as one Read of src.
func (s *speculator) shutDown(wait bool) {
	s.stopOnce.Do(func() { close(s.stop) })
	if wait {
		<-s.done
	}
}

func (s *speculator) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *speculator) run() {
	defer close(s.done)
	z := &Reader{in: new(inBuffer), out: new(outBuffer), plan: noSpeculation()}
	var before *region
	for {
		var r *region
		select {
		case <-s.stop:
			return
		case r = <-s.free:
		}
		s.readRegion(r)
		last := r.err != nil
		s.filled <- r
		// The next region is there before this one is decoded: the reader must not wait for it.
		if before != nil {
			s.decodeAhead(z, before)
		}
		before = r
		if last {
			s.decodeAhead(z, r)
			return
		}
	}
}

// readRegion fills a region's input, and resets what was decoded of its predecessor.
func (s *speculator) readRegion(r *region) {
	r.startBit, r.endBit, r.symbolBytes, r.plainBytes, r.done, r.noLongerNeeded, r.err = -1, -1, 0, 0, false, false, nil
	r.in = r.in[:s.plan.regionSize]
	n, empty := 0, 0
	for n < len(r.in) && r.err == nil {
		k, err := readSome(s.src, r.in[n:])
		n, r.err = n+k, err
		if empty++; k > 0 {
			empty = 0
		}
		if empty == maxEmptyReads && r.err == nil {
			r.err = io.ErrNoProgress
		}
		if s.stopped() && r.err == nil {
			r.err = errClosed
		}
	}
	r.in = r.in[:n]
	r.split = int(int64(n) * s.readerShare.Load() / 1000)
	r.refs.Store(2)
}

// release is called once by the reader and once by the speculator, when they need a region no more.
func (s *speculator) release(r *region) {
	if r.refs.Add(-1) == 0 {
		s.free <- r
	}
}

// Read implements io.Reader: the regions one after the other, never two in one call.
func (s *speculator) Read(p []byte) (int, error) {
	for s.current == nil || s.offset == len(s.current.in) {
		if s.current != nil && s.current.err != nil {
			return 0, s.current.err
		}
		if s.current != nil {
			s.current.abandon()
			s.release(s.current)
		}
		s.current, s.offset = <-s.filled, 0
	}
	n := copy(p, s.current.in[s.offset:])
	s.offset += n
	return n, nil
}

// abandon tells the speculator that the reader needs no more of this region.
func (r *region) abandon() {
	r.mu.Lock()
	r.noLongerNeeded = true
	r.mu.Unlock()
}

// adjustShare gives more of the next regions to the reader, or to the speculator where thousandths is negative.
func (s *speculator) adjustShare(thousandths int64) {
	s.readerShare.Store(min(900, max(250, s.readerShare.Load()+thousandths)))
}
