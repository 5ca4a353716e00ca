package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// WriteZeroLayer writes a tar with this number of files, whose bodies are zeros, size bytes together.
func WriteZeroLayer(w io.Writer, files int, size int64) error {
	tw := tar.NewWriter(w)
	zeros := make([]byte, 1<<20)
	for i := range files {
		if err := tw.WriteHeader(zeroFileHeader(i, size/int64(files))); err != nil {
			return err
		}
		for left := size / int64(files); left > 0; {
			n, err := tw.Write(zeros[:min(left, int64(len(zeros)))])
			if err != nil {
				return err
			}
			left -= int64(n)
		}
	}
	return tw.Close()
}

func zeroFileHeader(i int, size int64) *tar.Header {
	return &tar.Header{Name: fmt.Sprintf("usr/share/doc/p%d/file%d", i%40, i), Mode: 0o644, Size: size}
}

// WriteSparseArchive writes a docker save archive of one uncompressed layer like WriteZeroLayer's to the file name. The bodies are holes of
// that file, so that it takes next to no room on disk. The diff ID in the configuration is not that of the layer.
func WriteSparseArchive(name string, files int, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	h := sparseWriter{f: f}
	each := size / int64(files)
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:` + strings.Repeat("0", 64) + `"]}}`
	h.member("config.json", config)
	h.member("manifest.json", `[{"Config":"config.json","RepoTags":null,"Layers":["layer.tar"]}]`)
	h.header(&tar.Header{Name: "layer.tar", Mode: 0o644, Size: int64(files)*(512+padded(each)) + 1024})
	for i := range files {
		h.header(zeroFileHeader(i, each))
		h.at += padded(each)
	}
	if h.err == nil {
		h.err = f.Truncate(h.at + 1024 + 1024)
	}
	if h.err != nil {
		_ = f.Close()
		return h.err
	}
	return f.Close()
}

// sparseWriter writes parts of a tar at their places in a file, and keeps the first error.
type sparseWriter struct {
	f   *os.File
	at  int64
	err error
}

// padded rounds up to whole blocks of a tar.
func padded(n int64) int64 { return (n + 511) &^ 511 }

func (h *sparseWriter) write(b []byte) {
	if h.err == nil {
		_, h.err = h.f.WriteAt(b, h.at)
	}
	h.at += int64(len(b))
}

func (h *sparseWriter) header(th *tar.Header) {
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(th); err != nil && h.err == nil {
		h.err = err
	}
	h.write(b.Bytes())
}

func (h *sparseWriter) member(name, body string) {
	h.header(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))})
	h.write([]byte(body))
	h.at += padded(int64(len(body))) - int64(len(body))
}
