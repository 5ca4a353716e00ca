package image

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// fileID returns what identifies a file and its last changes: device, inode, and the times of its last change of content and of metadata in
// nanoseconds. No program can set the latter time, which changed is. ok is false where the file system does not say.
func fileID(info fs.FileInfo) (id string, changed time.Time, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", time.Time{}, false
	}
	changed = time.Unix(st.Ctim.Unix())
	return fmt.Sprintf("%d:%d %d %d", st.Dev, st.Ino, info.ModTime().UnixNano(), changed.UnixNano()), changed, true
}
