// Package imagetest packs small images for tests and examples, the same bytes each time. It is test support: no product code imports it.
package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"path"
	"time"
)

// Entry is one entry of a layer's tar. The zero Type is a regular file, the zero Mode 0644 (0755 for directories).
type Entry struct {
	Path string
	Type byte // tar.TypeReg, tar.TypeDir, tar.TypeSymlink …
	Body []byte
	Link string
	Mode int64 // permissions with the set-uid, set-gid and sticky bits, as in a tar header
	UID  int
	GID  int
	PAX  map[string]string // further PAX records
}

// File is a regular file.
func File(p, body string) Entry { return Entry{Path: p, Body: []byte(body)} }

// Program is an executable file.
func Program(p string, body []byte) Entry { return Entry{Path: p, Body: body, Mode: 0o755} }

// Dir is a directory.
func Dir(p string) Entry { return Entry{Path: p, Type: tar.TypeDir} }

// Symlink is a symbolic link at p.
func Symlink(p, target string) Entry { return Entry{Path: p, Type: tar.TypeSymlink, Link: target} }

// Hardlink is a further name p of the file at target.
func Hardlink(p, target string) Entry { return Entry{Path: p, Type: tar.TypeLink, Link: target} }

// Whiteout removes what lower layers have at p.
func Whiteout(p string) Entry { return Entry{Path: path.Join(path.Dir(p), ".wh."+path.Base(p))} }

// Opaque hides what lower layers have inside the directory dir.
func Opaque(dir string) Entry { return Entry{Path: path.Join(dir, ".wh..wh..opq")} }

// Tar packs entries as an uncompressed tar archive with an end marker.
func Tar(entries ...Entry) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.Path, Typeflag: e.Type, Linkname: e.Link, Mode: e.Mode, Uid: e.UID, Gid: e.GID,
			Size: int64(len(e.Body)), ModTime: time.Unix(0, 0), PAXRecords: e.PAX}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeDir {
				h.Mode = 0o755
			}
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("imagetest: %s: %w", e.Path, err)
		}
		if _, err := w.Write(e.Body); err != nil {
			return nil, fmt.Errorf("imagetest: %s: %w", e.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("imagetest: %w", err)
	}
	return buf.Bytes(), nil
}
