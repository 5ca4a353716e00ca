//go:build unix

package image

import (
	"errors"
	"io/fs"
	"syscall"
)

// isNotDir says that a part of a path before its end is a file.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// owner returns who owns a file.
func owner(info fs.FileInfo) (uid, gid uint32) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid, st.Gid
	}
	return 0, 0
}
