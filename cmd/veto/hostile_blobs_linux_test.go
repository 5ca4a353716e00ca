package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// bomb is a layer that inflates to a file of size bytes, all zeros: one compressed piece of 64 MB, many times.
func (h *hostileDir) bomb(pack string, size int64) *hostileBlob {
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: size}); err != nil {
		h.t.Fatal(err)
	}
	return h.zeros(pack, head.Bytes(), size)
}

// zeros is a layer that begins with head and goes on with size zeros.
func (h *hostileDir) zeros(pack string, head []byte, size int64) *hostileBlob {
	const piece = 64 << 20
	compress := func(b []byte) []byte {
		var out bytes.Buffer
		var z io.WriteCloser
		if z, _ = gzip.NewWriterLevel(&out, gzip.BestCompression); pack == "zstd" {
			z, _ = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		}
		if _, err := z.Write(b); err != nil {
			h.t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			h.t.Fatal(err)
		}
		return out.Bytes()
	}
	b := h.layer("", func(io.Writer) {})
	b.packed.Write(compress(head))
	b.plain.Write(head)
	plain := make([]byte, piece)
	zeros := compress(plain)
	for range size / piece {
		b.packed.Write(zeros)
		if size <= 1<<30 { // of a larger one nobody reaches the end
			b.plain.Write(plain)
		}
	}
	return b
}

// rawHeader is a tar header whose size field says anything, and no body.
func rawHeader(size []byte) []byte {
	var b bytes.Buffer
	_ = tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "f", Mode: 0o644})
	h := b.Bytes()
	copy(h[124:136], size)
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

func rawLayer(pack string, b []byte) func(*hostileDir) string {
	return func(h *hostileDir) string {
		return h.save(h.base(), h.layer(pack, func(w io.Writer) { _, _ = w.Write(b) }))
	}
}

// endless is a docker save archive whose one layer never ends.
type endless struct {
	head []byte
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	e.n++
	var b bytes.Buffer
	_ = tar.NewWriter(&b).WriteHeader(&tar.Header{Name: fmt.Sprintf("file-%d", e.n), Mode: 0o644})
	e.head = b.Bytes()
	return e.Read(p)
}

