package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

// output is one -o: a format and where it goes; an empty path is standard output.
type output struct {
	name   string
	path   string
	format formats.Format // nil for facts
}

// outputFlags choose what is written where.
type outputFlags struct {
	outputs    []string
	quiet      bool
	detail     string
	color      string
	dockerfile string
	suppressed bool
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.outputs, "output", "o", nil,
		"write `FORMAT[=PATH]`; repeats ("+strings.Join(formats.Names(), ", ")+", facts)")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "no text on standard output, no progress")
	cmd.Flags().StringVar(&o.detail, "detail", "short", "how much the text lists: short or full")
	cmd.Flags().StringVar(&o.color, "color", "auto", "colours in the text: auto, always or never (NO_COLOR is honoured)")
	cmd.Flags().StringVar(&o.dockerfile, "dockerfile", "", "`FILE` that the image was built from: results point at its lines")
	cmd.Flags().BoolVar(&o.suppressed, "suppressed", false, "SARIF carries waived results too, as suppressed")
}

// parse resolves the outputs. claim then makes room for them.
func (o *outputFlags) parse(sys *system, factsAllowed bool) ([]output, error) {
	if o.detail != "short" && o.detail != "full" {
		return nil, engine.UnknownWord("detail", o.detail, []string{"short", "full"})
	}
	options := formats.Options{Width: 100, Detail: o.detail, Suppressed: o.suppressed}
	if o.dockerfile != "" {
		text, err := engine.ReadLimited(o.dockerfile, engine.MaxSettings)
		if err != nil {
			return nil, engine.Usage("--dockerfile: %v", err)
		}
		options.Dockerfile, options.DockerfilePath = text, filepath.ToSlash(o.dockerfile)
	}
	var outs []output
	stdout := 0
	for _, spec := range o.outputs {
		name, path, toFile := strings.Cut(spec, "=")
		out := output{name: name, path: path}
		if toFile && path == "" {
			return nil, engine.Usage("-o %s: the path is empty", spec)
		}
		if !toFile {
			stdout++
		}
		if name != "facts" || !factsAllowed {
			var err error
			if out.format, err = formats.ByName(name, o.forTerminal(sys, name, toFile, options)); err != nil {
				return nil, err
			}
		}
		outs = append(outs, out)
	}
	if stdout > 1 {
		return nil, engine.Usage("only one -o can go to standard output; give the others a path: -o FORMAT=PATH")
	}
	if stdout == 0 && !o.quiet {
		text, err := formats.ByName("text", o.forTerminal(sys, "text", false, options))
		if err != nil {
			return nil, err
		}
		outs = append(outs, output{name: "text", format: text})
	}
	return outs, nil
}

func (o *outputFlags) forTerminal(sys *system, name string, toFile bool, options formats.Options) formats.Options {
	if name != "text" || toFile {
		return options
	}
	options.Width = sys.width
	options.Color = o.color == "always" || o.color == "auto" && sys.terminal && sys.getenv("NO_COLOR") == "" && sys.getenv("TERM") != "dumb"
	return options
}

// write writes every output, several at once, also when some fail, and joins the errors. facts may be nil when there are none.
func write(sys *system, outs []output, run *engine.Run, facts func(io.Writer) error) error {
	errs := make([]error, len(outs))
	var wg sync.WaitGroup
	for i, out := range outs {
		render := func(w io.Writer) error { return out.format(w, run) }
		if out.format == nil {
			if render = facts; render == nil {
				continue
			}
		}
		wg.Go(func() {
			var err error
			if out.path == "" {
				err = render(sys.stdout)
			} else {
				err = writeFile(out.path, render)
			}
			if err != nil {
				errs[i] = fmt.Errorf("writing %s: %w", out.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// writeFile replaces a file atomically; what is no regular file (a pipe, /dev/stderr) is written to directly.
func writeFile(path string, render func(io.Writer) error) (err error) {
	if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(render(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".veto-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err = render(f); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
