// Package formats writes a run in the languages of those who read it: people, CI systems, dashboards.
//
// A format sees an *engine.Run and nothing else, changes nothing in it, and gives the same bytes for the same run. What comes from
// an image or a policy is untrusted: each format escapes it, so that a package name can forge no line, no command and no markup.
package formats

import (
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// Format writes a run. The error is that of the writer, or of a run that cannot be expressed.
type Format func(w io.Writer, r *engine.Run) error

// Options are what a format may heed. The zero value is usable.
type Options struct {
	Width  int    // columns of text; 0 is 100
	Color  bool   // colours in text
	Detail string // "short" (also "") folds long lists in text, "full" lists everything
	// Dockerfile is the text that the images were built from, and DockerfilePath its path in the repository, with slashes: results
	// then point at the instruction that brought a layer. Both or neither.
	Dockerfile     []byte
	DockerfilePath string
	Suppressed     bool // SARIF: waived results too, as suppressed
}

// Names lists the formats, sorted.
func Names() []string { return []string{"github", "json", "junit", "markdown", "sarif", "text"} }

// ByName returns a format; an unknown name is a usage error.
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
		write = o.text
	case "json":
		write = writeJSON
	case "sarif":
		write = o.sarif
	case "junit":
		write = writeJUnit
	case "markdown":
		write = writeMarkdown
	case "github":
		write = o.github
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
