package engine

import "io/fs"

// Sniffing is the ability of an Inspector that knows its files by their content, under any name: of those that it wants, it is shown the
// ones whose first and last bytes fit.
type Sniffing interface {
	// Fits says whether the inspector is to see a file with these edges. No allocation: it runs for almost every file.
	Fits(path string, mode fs.FileMode, size int64, e *Edges) bool
}

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
