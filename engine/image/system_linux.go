package image

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// fileID names a file and its last change of content and of metadata (which no program can set), to the nanosecond.
func fileID(info fs.FileInfo) (id string, changed time.Time, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", time.Time{}, false
	}
	changed = time.Unix(st.Ctim.Unix())
	return fmt.Sprintf("%d:%d %d %d", st.Dev, st.Ino, info.ModTime().UnixNano(), changed.UnixNano()), changed, true
}
