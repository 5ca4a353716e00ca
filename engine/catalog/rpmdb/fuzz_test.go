package rpmdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"hash/adler32"
	"io"
	"os"
	"slices"
	"testing"
)

// alpha is a database of one package that rpmbuild and rpm 4.18 made.
func alpha(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/alpha.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func headers(b []byte) (out [][]byte, err error) {
	err = Read(context.Background(), bytes.NewReader(b), int64(len(b)), func(h []byte) error {
		out = append(out, h)
		return nil
	})
	return out, err
}

// packNDB and packBDB put a header into the other two formats.
func packNDB(header []byte) []byte {
	le := binary.LittleEndian
	head := append([]byte("RpmP"), make([]byte, 28)...)
	le.PutUint32(head[12:], 1)
	slots := bytes.Repeat(append([]byte("Slot"), make([]byte, 12)...), 254)
	blob := append([]byte("BlbS"), make([]byte, 12)...)
	le.PutUint32(blob[4:], 1)
	le.PutUint32(blob[12:], uint32(len(header)))
	blob = append(blob, header...)
	for len(blob)%16 != 4 {
		blob = append(blob, 0)
	}
	blob = le.AppendUint32(blob, adler32.Checksum(blob))
	blob = le.AppendUint32(blob, uint32(len(header)))
	blob = append(blob, "BlbE"...)
	le.PutUint32(slots[4:], 1)
	le.PutUint32(slots[8:], 4096/16)
	le.PutUint32(slots[12:], uint32(len(blob)/16))
	return slices.Concat(head, slots, blob)
}

func packBDB(header []byte) []byte {
	const size = 4096
	le := binary.LittleEndian
	chain := (len(header) + size - bdbHead - 1) / (size - bdbHead)
	out := make([]byte, size*(2+chain))
	le.PutUint32(out[12:], bdbMagic)
	le.PutUint32(out[20:], size)
	out[25] = bdbHashMeta
	le.PutUint32(out[32:], uint32(1+chain))
	page := out[size : 2*size]
	page[25] = bdbHash
	le.PutUint16(page[20:], 2)
	le.PutUint16(page[bdbHead:], size-5)
	le.PutUint16(page[bdbHead+2:], size-17)
	item := page[size-17:]
	item[0] = bdbOffPage
	le.PutUint32(item[4:], 2)
	le.PutUint32(item[8:], uint32(len(header)))
	for i := range chain {
		page := out[size*(2+i) : size*(3+i)]
		page[25] = bdbOverflow
		n := copy(page[bdbHead:], header[i*(size-bdbHead):])
		le.PutUint16(page[22:], uint16(n))
		if i+1 < chain {
			le.PutUint32(page[16:], uint32(3+i))
		}
	}
	return out
}

func TestFormats(t *testing.T) {
	sqlite := alpha(t)
	got, err := headers(sqlite)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d headers, %v", len(got), err)
	}
	h, err := Parse(got[0])
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := h.Numbers(Epoch)
	if err != nil || len(epoch) != 1 || epoch[0] != 2 || h.Text(Name) != "alpha" || h.Text(Release) != "1.el9" || h.Text(License) != "MIT and GPLv2+" {
		t.Errorf("%v %v %q %q %q", epoch, err, h.Text(Name), h.Text(Release), h.Text(License))
	}
	digests, err := h.Texts(FileDigests)
	if want := []string{"8d0d4c8a1e6ab75ae2f81abf1e1e66ce1ab7be53c7b8f245a41907fc45b3a801", "98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4"}; err != nil || !slices.Equal(digests, want) {
		t.Errorf("digests %q, %v", digests, err)
	}
	for name, db := range map[string][]byte{"ndb": packNDB(got[0]), "bdb": packBDB(got[0])} {
		again, err := headers(db)
		if err != nil || len(again) != 1 || !bytes.Equal(again[0], got[0]) {
			t.Errorf("%s: %d headers, %v", name, len(again), err)
		}
	}
	// Cut anywhere before what matters, or with its bytes turned round, a database is an error or says less; it never panics or goes on for ever.
	for name, db := range map[string][]byte{"sqlite": sqlite, "ndb": packNDB(got[0]), "bdb": packBDB(got[0])} {
		for n := 0; n < len(db); n += 509 {
			if found, err := headers(db[:n]); err == nil && len(found) != 0 && !bytes.Equal(found[0], got[0]) {
				t.Errorf("%s cut at %d: another header", name, n)
			}
			turned := slices.Clone(db)
			turned[n] ^= 0xff
			_, _ = headers(turned)
		}
		if _, err := headers(db[:len(db)/2]); err == nil {
			t.Errorf("half of %s is no error", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	sqlite := alpha(f)
	header, err := headers(sqlite)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sqlite)
	f.Add(packNDB(header[0]))
	f.Add(packBDB(header[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := headers(b)
		if err == nil && len(found) > len(b) {
			t.Errorf("%d headers of %d bytes", len(found), len(b))
		}
	})
}

func FuzzParse(f *testing.F) {
	header, err := headers(alpha(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header[0])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Parse(b)
		if err != nil {
			return
		}
		for tag := range h.index {
			h.Text(tag)
			if list, err := h.Texts(tag); err == nil && len(list) > len(b) {
				t.Errorf("%d strings of %d bytes", len(list), len(b))
			}
			if list, err := h.Numbers(tag); err == nil && len(list) > len(b) {
				t.Errorf("%d numbers of %d bytes", len(list), len(b))
			}
		}
	})
}
