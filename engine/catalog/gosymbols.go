package catalog

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// The header of a Go program's table of functions since Go 1.16 (runtime/symtab.go, pcHeader): a magic number, the size of a pointer at
// byte 7, then numbers of that size: the count of functions, the count of files, since 1.18 the address of the text, then the offset of the
// names and the offset of what follows them.
const (
	goTable      = ".gopclntab"
	goTable12    = 0xfffffffb // since Go 1.2; it has no names of its own
	goTable116   = 0xfffffffa
	goTable118   = 0xfffffff0
	goTable120   = 0xfffffff1
	goTableStart = 8
)

var errNoSymbols = errors.New("it has no table of functions that is known")

// goSymbols reads the names of the functions in a Go program, inlined ones too, and the packages that they are of, sorted. Stripping leaves
// the table, because the runtime needs it. Both are nil for a program whose functions are not known. That is no gap: findings are then
// judged without them.
func goSymbols(at io.ReaderAt) (symbols *engine.Symbols, paths []string) {
	names, err := goNames(at)
	if err != nil {
		return nil, nil
	}
	seen, last := map[string]bool{}, ""
	symbols = engine.NewSymbols(func(yield func(string) bool) {
		for name := range bytes.SplitSeq(names, []byte{0}) {
			path, symbol := splitSymbol(string(name))
			if path == "" {
				continue
			}
			if path != last {
				last, seen[path] = path, true
			}
			if !yield(path) || !yield(path+"."+symbol) {
				return
			}
		}
	})
	return symbols, slices.Sorted(maps.Keys(seen))
}

// goNames returns the names of all functions, each followed by a NUL.
func goNames(at io.ReaderAt) ([]byte, error) {
	e, err := elf.NewFile(at)
	if err != nil {
		return nil, err
	}
	section := e.Section(goTable)
	if section == nil {
		section = e.Section(".data.rel.ro" + goTable)
	}
	if section == nil {
		return nil, errNoSymbols
	}
	head := make([]byte, goTableStart+5*8)
	if _, err := section.ReadAt(head, 0); err != nil {
		return nil, err
	}
	size := int(head[7])
	number := func(i int) uint64 {
		b := head[goTableStart+i*size:]
		if size == 4 {
			return uint64(e.ByteOrder.Uint32(b))
		}
		return e.ByteOrder.Uint64(b)
	}
	first := 3
	switch magic := e.ByteOrder.Uint32(head); {
	case size != 4 && size != 8:
		return nil, errNoSymbols
	case magic == goTable116:
		first = 2
	case magic != goTable118 && magic != goTable120:
		return nil, errNoSymbols
	}
	from, to := number(first), number(first+1)
	if from > to || to > section.Size || to-from > engine.MaxSymbolNames {
		return nil, errNoSymbols
	}
	names := make([]byte, to-from)
	if _, err := section.ReadAt(names, int64(from)); err != nil { // within the section
		return nil, err
	}
	return names, nil
}

// splitSymbol splits a linker's name into its package and its function, as advisories write them: "a/b%2ec.(*T[...]).M.func1" is T.M of
// a/b.c. Both are "" for names that the compiler made up ("type:.eq.…", "go:…").
func splitSymbol(name string) (path, symbol string) {
	for _, prefix := range []string{"type:", "type..", "go:", "go."} {
		if strings.HasPrefix(name, prefix) {
			return "", ""
		}
	}
	name = withoutTypeArguments(name)
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return "", ""
	}
	path, symbol = name[:slash+dot], name[slash+dot+1:]
	if i := strings.IndexByte(path, '%'); i >= 0 {
		path = unescapePath(path)
	}
	if receiver, method, ok := strings.Cut(symbol, ")."); ok && strings.HasPrefix(receiver, "(*") {
		symbol = receiver[2:] + "." + method
	}
	for _, mark := range []string{".func", ".gowrap", ".deferwrap"} { // a closure belongs to the function around it
		if i := strings.Index(symbol, mark); i > 0 && i+len(mark) < len(symbol) && isNumber(symbol[i+len(mark):]) {
			symbol = symbol[:i]
		}
	}
	return path, strings.TrimSuffix(symbol, "-fm")
}

// withoutTypeArguments drops what stands in brackets, which holds paths of its own, and brackets: F[[]math/big.Word].
func withoutTypeArguments(name string) string {
	open := strings.IndexByte(name, '[')
	if open < 0 {
		return name
	}
	out, depth := make([]byte, 0, len(name)), 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth <= 0:
			out = append(out, c)
		}
	}
	return string(out)
}

func isNumber(s string) bool { return s[0] >= '0' && s[0] <= '9' }

// unescapePath undoes the escapes in an import path of a linker's name: %2e is a dot (cmd/internal/objabi, PathToPrefix).
func unescapePath(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, ok := hexByte(s[i+1 : i+3]); ok {
				b.WriteByte(v)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexByte(s string) (byte, bool) {
	var v byte
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case c >= '0' && c <= '9':
			v = v<<4 | (c - '0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return v, true
}
