package cache

import (
	"os"
	"syscall"
)

func pipe(path string) error { return syscall.Mkfifo(path, 0o600) }

// mountTemp mounts a file system in memory on dir, which only root may.
func mountTemp(dir, options string) (unmount func() error, err error) {
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	flags := uintptr(0)
	if options == "ro" {
		flags, options = syscall.MS_RDONLY, ""
	}
	if options != "" {
		options += ","
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options+"mode=0700"); err != nil {
		return nil, err
	}
	return func() error { return syscall.Unmount(dir, 0) }, nil
}
