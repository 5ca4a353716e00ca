package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/formats"
)

func newInspect(sys *system) *cobra.Command {
	var sf scanFlags
	var out string
	cmd := &cobra.Command{
		Use:   "inspect SOURCE",
		Short: "Print the facts that policies see",
		Long: "Inspect prints the facts about an image as JSON: exactly what policies see as `input`. `veto judge` decides over them again.\n\n" +
			sourceHelp + "\n" + exitStatusPlain,
		Example: `  veto inspect ./app.tar > facts.json
  veto inspect ghcr.io/example/app:1.2 --out facts.json && veto judge facts.json --policy policy/`,
		Args: exactly(1, "one SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			outs := []output{{name: "facts", path: out}}
			s, err := sf.open(cmd, sys, newProgress(sys, out == ""), true)
			if err != nil {
				return err
			}
			if err := claim(sys, outs, sys.inputs); err != nil {
				return errors.Join(err, s.database.Close())
			}
			reading, stop := s.whileRulesHold(cmd.Context())
			defer stop()
			ins, err := s.inspect(reading, target{source: args[0], platform: sf.images.platform})
			if err = errors.Join(cmp.Or(s.ruleset.wait(), err), s.database.Close()); err != nil {
				return err
			}
			in, err := onlyImage(ins)
			if err != nil {
				return err
			}
			gate, err := s.gate(in.Image)
			if err != nil {
				return err
			}
			if err := gate.Prepare(in); err != nil {
				return err
			}
			s.bar.done()
			return write(sys, outs, nil, func(w io.Writer) error { return writeFacts(w, in) })
		},
	}
	sf.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "write to `FILE` instead of standard output")
	return cmd
}

// onlyImage refuses to choose between several images of one platform.
func onlyImage(ins []*engine.Input) (*engine.Input, error) {
	if len(ins) == 1 {
		return ins[0], nil
	}
	var list []string
	for _, in := range ins {
		list = append(list, in.Platform.String()+" "+string(in.Image.Digest))
	}
	err := engine.Usage("%s holds %d images of this platform, and runtimes differ in which they take", ins[0].Image.Name, len(ins))
	return nil, engine.Hint(err, "veto scan judges all of them; for the facts of one give its --platform with the variant, or its digest "+
		"(oci:PATH@DIGEST, REPOSITORY@DIGEST): %s", strings.Join(list, ", "))
}

// writeFacts writes the policy input as indented JSON, but each file on one line: there are tens of thousands. Sections that the source
// could not give are left out, so that whoever decides over the facts again lacks them too.
func writeFacts(w io.Writer, in *engine.Input) error {
	const noFiles = "\n  \"files\": [],"
	w = formats.SafeJSON(w)
	short := *in
	short.Files = []engine.FileFact{}
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&short); err != nil {
		return err
	}
	body, err := without(all.Bytes(), in.Missing)
	if err != nil {
		return err
	}
	if len(in.Files) == 0 {
		_, err := w.Write(body)
		return err
	}
	before, after, ok := bytes.Cut(body, []byte(noFiles))
	if !ok {
		return errors.New("the facts have no list of files")
	}
	out := bufio.NewWriter(w)
	_, err = fmt.Fprintf(out, "%s\n  \"files\": [", before)
	for i := range in.Files {
		all.Reset()
		all.WriteString("\n    ")
		if i > 0 {
			_ = out.WriteByte(',') // a bufio.Writer keeps its first error for Flush
		}
		enc.SetIndent("", "")
		err = errors.Join(err, enc.Encode(&in.Files[i]))
		_, _ = out.Write(bytes.TrimRight(all.Bytes(), "\n"))
	}
	_, _ = fmt.Fprintf(out, "\n  ],%s", after)
	return errors.Join(err, out.Flush())
}

// without removes top-level sections from indented JSON, whose last section stays.
func without(body []byte, sections []string) ([]byte, error) {
	for _, name := range sections {
		start := bytes.Index(body, []byte("\n  \""+name+"\":"))
		if start < 0 {
			return nil, fmt.Errorf("the facts have no section %q", name)
		}
		next := bytes.Index(body[start+1:], []byte("\n  \""))
		if next < 0 {
			return nil, fmt.Errorf("the section %q of the facts is the last", name)
		}
		body = slices.Delete(body, start, start+1+next)
	}
	return body, nil
}
