package engine

import (
	"errors"
	"io"
	"os"
)

// ReadLimited reads a whole file of at most limit bytes; a larger one is a *LimitError.
func ReadLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path) // a path that the user or the system names
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &LimitError{What: "size of " + path, Limit: limit}
	}
	return b, nil
}
