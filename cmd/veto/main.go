// Command veto is the policy-as-code CI gate for container images.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/vetoci/veto/engine/rego"
)

// version is that of the next release; CHANGELOG.md says what is in it.
const version = "0.1.0"

// system is all that veto takes from the process around it. Everything below main gets it as an argument.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	args           []string       // the command line, without the program
	atEnd          []func() error // what the command has to close
	inputs         []string       // files that the configuration names, as far as it has been read
	environ        []string       // "KEY=value"
	dir            string         // working directory
	cache          string         // the user's cache directory, "" when there is none
	now            func() time.Time
	terminal       bool // stdout is one
	errTerminal    bool // stderr is one
	width          int  // columns of the terminal
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	sys := thisProcess()
	rego.BoundBuiltins()
	finished := make(chan struct{})
	go func() {
		<-ctx.Done()
		stop() // a second signal kills the process
		select {
		case <-finished:
		case <-time.After(patience):
			endNow(sys, "interrupted")
		}
	}()
	code := run(ctx, os.Args[1:], sys)
	close(finished)
	stop()
	os.Exit(code)
}

// patience is how long a command that was interrupted, or uses too much memory, has to end by itself. A read of a silent pipe, or a
// function of a policy, ends when it likes.
const patience = 600 * time.Millisecond

// endNow ends the process where it cannot be trusted to end by itself. What an earlier run left in its outputs has been removed.
func endNow(sys *system, why string) {
	fmt.Fprintf(sys.stderr, "veto: %s\n", why)
	os.Exit(exitUndecided)
}

func thisProcess() *system {
	collectLate()
	s := &system{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), now: time.Now, width: 100}
	if dir, err := os.Getwd(); err == nil {
		s.dir = dir
	}
	if dir, err := os.UserCacheDir(); err == nil {
		s.cache = filepath.Join(dir, "veto")
	}
	if s.terminal = term.IsTerminal(int(os.Stdout.Fd())); s.terminal {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w >= 60 {
			s.width = w
		}
	}
	s.errTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	return s
}
