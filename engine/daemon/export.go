package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// exportStream reads the archive that a daemon exports. HTTP alone does not say that it is whole: when packing fails, Docker has sent the
// status 200 already, appends the error as JSON to what it has packed, and ends the answer normally. So the stream must end as a tar does,
// with two blocks of zeros (POSIX.1-2024 pax, "ustar Interchange Format"). The last bytes are held back until that is known, so that nobody
// takes the JSON for a file, or the archive for a whole one.
type exportStream struct {
	body    io.ReadCloser
	client  *Client
	name    string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer
	held    []byte // what has been read; held[heldPos:] has not been delivered
	heldPos int
	length  int64 // bytes read in all
	err     error // what ended the stream; nil before
}

// Sizes in bytes.
const (
	tarBlock  = 512
	endMarker = 2 * tarBlock // zeros
	maxTail   = 8 << 10      // what is held back; the JSON of an error that Docker appends must fit
	readSize  = 128 << 10    // what is read at once
)

// Read implements io.Reader.
func (a *exportStream) Read(p []byte) (int, error) {
	for len(p) > 0 {
		ready := len(a.held) - a.heldPos
		if a.err == nil {
			ready -= maxTail
		}
		if ready > 0 {
			n := copy(p, a.held[a.heldPos:a.heldPos+ready])
			a.heldPos += n
			return n, nil
		}
		if a.err != nil {
			return 0, a.err
		}
		a.fill()
	}
	return 0, nil
}

// fill reads once, behind what is held back.
func (a *exportStream) fill() {
	if a.held == nil {
		a.held = make([]byte, 0, maxTail+readSize)
	}
	a.held, a.heldPos = append(a.held[:0], a.held[a.heldPos:]...), 0
	a.timer.Reset(a.timeout)
	n, err := a.body.Read(a.held[len(a.held):cap(a.held)])
	a.timer.Stop()
	a.held, a.length = a.held[:len(a.held)+n], a.length+int64(n)
	switch {
	case errors.Is(err, io.EOF):
		a.err = a.checkEnd()
	case err != nil:
		a.err = a.interrupted(err)
	}
	if a.err != nil && !errors.Is(a.err, io.EOF) {
		a.heldPos = len(a.held)
	}
}

// stallError says that nothing came for a whole timeout.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("nothing came for %s", e.after) }

// interrupted is the error of a stream that broke off. It tells whether the daemon or the caller ended it.
func (a *exportStream) interrupted(err error) error {
	stall := (*stallError)(nil)
	switch {
	case errors.As(context.Cause(a.ctx), &stall):
		return a.client.brokenOff(a.name, stall)
	case a.ctx.Err() != nil:
		return fmt.Errorf("asking %s for %s: %w", a.client.Where(), a.name, a.ctx.Err())
	}
	return a.client.brokenOff(a.name, err)
}

// checkEnd returns io.EOF when the archive has ended as a whole one does, else the error that the daemon has appended to it.
func (a *exportStream) checkEnd() error {
	if at := len(a.held) - endMarker; a.length%tarBlock == 0 && at >= 0 && bytes.Equal(a.held[at:], make([]byte, endMarker)) {
		return io.EOF
	}
	why := fmt.Errorf("the archive has no end after %d bytes", a.length)
	var failed struct{ Error string }
	at := bytes.LastIndex(a.held, []byte(`{"errorDetail":`))
	if at >= 0 && json.Unmarshal(bytes.TrimSpace(a.held[at:]), &failed) == nil && failed.Error != "" {
		why = fmt.Errorf("it says %q", shorten(failed.Error, 300))
	}
	return a.client.brokenOff(a.name, why)
}

// Close implements io.Closer.
func (a *exportStream) Close() error {
	if a.err == nil {
		a.err = errors.New("the archive is closed")
	}
	a.held, a.heldPos = nil, 0
	a.timer.Stop()
	a.cancel(nil)
	return a.body.Close()
}
