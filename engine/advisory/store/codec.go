package store

import (
	"encoding/binary"
	"errors"

	"github.com/vetoci/veto/engine/advisory"
)

// The values of a shard. A string stands behind its length, a list behind its number of items, both unsigned varints (encoding/binary); the
// fields of a record stand in the order of its Go type. A scan decodes thousands of records: JSON would take several times as long, and a
// third more space.

var errValue = errors.New("a value ends too early or goes on too long")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendList[T any](b []byte, list []T, item func([]byte, T) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, x := range list {
		b = item(b, x)
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

// decoder reads a value. After the first thing that does not fit it is bad, and all that it reads is empty.
type decoder struct {
	rest string
	bad  bool
}

// count reads a length or a number of items, which is never greater than the number of bytes that follow it.
func (d *decoder) count() int {
	var n uint64
	for i := range len(d.rest) {
		c := d.rest[i]
		if i == 5 { // no value has 2^35 bytes
			break
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if d.rest = d.rest[i+1:]; n > uint64(len(d.rest)) { // even an empty string takes a byte
				break
			}
			return int(n)
		}
	}
	d.bad, d.rest = true, ""
	return 0
}

func (d *decoder) string() string {
	n := d.count()
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// readList reads a list; an empty one is nil. It allocates as items are read, not by the number that the value claims.
func readList[T any](d *decoder, item func(*decoder) T) []T {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]T, 0, min(n, 64))
	for range n {
		x := item(d)
		if d.bad {
			return nil
		}
		list = append(list, x)
	}
	return list
}

func (d *decoder) strings() []string { return readList(d, (*decoder).string) }

func (d *decoder) rating() advisory.Rating {
	return advisory.Rating{Type: d.string(), Score: d.string()}
}

func (d *decoder) event() advisory.Event {
	return advisory.Event{Introduced: d.string(), Fixed: d.string(), LastAffected: d.string(), Limit: d.string()}
}

func (d *decoder) osvRange() advisory.Range {
	return advisory.Range{Type: d.string(), Events: readList(d, (*decoder).event)}
}

func (d *decoder) affected() advisory.Affected {
	return advisory.Affected{
		Ecosystem: d.string(), Name: d.string(), Versions: d.strings(), Ranges: readList(d, (*decoder).osvRange),
		Severity: readList(d, (*decoder).rating), Urgency: d.string(), Imports: readList(d, (*decoder).goImport),
	}
}

func (d *decoder) goImport() advisory.Import {
	return advisory.Import{Path: d.string(), Symbols: d.strings()}
}

// end returns an error if the value did not end where it should.
func (d *decoder) end() error {
	if d.bad || d.rest != "" {
		return errValue
	}
	return nil
}

func decodeRecord(value []byte) (advisory.Advisory, error) {
	d := &decoder{rest: string(value)} // one copy, which all strings of the record share
	a := advisory.Advisory{
		ID: d.string(), Aliases: d.strings(), Upstream: d.strings(), Related: d.strings(),
		Summary: d.string(), Published: d.string(), Modified: d.string(), Withdrawn: d.string(),
		Severity: readList(d, (*decoder).rating), Level: d.string(), CWEs: d.strings(), Affected: readList(d, (*decoder).affected),
	}
	return a, d.end()
}

func decodeStrings(value []byte) ([]string, error) {
	d := &decoder{rest: string(value)}
	list := d.strings()
	return list, d.end()
}
