package store

import (
	"encoding/binary"
	"errors"

	"github.com/vetoci/veto/engine/advisory"
)

// The values of a shard: strings with their length before them (unsigned varint), lists with their count before them, the fields of a record in
// the order of its Go type. A scan decodes thousands of records, and JSON takes several times as long and a third more space.

var errValue = errors.New("a value ends too early or goes on too long")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, x := range list {
		b = one(b, x)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte { return appendList(b, list, appendString) }

func appendRating(b []byte, r advisory.Rating) []byte {
	return appendString(appendString(b, r.Type), r.Score)
}

func appendEvent(b []byte, e advisory.Event) []byte {
	for _, s := range []string{e.Introduced, e.Fixed, e.LastAffected, e.Limit} {
		b = appendString(b, s)
	}
	return b
}

func appendRange(b []byte, r advisory.Range) []byte {
	return appendList(appendString(b, r.Type), r.Events, appendEvent)
}

func appendAffected(b []byte, a advisory.Affected) []byte {
	b = appendString(appendString(b, a.Ecosystem), a.Name)
	b = appendList(appendStrings(b, a.Versions), a.Ranges, appendRange)
	return appendList(appendString(appendList(b, a.Severity, appendRating), a.Urgency), a.Imports, appendImport)
}

func appendImport(b []byte, i advisory.Import) []byte {
	return appendStrings(appendString(b, i.Path), i.Symbols)
}

func encodeRecord(a advisory.Advisory) []byte {
	b := appendString(nil, a.ID)
	for _, l := range [][]string{a.Aliases, a.Upstream, a.Related} {
		b = appendStrings(b, l)
	}
	for _, s := range []string{a.Summary, a.Published, a.Modified, a.Withdrawn} {
		b = appendString(b, s)
	}
	b = appendStrings(appendString(appendList(b, a.Severity, appendRating), a.Level), a.CWEs)
	return appendList(b, a.Affected, appendAffected)
}

// reader reads a value. The first thing that does not fit makes it bad, and everything after it empty.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) count() int {
	var n uint64
	for i := range len(r.rest) {
		c := r.rest[i]
		if i == 5 { // no value has 2^35 bytes
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if r.rest = r.rest[i+1:]; n > uint64(len(r.rest)) { // even an empty string takes a byte
				break
			}
			return int(n)
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *reader) string() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// readList reads a list; an empty one is nil. The allocation is bounded by what the value can hold, not by what it claims.
func readList[T any](r *reader, one func(*reader) T) []T {
	n := r.count()
	if n == 0 {
		return nil
	}
	list := make([]T, 0, min(n, 64))
	for range n {
		x := one(r)
		if r.bad {
			return nil
		}
		list = append(list, x)
	}
	return list
}

func (r *reader) strings() []string { return readList(r, (*reader).string) }

func (r *reader) rating() advisory.Rating {
	return advisory.Rating{Type: r.string(), Score: r.string()}
}

func (r *reader) event() advisory.Event {
	return advisory.Event{Introduced: r.string(), Fixed: r.string(), LastAffected: r.string(), Limit: r.string()}
}

func (r *reader) span() advisory.Range {
	return advisory.Range{Type: r.string(), Events: readList(r, (*reader).event)}
}

func (r *reader) affected() advisory.Affected {
	return advisory.Affected{
		Ecosystem: r.string(), Name: r.string(), Versions: r.strings(), Ranges: readList(r, (*reader).span),
		Severity: readList(r, (*reader).rating), Urgency: r.string(), Imports: readList(r, (*reader).goPackage),
	}
}

func (r *reader) goPackage() advisory.Import {
	return advisory.Import{Path: r.string(), Symbols: r.strings()}
}

func (r *reader) end() error {
	if r.bad || r.rest != "" {
		return errValue
	}
	return nil
}

func decodeRecord(value []byte) (advisory.Advisory, error) {
	r := &reader{rest: string(value)} // one copy, which every string of the record shares
	a := advisory.Advisory{
		ID: r.string(), Aliases: r.strings(), Upstream: r.strings(), Related: r.strings(),
		Summary: r.string(), Published: r.string(), Modified: r.string(), Withdrawn: r.string(),
		Severity: readList(r, (*reader).rating), Level: r.string(), CWEs: r.strings(), Affected: readList(r, (*reader).affected),
	}
	return a, r.end()
}

func decodeStrings(value []byte) ([]string, error) {
	r := &reader{rest: string(value)}
	list := r.strings()
	return list, r.end()
}

func encodeExploited(e advisory.KEVEntry) []byte {
	return appendString(appendString(nil, e.CVE), e.Added)
}

func decodeExploited(value []byte) (advisory.KEVEntry, error) {
	r := &reader{rest: string(value)}
	e := advisory.KEVEntry{CVE: r.string(), Added: r.string()}
	return e, r.end()
}
