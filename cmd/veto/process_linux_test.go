package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// runWatched runs a process and returns its largest resident set, in bytes, as the kernel has it. (The one that wait(2) returns is never
// less than that of the process which began it.)
func runWatched(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)); err == nil {
			_, rest, _ := strings.Cut(string(b), "VmHWM:")
			var kb int64
			if _, err := fmt.Sscan(rest, &kb); err == nil {
				peak = max(peak, kb<<10)
			}
		}
		select {
		case err := <-done:
			return peak, err
		case <-time.After(3 * time.Millisecond):
		}
	}
}
