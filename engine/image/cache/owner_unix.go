//go:build unix

package cache

import (
	"io/fs"
	"os"
	"syscall"
)

// dontWait keeps the opening of what turned out to be a pipe from waiting for its writer.
const dontWait = syscall.O_NONBLOCK

func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

func loose(info fs.FileInfo) bool { return info.Mode().Perm()&looseBits != 0 }
