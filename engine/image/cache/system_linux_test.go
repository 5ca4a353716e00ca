package cache

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
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

// asFile does something as a process would on a file system that gives everything to one user, which only root may.
func asFile(uid int, do func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(uid), 0, 0)
	do()
}

// Where the file system does not keep what is made for its user, there is no cache, and that is nobody's mistake.
func TestOpenWhereNothingIsOnesOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	base := t.TempDir()
	for p := base; p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(base, "veto", "layers")
	done := make(chan error)
	go asFile(65534, func() {
		_, err := Open(dir, 1<<30, time.Now)
		done <- err
	})
	err := <-done
	var usage *engine.UsageError
	if err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), "does not keep") {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was left: %v", err)
	}
}
