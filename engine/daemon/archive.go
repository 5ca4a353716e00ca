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
// (POSIX.1-2024 pax, "ustar Interchange Format").
type archive struct {
	body    io.ReadCloser
	client  *Client
	name    string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
	timer   *time.Timer
	tail    []byte // the last bytes read, at most maxTail
	length  int64
	err     error // the end, once there is one
}

const (
	block   = 512       // bytes of a tar's blocks
	ending  = 2 * block // bytes of zeros
	maxTail = 8 << 10   // bytes, among them the JSON of an error
)

// Read implements io.Reader.
func (a *archive) Read(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	a.timer.Reset(a.timeout)
	n, err := a.body.Read(p)
	a.timer.Stop()
	a.keep(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		a.err = a.end()
	case err != nil:
		a.err = a.interrupted(err)
	}
	return n, a.err
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

func (a *archive) keep(b []byte) {
	a.length += int64(len(b))
	if len(b) >= maxTail {
		a.tail = append(a.tail[:0], b[len(b)-maxTail:]...)
		return
	}
	if over := len(a.tail) + len(b) - maxTail; over > 0 {
		a.tail = append(a.tail[:0], a.tail[over:]...)
	}
	a.tail = append(a.tail, b...)
}

// end judges how the answer ended.
func (a *archive) end() error {
	if at := len(a.tail) - ending; a.length%block == 0 && at >= 0 && bytes.Equal(a.tail[at:], make([]byte, ending)) {
		return io.EOF
	}
	why := fmt.Errorf("the archive has no end after %d bytes", a.length)
	var failed struct{ Error string }
	if at := bytes.LastIndex(a.tail, []byte(`{"errorDetail":`)); at >= 0 && json.Unmarshal(bytes.TrimSpace(a.tail[at:]), &failed) == nil && failed.Error != "" {
		why = fmt.Errorf("it says %q", shorten(failed.Error, 300))
	}
	return a.client.broken(a.name, why)
}

// Close implements io.Closer.
func (a *archive) Close() error {
	if a.err == nil {
		a.err = errors.New("the archive is closed")
	}
	a.timer.Stop()
	a.cancel(nil)
	return a.body.Close()
}
