package engine

import (
	"io"
	"io/fs"
)

// Sniffing is the ability of an Inspector that knows its files by their content, under any name: of those that it wants, it is shown the
// ones whose first and last bytes fit.
type Sniffing interface {
	// Fits says whether the inspector is to see a file with these edges. No allocation: it runs for almost every file.
	Fits(path string, mode fs.FileMode, size int64, e *Edges) bool
}

// Passing is the ability of a Sniffing inspector to tell by its last bytes what kind of file it was not shown. Of a file that can be read
// only once they are known when it has gone by: it cannot be inspected any more, and is a gap.
type Passing interface {
	// PassedBy returns the gap that a file is, nil for none. tail are its last bytes, up to PassingBytes.
	PassedBy(path string, e *Edges, tail []byte) *Gap
}

// PassingBytes are how many of a file's last bytes an inspector sees that is Passing.
const PassingBytes = 80 << 10

// EdgeBytes are how many of a file's last bytes Edges has.
const EdgeBytes = 512

// Edges are the first and the last bytes of a file. Its slices are valid until those of the next file are read.
type Edges struct {
	Head []byte // 4 bytes, or all of a shorter file; nil where reading them costs a request: then name and mode have to do
	Tail []byte // the last EdgeBytes, or all of a shorter file; nil of a file that can be read only once
	head [4]byte
	tail [EdgeBytes]byte
}

// SetAhead tells the first and the last bytes of the body that the source has read already. There may be none of either; of the last ones
// there are EdgeBytes, or all. They are used by ReadEdges alone.
func (f *File) SetAhead(head, tail []byte) { f.ahead, f.behind = head, tail }

// SetDistant says that reading even the first bytes costs a request.
func (f *File) SetDistant() { f.distant = true }

// ReadEdges reads the first and last bytes of the body into e.
func (f *File) ReadEdges(e *Edges) error {
	ahead, behind := f.ahead, f.behind
	f.ahead, f.behind, e.Head, e.Tail = nil, nil, nil, nil
	if f.distant {
		return nil
	}
	n := int(min(int64(len(e.head)), f.Size))
	if len(ahead) >= n {
		e.Head = e.head[:copy(e.head[:n], ahead)]
	} else {
		b, err := f.Head(n)
		if err != nil {
			return err
		}
		e.Head = e.head[:copy(e.head[:n], b)]
	}
	if f.at == nil {
		return nil
	}
	n = int(min(EdgeBytes, f.Size))
	e.Tail = e.tail[:n]
	if len(behind) == n {
		copy(e.Tail, behind)
		return nil
	}
	if read, err := f.at.ReadAt(e.Tail, f.Size-int64(n)); read < n {
		return f.short(err)
	}
	return nil
}

// ReadPassing reads what is left of a file that can be read only once, and returns the last bytes of it, up to half of buf, which it uses.
// It returns nothing for a file that seeks, or that was read by Stream.
func (f *File) ReadPassing(buf []byte) ([]byte, error) {
	if f.at != nil || f.passed != nil {
		return nil, nil
	}
	half := len(buf) / 2
	n := copy(buf, f.buf[max(0, len(f.buf)-half):])
	for left := f.Size - int64(len(f.buf)); left > 0; {
		if n >= half { // keep the last half
			n = copy(buf, buf[n-half:n])
		}
		read, err := io.ReadFull(f.body, buf[n:min(int64(len(buf)), int64(n)+left)])
		if n, left = n+read, left-int64(read); err != nil {
			return nil, f.short(err)
		}
	}
	return buf[max(0, n-half):n], nil
}
