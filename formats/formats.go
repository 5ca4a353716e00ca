// Package formats writes a run for those who read it: people, CI systems, dashboards.
//
// A format sees an *engine.Run and nothing else, changes nothing in it, and writes the same bytes for the same run. What comes from an
// image or a policy is untrusted: each format escapes it, so that the name of a package cannot forge a line, a command or markup.
package formats

import (
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// Format writes a run. The error is that of the writer, or says that there is no run. It does not close w.
type Format func(w io.Writer, r *engine.Run) error

// Options change what formats write. The zero value is usable.
type Options struct {
	Width  int    // columns of text; 0 is 100
	Color  bool   // colours in text, as ANSI sequences
	Detail string // "short" (also "") folds long lists in text, "full" lists everything
	// Dockerfile is the file that the images were built from, and DockerfilePath its path in the repository, with slashes. With both,
	// results of sarif and github point at the instruction that made a layer.
	Dockerfile     []byte
	DockerfilePath string
	Suppressed     bool // sarif writes waived results too, as suppressed
}

// Names lists the formats, sorted.
func Names() []string { return []string{"github", "json", "junit", "markdown", "sarif", "text"} }

// ByName returns the format of a name. An unknown name, and an unknown Detail, are an engine.UsageError.
func ByName(name string, o Options) (Format, error) {
	if o.Detail != "" && o.Detail != "short" && o.Detail != "full" {
		return nil, engine.UnknownWord("detail", o.Detail, []string{"short", "full"})
	}
	if o.Width <= 0 {
		o.Width = 100
	}
	var write Format
	switch name {
	case "text":
		write = o.writeText
	case "json":
		write = writeJSON
	case "sarif":
		write = o.writeSARIF
	case "junit":
		write = writeJUnit
	case "markdown":
		write = writeMarkdown
	case "github":
		write = o.writeGitHub
	default:
		return nil, engine.UnknownWord("format", name, Names())
	}
	return func(w io.Writer, r *engine.Run) error {
		if r == nil {
			return fmt.Errorf("writing %s: there is no run", name)
		}
		return write(w, r)
	}, nil
}
