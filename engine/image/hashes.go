package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vetoci/veto/engine"
)

// Hashes remembers which content parts of files had when veto hashed them. A state is opaque and names a part of a file with
// everything by which a change would show; it is safe for concurrent use.
type Hashes interface {
	Hashed(state string) (engine.Digest, bool)
	Record(state string, d engine.Digest) error
}

// settled is how long ago a file must have changed last before veto started to hash it: within the granularity of a file system's
// times (2 s on FAT, 1 s on some network file systems), a second change could leave no trace.
const settled = 3 * time.Second

// filePart is a part of a local file, as long as that is open.
type filePart struct {
	file       *os.File
	from, size int64
}

// state describes the part now: device, inode, size of the file, times of its last change of content and of metadata, and which bytes.
// It is empty where the system or the file gives no such facts, or when the last change is too young at the clock now.
func (p *filePart) state(now time.Time) string {
	info, err := p.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	id, changed, ok := fileID(info)
	if !ok || now.Sub(changed) < settled || now.Sub(info.ModTime()) < settled {
		return ""
	}
	return fmt.Sprintf("%s %d %d %d", id, info.Size(), p.from, p.size)
}

// known returns the digest that the blob had when it was hashed, if nothing about its file has changed since.
func (l *layer) known() engine.Digest {
	state := l.state()
	if state == "" {
		return ""
	}
	d, ok := l.hashes.Hashed(state)
	if !ok {
		return ""
	}
	return d
}

func (l *layer) state() string {
	if l.hashes == nil || l.now == nil || l.blob.part == nil {
		return ""
	}
	return l.blob.part.state(l.now())
}

// remember notes that the blob's content has been hashed and is what the image says. before is the state from before it was read: a
// file that changes meanwhile is not remembered. That nothing could be noted costs time only.
func (l *layer) remember(before string) {
	l.hashed = l.blob.digest
	if before != "" && before == l.state() {
		_ = l.hashes.Record(before, l.hashed)
	}
}

// Hash implements engine.Hashed. A compressed local blob is hashed: that takes a fraction of the time of inflating it.
func (l *layer) Hash(ctx context.Context) (engine.Digest, error) {
	switch {
	case l.table != nil: // what walks read is not all there is
		return "", nil
	case l.hashed != "" || l.blob.digest == "":
		return l.hashed, nil
	case l.blob.bound:
		return l.blob.digest, nil
	case l.blob.once != nil:
		return l.hashPassing(ctx)
	case l.blob.at == nil:
		return "", nil
	}
	kind, err := sniff(l.blob)
	if err != nil || kind == packedNot && !l.verify {
		return "", err
	}
	return l.blob.digest, l.hashStored(ctx)
}

// hashStored hashes a local blob as it is stored, unless its file is unchanged since it was hashed, and holds it against its digest.
func (l *layer) hashStored(ctx context.Context) error {
	if l.hashed != "" {
		return nil
	}
	before := l.state()
	got := l.known()
	if got == "" {
		var err error
		if got, err = l.sum(ctx); err != nil {
			return err
		}
	}
	if got != l.blob.digest {
		return mismatch("the blob", got, l.blob.digest)
	}
	l.remember(before)
	return nil
}

// patient ends reading when its context does.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (r *patient) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
