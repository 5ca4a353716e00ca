package lint

import (
	"maps"
	"slices"
	"strings"
)

// kinds is a set of kinds of values.
type kinds uint8

const (
	null kinds = 1 << iota
	boolean
	number
	text
	array
	object
	set

	anything    = null | boolean | number | text | array | object | set
	collections = array | object | set
)

func (k kinds) String() string {
	var names []string
	for i, name := range []string{"null", "a boolean", "a number", "a string", "an array", "an object", "a set"} {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// shape is what is known of a value: an upper bound of what it can be. A nil *shape is a value of which nothing is known. Shapes are
// never changed once they are made.
type shape struct {
	kinds  kinds
	words  []string          // a string is one of these; nil: any string
	enum   bool              // the words are an enumeration's, not merely the constants that a policy uses
	filled bool              // a string is never empty
	fields map[string]*shape // an object's keys that are known
	closed bool              // an object has no other keys
	elem   *shape            // of an array or a set; of an object's keys that are not in fields
	items  []*shape          // of an array whose length is known, by position; elem is their join
	list   string            // an array's name as a section of input: "packages"
	into   string            // a number is a position in that section
}

func word(s string) *shape { return &shape{kinds: text, words: []string{s}, filled: s != ""} }

// join is the shape of a value that is one or the other.
func join(a, b *shape) *shape {
	switch {
	case a == nil || b == nil:
		return nil
	case a == b:
		return a
	}
	out := &shape{kinds: a.kinds | b.kinds, filled: true}
	for _, s := range []*shape{a, b} {
		if s.kinds&text != 0 && !s.filled {
			out.filled = false
		}
	}
	switch {
	case a.kinds&text == 0:
		out.words, out.enum = b.words, b.enum
	case b.kinds&text == 0:
		out.words, out.enum = a.words, a.enum
	case a.words != nil && b.words != nil:
		out.enum = a.enum && b.enum
		out.words = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a.words), b.words...))))
	}
	if a.list == b.list {
		out.list = a.list
	}
	if a.into == b.into {
		out.into = a.into
	}
	joinInside(out, a, b)
	return out
}

func joinInside(out, a, b *shape) {
	switch inA, inB := a.kinds&collections != 0, b.kinds&collections != 0; {
	case inA && !inB:
		out.fields, out.closed, out.elem, out.items, out.list = a.fields, a.closed, a.elem, a.items, a.list
		return
	case inB && !inA:
		out.fields, out.closed, out.elem, out.items, out.list = b.fields, b.closed, b.elem, b.items, b.list
		return
	case !inA && !inB:
		return
	}
	if len(a.items) == len(b.items) {
		for i := range a.items {
			out.items = append(out.items, join(a.items[i], b.items[i]))
		}
	}
	out.elem = joinElem(a, b)
	out.closed = a.fixed() && b.fixed()
	for _, s := range []*shape{a, b} {
		for k := range s.fields {
			if out.fields == nil {
				out.fields = map[string]*shape{}
			}
			fa, okA := a.field(k)
			fb, okB := b.field(k)
			switch {
			case okA && okB:
				out.fields[k] = join(fa, fb)
			case okA:
				out.fields[k] = fa
			default:
				out.fields[k] = fb
			}
		}
	}
}

// joinElem leaves out the side that has no elements: a closed object.
func joinElem(a, b *shape) *shape {
	onlyClosed := func(s *shape) bool { return s.kinds&collections == object && s.closed }
	switch {
	case onlyClosed(a):
		return b.elem
	case onlyClosed(b):
		return a.elem
	}
	return join(a.elem, b.elem)
}

// fixed says that the keys of the object that s may be are all known; true when s is no object.
func (s *shape) fixed() bool { return s.kinds&object == 0 || s.closed }

// field is the shape under a constant string key of the object (or the member of the set) that s may be, and whether there can be one.
func (s *shape) field(key string) (*shape, bool) {
	if s == nil {
		return nil, true
	}
	var found []*shape
	if s.kinds&object != 0 {
		if f, ok := s.fields[key]; ok {
			found = append(found, f)
		} else if !s.closed {
			found = append(found, s.elem)
		}
	}
	if s.kinds&set != 0 {
		found = append(found, s.elem)
	}
	return joinAll(found)
}

// item is the shape of the element at a constant position of an array.
func (s *shape) item(i int) *shape {
	if s.kinds&collections == array && i >= 0 && i < len(s.items) {
		return s.items[i]
	}
	f, _ := s.each()
	return f
}

// each is the shape of what iterating over s gives, and whether there is anything to iterate over.
func (s *shape) each() (*shape, bool) {
	if s == nil {
		return nil, true
	}
	var found []*shape
	if s.kinds&object != 0 {
		for _, k := range slices.Sorted(maps.Keys(s.fields)) {
			found = append(found, s.fields[k])
		}
		if !s.closed {
			found = append(found, s.elem)
		}
	}
	if s.kinds&(array|set) != 0 {
		found = append(found, s.elem)
	}
	return joinAll(found)
}

// keys is the shape of the keys that iterating over s gives.
func (s *shape) keys() *shape {
	if s == nil {
		return nil
	}
	var found []*shape
	if s.kinds&object != 0 {
		if s.closed {
			found = append(found, &shape{kinds: text, words: slices.Sorted(maps.Keys(s.fields)), filled: true})
		} else {
			found = append(found, nil)
		}
	}
	if s.kinds&array != 0 {
		found = append(found, &shape{kinds: number, into: s.list})
	}
	if s.kinds&set != 0 {
		found = append(found, s.elem)
	}
	out, _ := joinAll(found)
	return out
}

// joinAll joins what there is; of nothing it says so.
func joinAll(found []*shape) (*shape, bool) {
	if len(found) == 0 {
		return nil, false
	}
	out := found[0]
	for _, f := range found[1:] {
		out = join(out, f)
	}
	return out, true
}

// only is s with the kinds outside of keep left out. When nothing remains, nothing is known: that part of the policy never runs.
func (s *shape) only(keep kinds) *shape {
	if s == nil || s.kinds&^keep == 0 {
		return s
	}
	if s.kinds&keep == 0 {
		return nil
	}
	out := *s
	out.kinds &= keep
	return &out
}

// refine is s with what lies under path narrowed to the kinds of keep.
func (s *shape) refine(path []string, keep kinds) *shape {
	if s == nil || len(path) == 0 {
		return s.only(keep)
	}
	f, ok := s.fields[path[0]]
	if !ok || s.kinds&object == 0 {
		return s
	}
	out := *s
	out.kinds &= object | set // what has the field is an object, so it is not null
	out.fields = maps.Clone(s.fields)
	out.fields[path[0]] = f.refine(path[1:], keep)
	return &out
}
