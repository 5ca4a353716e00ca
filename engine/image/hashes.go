package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vetoci/veto/engine"
)

// Hashes remembers the digests of parts of local files that veto has hashed. A state is an opaque string that names a part of a file and
// everything by which a change of it would show. Implementations are safe for concurrent use.
type Hashes interface {
	// Hashed returns the digest that was recorded for a state; false when there is none.
	Hashed(state string) (engine.Digest, bool)
	// Record notes that a part of a file in this state has the digest d. An error costs time only: the next scan hashes again.
	Record(state string, d engine.Digest) error
}

// settleTime is how long a file must have been unchanged before veto begins to hash it, or its state is not used: within the granularity of
// a file system's times (2 s on FAT, 1 s on some network file systems), a second change could leave no trace.
const settleTime = 3 * time.Second

// fileSection is a part of a local file, as long as that is open.
type fileSection struct {
	file       *os.File
	from, size int64 // bytes
}

// state describes the section as it is now: device and inode of the file, when its content and its metadata were last changed, its size,
// and which of its bytes. It is empty where the system or the file gives no such facts, or when the last change is less than settleTime
// before now.
func (p *fileSection) state(now time.Time) string {
	info, err := p.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	id, changed, ok := fileID(info)
	if !ok || now.Sub(changed) < settleTime || now.Sub(info.ModTime()) < settleTime {
		return ""
	}
	return fmt.Sprintf("%s %d %d %d", id, info.Size(), p.from, p.size)
}

// recordedDigest returns the digest that the blob had when it was hashed, if its file has not changed since; else it is empty.
func (l *layer) recordedDigest() engine.Digest {
	state := l.fileState()
	if state == "" {
		return ""
	}
	d, ok := l.hashes.Hashed(state)
	if !ok {
		return ""
	}
	return d
}

// fileState is the state of the blob's file section; empty when there is none, or nothing that remembers it.
func (l *layer) fileState() string {
	if l.hashes == nil || l.now == nil || l.blob.file == nil {
		return ""
	}
	return l.blob.file.state(l.now())
}

// recordDigest notes that the blob has been hashed and has the digest that the image says. before is the state of its file before it was
// read: when the file has changed meanwhile, nothing is recorded. A failure to record costs time only.
func (l *layer) recordDigest(before string) {
	l.hashed = l.blob.digest
	if before != "" && before == l.fileState() {
		_ = l.hashes.Record(before, l.hashed)
	}
}

// Hash implements engine.Hashed. It hashes a compressed local blob, which takes a fraction of the time of inflating it.
func (l *layer) Hash(ctx context.Context) (engine.Digest, error) {
	switch {
	case l.table != nil: // walks read the table of contents, not the whole blob
		return "", nil
	case l.hashed != "" || l.blob.digest == "":
		return l.hashed, nil
	case l.blob.contentAddressed:
		return l.blob.digest, nil
	case l.blob.stream != nil:
		return l.hashStream(ctx)
	case l.blob.at == nil:
		return "", nil
	}
	kind, err := sniffForm(l.blob)
	if err != nil || kind == uncompressed && !l.verify {
		return "", err
	}
	return l.blob.digest, l.hashStored(ctx)
}

// hashStored hashes a local blob as it is stored, unless its file is unchanged since veto hashed it, and compares it with the digest that
// the image says.
func (l *layer) hashStored(ctx context.Context) error {
	if l.hashed != "" {
		return nil
	}
	before := l.fileState()
	got := l.recordedDigest()
	if got == "" {
		var err error
		if got, err = l.hashBlob(ctx); err != nil {
			return err
		}
	}
	if got != l.blob.digest {
		return digestMismatch("the blob", got, l.blob.digest)
	}
	l.recordDigest(before)
	return nil
}

// contextReader reads r until ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