// hostileBlobs are images whose bytes hurt.
func hostileBlobs() []hostile {
	limit := func(name, says string, image func(*hostileDir) string) hostile {
		return hostile{name: name, code: 3, says: says, image: image}
	}
	var out []hostile
	for _, pack := range []string{"gzip", "zstd"} {
		out = append(out,
			hostile{name: pack + " bomb", heavy: true, code: 1, says: "assessment-incomplete", kind: engine.GapLimit, path: "zeros",
				image: func(h *hostileDir) string { return h.save(h.base(), h.bomb(pack, engine.MaxRatioAfter+1<<30)) }},
			hostile{name: pack + " bomb, many times", heavy: true, code: 3, says: "all layers together", image: func(h *hostileDir) string {
				b, layers := h.bomb(pack, 1<<30), []*hostileBlob{} // no base: each blob may inflate to engine.MaxRatioAfter more
				for range 100 {
					layers = append(layers, b)
				}
				return h.save(layers...)
			}},
			hostile{name: pack + " with zeros after its tar", heavy: true, code: 1, says: "assessment-incomplete", kind: engine.GapLimit,
				path: "var/lib/dpkg/status",
				image: func(h *hostileDir) string {
					return h.save(h.base(), h.zeros(pack, h.base().packed.Bytes(), engine.MaxTrailing+64<<20))
				}},
			limit(pack+" that ends early", "layer 2", func(h *hostileDir) string {
				b := h.bomb(pack, 64<<20)
				b.packed.Truncate(b.packed.Len() - 5)
				return h.save(h.base(), b)
			}),
			limit(pack+" with a tar after it", "layer 2", func(h *hostileDir) string {
				b := h.layer(pack, func(w io.Writer) { _, _ = w.Write(h.base().packed.Bytes()) })
				b.packed.Write(h.base().packed.Bytes())
				return h.save(h.base(), b)
			}))
	}
	for _, pack := range []string{"", "gzip"} {
		out = append(out,
			limit("a negative size "+pack, "layer 2", rawLayer(pack, rawHeader([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0")))),
			limit("a size that overflows "+pack, "layer 2", rawLayer(pack, rawHeader([]byte("\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")))),
			limit("a size of 8 EB "+pack, "layer 2", rawLayer(pack, rawHeader([]byte("\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff")))),
			limit("a wrong checksum "+pack, "layer 2",
				rawLayer(pack, bytes.Replace(rawHeader([]byte("00000000000")), []byte("f\x00"), []byte("g\x00"), 1))),
			limit("a PAX name with NUL "+pack, "layer 2", rawLayer(pack, paxTar("path", "a\x00b"))),
			limit("a PAX header of 2 MB "+pack, "layer 2", rawLayer(pack, paxTar("path", strings.Repeat("x", 2<<20)))),
			limit("a sparse file of 8 EB "+pack, "layer 2",
				rawLayer(pack, paxTar("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "9223372036854775807"))))
	}
	return append(out,
		hostile{name: "a zstd frame with a window of 1 GB", code: 1, says: "assessment-incomplete", kind: engine.GapLimit,
			image: func(h *hostileDir) string { return h.save(h.base(), windowBomb(h, 20)) }},
		hostile{name: "zstd frames with the largest window", heavy: true, code: 3, says: "layer", image: func(h *hostileDir) string {
			layers := []*hostileBlob{h.base()}
			for range 8 {
				layers = append(layers, windowBomb(h, 15))
			}
			return h.save(layers...)
		}},
		hostile{name: "a million empty gzip members", code: 0, says: "PASS", image: func(h *hostileDir) string {
			var member bytes.Buffer
			z := gzip.NewWriter(&member)
			_ = z.Close()
			b := h.layer("", func(io.Writer) {})
			b.packed.Write(bytes.Repeat(member.Bytes(), 1_000_000))
			return h.save(h.base(), b)
		}},
		hostile{name: "an endless layer from a pipe", heavy: true, code: 3, says: "layer.tar", image: func(h *hostileDir) string {
			var head bytes.Buffer
			if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "1/layer.tar", Mode: 0o644, Size: 1 << 60}); err != nil {
				h.t.Fatal(err)
			}
			h.in = struct{ io.Reader }{&endless{head: head.Bytes()}}
			return "-"
		}},
		limit("5,000 layers", "number of layers", func(h *hostileDir) string {
			b := h.base()
			layers := make([]*hostileBlob, 5000)
			for i := range layers {
				layers[i] = b
			}
			return h.save(layers...)
		}),
		limit("a configuration of 20 MB", "limit", func(h *hostileDir) string {
			return h.documents(`{"os":"linux","architecture":"amd64","x":"`+strings.Repeat("x", 20<<20)+`"}`,
				`[{"Config":"config.json","Layers":[]}]`)
		}),
		limit("a configuration 10,000 deep", "depth of JSON", func(h *hostileDir) string {
			return h.documents(`{"os":`+strings.Repeat("[", 10_000), `[{"Config":"config.json","Layers":[]}]`)
		}),
		hostile{name: "a configuration of many labels", heavy: true, code: 1, says: "DENIED", image: func(h *hostileDir) string {
			var b strings.Builder
			for i := 0; b.Len() < engine.MaxConfig-200; i++ {
				fmt.Fprintf(&b, `"%s":"",`, strconv.FormatInt(int64(i), 36))
			}
			return h.documents(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":{`+
				b.String()+`"X":""}}}`, `[{"Config":"config.json","Layers":[]}]`)
		}},
		limit("a manifest of many lists", "manifest.json", func(h *hostileDir) string {
			return h.documents(`{}`, `[`+strings.Repeat("[],", 1<<20)+`[]]`)
		}),
		limit("a configuration with the same key twice", "twice", func(h *hostileDir) string {
			return h.documents(`{"os":"linux","os":"windows"}`, `[{"Config":"config.json","Layers":[]}]`)
		}),
	)
}

// paxTar is a tar of one file with PAX records that archive/tar does not write.
func paxTar(records ...string) []byte {
	var body strings.Builder
	for i := 0; i < len(records); i += 2 {
		line := " " + records[i] + "=" + records[i+1] + "\n"
		n := len(line) + 1
		for len(fmt.Sprint(n))+len(line) != n {
			n++
		}
		fmt.Fprintf(&body, "%d%s", n, line)
	}
	var b bytes.Buffer
	h := rawHeader(fmt.Appendf(nil, "%011o\x00", body.Len()))
	h[156] = tar.TypeXHeader
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	b.Write(h)
	b.WriteString(body.String())
	b.Write(make([]byte, (512-body.Len()%512)%512))
	b.Write(rawHeader([]byte("00000000000\x00")))
	b.Write(make([]byte, 1024))
	return b.Bytes()
}

// windowBomb is a zstd frame whose header asks for a window of 1 KB shifted by log bits (RFC 8878, 3.1.1.1.2), and blocks of zeros.
func windowBomb(h *hostileDir, log byte) *hostileBlob {
	b := h.layer("", func(io.Writer) {})
	b.packed.Write(binary.LittleEndian.AppendUint32(nil, 0xFD2FB528))
	b.packed.Write([]byte{0x00, log << 3})
	for range 2000 {
		block := uint32(128<<10)<<3 | 1<<1 // RLE, not the last
		b.packed.Write([]byte{byte(block), byte(block >> 8), byte(block >> 16), 0})
	}
	b.packed.Write([]byte{1, 0, 0})
	return b
}

// documents writes an archive of a configuration and a manifest.
func (h *hostileDir) documents(config, manifest string) string {
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, m := range [][2]string{{"config.json", config}, {"manifest.json", manifest}} {
		if err := tw.WriteHeader(&tar.Header{Name: m[0], Mode: 0o644, Size: int64(len(m[1]))}); err != nil {
			h.t.Fatal(err)
		}
		if _, err := tw.Write([]byte(m[1])); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		h.t.Fatal(err)
	}
	return "./" + h.write("image.tar", b.String())
}
