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

// String is how a message names the kinds: "null or a string".
func (k kinds) String() string {
	var names []string
	for i, name := range []string{"null", "a boolean", "a number", "a string", "an array", "an object", "a set"} {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// valueType is an upper bound of what a value can be. A nil *valueType is a value of which nothing is known. A valueType does not change
// once it is made.
type valueType struct {
	kinds kinds

	literals []string // what a string can be; nil: any string
	enum     bool     // literals are the words of an enumeration of the schema, not constants of a policy
	nonEmpty bool     // a string is never empty

	fields map[string]*valueType // the known keys of an object
	closed bool                  // an object has no other keys
	elem   *valueType            // elements of an array or a set; values of an object under keys that are not in fields
	items  []*valueType          // elements of an array of known length, by position; elem is their union

	section    string // the section of input that an array is: "packages"
	positionIn string // the section of input in which a number is a position
}

// literal is the type of one string.
func literal(s string) *valueType {
	return &valueType{kinds: text, literals: []string{s}, nonEmpty: s != ""}
}

// union is the type of a value that is of one type or the other.
func union(a, b *valueType) *valueType {
	switch {
	case a == nil || b == nil:
		return nil
	case a == b:
		return a
	}
	out := &valueType{kinds: a.kinds | b.kinds, nonEmpty: true}
	for _, typ := range []*valueType{a, b} {
		if typ.kinds&text != 0 && !typ.nonEmpty {
			out.nonEmpty = false
		}
	}
	switch {
	case a.kinds&text == 0:
		out.literals, out.enum = b.literals, b.enum
	case b.kinds&text == 0:
		out.literals, out.enum = a.literals, a.enum
	case a.literals != nil && b.literals != nil:
		out.enum = a.enum && b.enum
		out.literals = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(a.literals), b.literals...))))
	}
	if a.section == b.section {
		out.section = a.section
	}
	if a.positionIn == b.positionIn {
		out.positionIn = a.positionIn
	}
	unionMembers(out, a, b)
	return out
}

// unionMembers sets what out, the union of a and b, says of collections.
func unionMembers(out, a, b *valueType) {
	switch isA, isB := a.kinds&collections != 0, b.kinds&collections != 0; {
	case isA && !isB:
		out.fields, out.closed, out.elem, out.items, out.section = a.fields, a.closed, a.elem, a.items, a.section
		return
	case isB && !isA:
		out.fields, out.closed, out.elem, out.items, out.section = b.fields, b.closed, b.elem, b.items, b.section
		return
	case !isA && !isB:
		return
	}
	if len(a.items) == len(b.items) {
		for i := range a.items {
			out.items = append(out.items, union(a.items[i], b.items[i]))
		}
	}
	out.elem = unionElem(a, b)
	out.closed = a.keysKnown() && b.keysKnown()
	for _, typ := range []*valueType{a, b} {
		for k := range typ.fields {
			if out.fields == nil {
				out.fields = map[string]*valueType{}
			}
			fa, okA := a.field(k)
			fb, okB := b.field(k)
			switch {
			case okA && okB:
				out.fields[k] = union(fa, fb)
			case okA:
				out.fields[k] = fa
			default:
				out.fields[k] = fb
			}
		}
	}
}

// unionElem is the elem of a union. A closed object has no elem, so it adds nothing.
func unionElem(a, b *valueType) *valueType {
	onlyClosed := func(typ *valueType) bool { return typ.kinds&collections == object && typ.closed }
	switch {
	case onlyClosed(a):
		return b.elem
	case onlyClosed(b):
		return a.elem
	}
	return union(a.elem, b.elem)
}

// keysKnown says whether the keys of an object are all known; true of what is no object.
func (typ *valueType) keysKnown() bool { return typ.kinds&object == 0 || typ.closed }

// field is the type under a constant string key of an object, or of that member of a set. ok is false when there can be none.
func (typ *valueType) field(key string) (f *valueType, ok bool) {
	if typ == nil {
		return nil, true
	}
	var found []*valueType
	if typ.kinds&object != 0 {
		if f, ok := typ.fields[key]; ok {
			found = append(found, f)
		} else if !typ.closed {
			found = append(found, typ.elem)
		}
	}
	if typ.kinds&set != 0 {
		found = append(found, typ.elem)
	}
	return unionAll(found)
}

// item is the type of the element at a constant position of an array.
func (typ *valueType) item(i int) *valueType {
	if typ.kinds&collections == array && i >= 0 && i < len(typ.items) {
		return typ.items[i]
	}
	f, _ := typ.elements()
	return f
}

// elements is the type of what iterating gives. ok is false when there is nothing to iterate over.
func (typ *valueType) elements() (elem *valueType, ok bool) {
	if typ == nil {
		return nil, true
	}
	var found []*valueType
	if typ.kinds&object != 0 {
		for _, k := range slices.Sorted(maps.Keys(typ.fields)) {
			found = append(found, typ.fields[k])
		}
		if !typ.closed {
			found = append(found, typ.elem)
		}
	}
	if typ.kinds&(array|set) != 0 {
		found = append(found, typ.elem)
	}
	return unionAll(found)
}

// keys is the type of the keys that iterating gives.
func (typ *valueType) keys() *valueType {
	if typ == nil {
		return nil
	}
	var found []*valueType
	if typ.kinds&object != 0 {
		if typ.closed {
			found = append(found, &valueType{kinds: text, literals: slices.Sorted(maps.Keys(typ.fields)), nonEmpty: true})
		} else {
			found = append(found, nil)
		}
	}
	if typ.kinds&array != 0 {
		found = append(found, &valueType{kinds: number, positionIn: typ.section})
	}
	if typ.kinds&set != 0 {
		found = append(found, typ.elem)
	}
	return unionOf(found)
}

// unionAll is the union of several types. ok is false when there are none.
func unionAll(types []*valueType) (all *valueType, ok bool) {
	if len(types) == 0 {
		return nil, false
	}
	all = types[0]
	for _, typ := range types[1:] {
		all = union(all, typ)
	}
	return all, true
}

// unionOf is the union of several types; of none, nothing is known.
func unionOf(types []*valueType) *valueType {
	all, _ := unionAll(types)
	return all
}

// restrict leaves out the kinds that are not in keep. When none remains, nothing is known: that part of the policy never runs.
func (typ *valueType) restrict(keep kinds) *valueType {
	if typ == nil || typ.kinds&^keep == 0 {
		return typ
	}
	if typ.kinds&keep == 0 {
		return nil
	}
	out := *typ
	out.kinds &= keep
	return &out
}

// refineAt restricts what is under a path of keys to the kinds in keep.
func (typ *valueType) refineAt(path []string, keep kinds) *valueType {
	if typ == nil || len(path) == 0 {
		return typ.restrict(keep)
	}
	f, ok := typ.fields[path[0]]
	if !ok || typ.kinds&object == 0 {
		return typ
	}
	out := *typ
	out.kinds &= object | set // what has the field is an object, so it is not null
	out.fields = maps.Clone(typ.fields)
	out.fields[path[0]] = f.refineAt(path[1:], keep)
	return &out
}
