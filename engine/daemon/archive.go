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

// archive is an export on its way. HTTP alone does not say that it is whole: Docker has sent its 200 when packing fails, writes the
// error as JSON behind what it packed, and ends the answer as if nothing were. So its end must be a tar's: two blocks of zeros
// (POSIX.1-2024 pax, "ustar Interchange Format"). The last bytes are held back until that is known, lest somebody takes the JSON for
// a file, or reads the end of an archive that has none.
type archive struct {
	body    io.ReadCloser
	client  *Client
	name    string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer
	held    []byte // read and not yet delivered, from at on
	at      int
	length  int64
	err     error // the end, once there is one
}

const (
	block   = 512       // bytes of a tar's blocks
	ending  = 2 * block // bytes of zeros
	maxTail = 8 << 10   // bytes, among them the JSON of an error
	ahead   = 128 << 10 // bytes read at once
)

// Read implements io.Reader.
func (a *archive) Read(p []byte) (int, error) {
	for len(p) > 0 {
		ready := len(a.held) - a.at
		if a.err == nil {
			ready -= maxTail
		}
		if ready > 0 {
			n := copy(p, a.held[a.at:a.at+ready])
			a.at += n
			return n, nil
		}
		if a.err != nil {
			return 0, a.err
		}
		a.fill()
	}
	return 0, nil
}

// fill reads on, behind what is held back.
func (a *archive) fill() {
	if a.held == nil {
		a.held = make([]byte, 0, maxTail+ahead)
	}
	a.held, a.at = append(a.held[:0], a.held[a.at:]...), 0
	a.timer.Reset(a.timeout)
	n, err := a.body.Read(a.held[len(a.held):cap(a.held)])
	a.timer.Stop()
	a.held, a.length = a.held[:len(a.held)+n], a.length+int64(n)
	switch {
	case errors.Is(err, io.EOF):
		a.err = a.end()
	case err != nil:
		a.err = a.interrupted(err)
	}
	if a.err != nil && !errors.Is(a.err, io.EOF) {
		a.at = len(a.held)
	}
}

// stallError is a read that brought nothing.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string { return fmt.Sprintf("nothing came for %s", e.after) }

// interrupted tells a stream that broke from one that nobody wants any more.
func (a *archive) interrupted(err error) error {
	stall := (*stallError)(nil)
	switch {
	case errors.As(context.Cause(a.ctx), &stall):
		return a.client.broken(a.name, stall)
	case a.ctx.Err() != nil:
		return fmt.Errorf("asking %s for %s: %w", a.client.Where(), a.name, a.ctx.Err())
	}
	return a.client.broken(a.name, err)
}

// end judges how the answer ended.
func (a *archive) end() error {
	if at := len(a.held) - ending; a.length%block == 0 && at >= 0 && bytes.Equal(a.held[at:], make([]byte, ending)) {
		return io.EOF
	}
	why := fmt.Errorf("the archive has no end after %d bytes", a.length)
	var failed struct{ Error string }
	if at := bytes.LastIndex(a.held, []byte(`{"errorDetail":`)); at >= 0 && json.Unmarshal(bytes.TrimSpace(a.held[at:]), &failed) == nil && failed.Error != "" {
		why = fmt.Errorf("it says %q", shorten(failed.Error, 300))
	}
	return a.client.broken(a.name, why)
}

// Close implements io.Closer.
func (a *archive) Close() error {
	if a.err == nil {
		a.err = errors.New("the archive is closed")
	}
	a.held, a.at = nil, 0
	a.timer.Stop()
	a.cancel(nil)
	return a.body.Close()
}
