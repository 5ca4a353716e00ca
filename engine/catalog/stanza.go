package catalog

import (
	"bytes"
	"iter"
	"strings"

	"github.com/vetoci/veto/engine"
)

// stanzas gives the parts of a package database that empty lines end, one at a time: a database of many megabytes is in memory once.
func stanzas(body []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		crlf := bytes.Contains(body, []byte("\r\n\r\n"))
		for part := range bytes.SplitSeq(body, []byte("\n\n")) {
			if !crlf {
				if !yield(strings.ReplaceAll(string(part), "\r\n", "\n")) {
					return
				}
				continue
			}
			for text := range strings.SplitSeq(strings.ReplaceAll(string(part), "\r\n", "\n"), "\n\n") {
				if !yield(text) {
					return
				}
			}
		}
	}
}

// add takes a package of a database, up to the limit.
func add(ev *engine.Evidence, p *engine.Package) error {
	if len(ev.Packages) >= engine.MaxPackages {
		return &engine.LimitError{What: "number of packages of one database", Limit: engine.MaxPackages}
	}
	ev.Packages = append(ev.Packages, *p)
	return nil
}

// malformed notes a stanza that cannot be read, up to the limit: beyond it the file is no database at all.
func malformed(ev *engine.Evidence, detail string) error {
	if len(ev.Coverage) >= engine.MaxGaps {
		return &engine.LimitError{What: "number of faults of one database", Limit: engine.MaxGaps}
	}
	ev.Coverage = append(ev.Coverage, engine.Coverage{Kind: engine.CoverageMalformed, Detail: detail})
	return nil
}
