package cache

import (
	"encoding/binary"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The lists of files that packages own are long too, and have a form of their own: for each file the way from the path before, and its
// checksum as bytes.

// How the checksum of an owned file is written. The two low bits of the number that leads to its path say which.
const (
	sumNone  = iota
	sumMD5   // "md5:" and 32 digits, as 16 bytes
	sumSHA1  // "sha1:" and 40 digits, as 20 bytes
	sumOther // a string
)

func sumPrefix(form uint64) (head string, size int) {
	if form == sumMD5 {
		return "md5:", 16
	}
	return "sha1:", 20
}

const lowerHex = "0123456789abcdef"

func (w *payloadWriter) ownedFiles(files []engine.OwnedFile) {
	w.listLen(len(files), files == nil)
	for i := range files {
		f := &files[i]
		form := sumFormOf(f.Sum)
		w.uvarint(w.pathStep(f.Path)<<2 | form)
		switch form {
		case sumMD5, sumSHA1:
			head, size := sumPrefix(form)
			for d := f.Sum[len(head):]; d != ""; d = d[2:] {
				w.out = append(w.out, byte(strings.IndexByte(lowerHex, d[0])<<4|strings.IndexByte(lowerHex, d[1])))
			}
			w.textSize += len(head) + 2*size
		case sumOther:
			w.string(f.Sum)
		}
	}
}

func sumFormOf(sum string) uint64 {
	if sum == "" {
		return sumNone
	}
	for form := uint64(sumMD5); form <= sumSHA1; form++ {
		head, size := sumPrefix(form)
		if digits, ok := strings.CutPrefix(sum, head); ok && len(digits) == 2*size && isLowerHex(digits) {
			return form
		}
	}
	return sumOther
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (r *payloadReader) ownedFiles() []engine.OwnedFile {
	n := r.listLen(1)
	if n < 0 {
		return nil
	}
	files := r.cutFiles(n)
	for i := range files {
		f := &files[i]
		v := r.uvarint()
		f.Path = r.pathStep(v >> 2)
		switch form := v & 3; form {
		case sumMD5, sumSHA1:
			head, size := sumPrefix(form)
			f.Sum = r.hexSum(head, r.bytes(size))
		case sumOther:
			f.Sum = r.string()
		}
		if r.bad {
			return nil
		}
	}
	return files
}

// cutFiles returns a list of n owned files, never nil. It cuts it from a larger one: one allocation for many.
func (r *payloadReader) cutFiles(n int) []engine.OwnedFile {
	const atOnce = 4096
	if n > len(r.files) || r.files == nil {
		r.files = make([]engine.OwnedFile, max(n, min(atOnce, len(r.buf)-r.pos)))
	}
	files := r.files[:n:n]
	r.files = r.files[n:]
	return files
}

// hexSum returns a checksum in hex after its prefix, as a part of the text.
func (r *payloadReader) hexSum(head string, raw []byte) string {
	if r.hex[0] == 0 {
		for i := range r.hex {
			r.hex[i] = uint16(lowerHex[i>>4]) | uint16(lowerHex[i&15])<<8
		}
	}
	var hex [40]byte
	for i, b := range raw {
		binary.LittleEndian.PutUint16(hex[2*i:], r.hex[b])
	}
	from := r.text.Len()
	r.addText(head, hex[:2*len(raw)])
	return r.text.String()[from:]
}
