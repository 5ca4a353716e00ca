//go:build unix

package image

import (
	"errors"
	"io/fs"
	"syscall"
)

// isNotDir reports whether an error says that a path leads through a file.
func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// owner returns the numbers of the user and group that own a file.
func owner(info fs.FileInfo) (uid, gid uint32) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Uid, st.Gid
	}
	return 0, 0
}
