package catalog

import (
	"bytes"
	"io/fs"

	"github.com/vetoci/veto/engine"
)

// wants says whether an inspector is shown a file by the walk of a layer, whose body is seekable or a stream.
func wants(insp engine.Inspector, path string, mode fs.FileMode, body []byte, stream bool) bool {
	if !insp.Wants(path, mode, int64(len(body))) {
		return false
	}
	by, ok := insp.(engine.Sniffing)
	if !ok {
		return true
	}
	e := engine.Entry{Path: path, Type: engine.TypeFile, Mode: mode, Size: int64(len(body))}
	var edges engine.Edges
	return fileOf(e, body, stream).ReadEdges(&edges) == nil && by.Fits(path, mode, e.Size, &edges)
}

// fileOf makes a file that is seekable, or a stream.
func fileOf(e engine.Entry, body []byte, stream bool) *engine.File {
	if stream {
		return engine.NewFile(e, bytes.NewReader(body))
	}
	return engine.NewFileAt(e, bytes.NewReader(body))
}
