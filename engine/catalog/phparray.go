package catalog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// phpArray is an array of PHP in its order. Values are strings, phpArrays, or nil for anything else.
type phpArray []phpElement

type phpElement struct {
	key   string
	value any
}

// get returns the value of a key, of several the last one as PHP does, nil where there is none.
func (a phpArray) get(key string) any {
	for i := len(a) - 1; i >= 0; i-- {
		if a[i].key == key {
			return a[i].value
		}
	}
	return nil
}

// readPHPArray reads a file "<?php return array(…);" of literals, as var_export writes it: strings, numbers, constants, arrays in either
// form, and strings that are joined with a dot. Anything else, such as a call or a variable, is an error: it is not evaluated.
func readPHPArray(body []byte) (phpArray, error) {
	p := &phpParser{rest: string(body)}
	if !p.take("<?php") || !p.take("return") {
		return nil, errors.New("it does not begin with <?php return")
	}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	a, ok := v.(phpArray)
	if !ok || !p.take(";") {
		return nil, errors.New("it does not return an array")
	}
	if p.take("?>"); p.space() != "" {
		return nil, errors.New("something follows the array")
	}
	return a, nil
}

type phpParser struct{ rest string }

// space skips blanks and comments, and returns what follows.
func (p *phpParser) space() string {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		end := ""
		switch {
		case strings.HasPrefix(p.rest, "/*"):
			end = "*/"
		case strings.HasPrefix(p.rest, "//"), strings.HasPrefix(p.rest, "#") && !strings.HasPrefix(p.rest, "#["):
			end = "\n"
		default:
			return p.rest
		}
		_, p.rest, _ = strings.Cut(p.rest, end)
	}
}

// take skips a word, in any case, if it comes next.
func (p *phpParser) take(word string) bool {
	s := p.space()
	if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
		return false
	}
	if isWordByte(word[len(word)-1]) && len(s) > len(word) && isWordByte(s[len(word)]) {
		return false
	}
	p.rest = s[len(word):]
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// value reads a value, joined of several parts or not.
func (p *phpParser) value(depth int) (any, error) {
	v, err := p.part(depth)
	if err != nil {
		return nil, err
	}
	for p.take(".") {
		next, err := p.part(depth)
		if err != nil {
			return nil, err
		}
		a, first := v.(string)
		b, second := next.(string)
		if v = nil; first && second {
			v = a + b
		}
	}
	return v, nil
}

func (p *phpParser) part(depth int) (any, error) {
	switch s := p.space(); {
	case depth > engine.MaxJSONDepth:
		return nil, &engine.LimitError{What: "depth of arrays in arrays", Limit: engine.MaxJSONDepth}
	case s == "":
		return nil, errors.New("it ends in the middle")
	case p.take("array"):
		if !p.take("(") {
			return nil, errors.New("array without a parenthesis")
		}
		return p.array(")", depth)
	case p.take("["):
		return p.array("]", depth)
	case s[0] == '\'' || s[0] == '"':
		return p.text(s[0])
	case p.take("true"), p.take("false"), p.take("null"), p.take("__DIR__"):
		return nil, nil
	default:
		n := 0
		for n < len(s) && (isDigit(s[n]) || strings.IndexByte("+-.eE", s[n]) >= 0) {
			n++
		}
		if n == 0 || !strings.ContainsAny(s[:n], "0123456789") {
			return nil, fmt.Errorf("%.30q is no literal", s)
		}
		p.rest = s[n:]
		return s[:n], nil
	}
}

// array reads the elements of an array up to its end.
func (p *phpParser) array(end string, depth int) (any, error) {
	a := phpArray{}
	next := 0
	for !p.take(end) {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		e := phpElement{key: strconv.Itoa(next), value: v}
		if p.take("=>") {
			key, ok := v.(string)
			if e.value, err = p.value(depth + 1); err != nil {
				return nil, err
			}
			if !ok {
				return nil, errors.New("a key that is no text")
			}
			e.key = key
		}
		next++
		a = append(a, e)
		if !p.take(",") && !strings.HasPrefix(p.space(), end) {
			return nil, fmt.Errorf("%.30q where the array goes on or ends", p.space())
		}
	}
	return a, nil
}

// text reads a string. In double quotes a variable or an escape other than these would be evaluated.
func (p *phpParser) text(quote byte) (any, error) {
	var b strings.Builder
	for s := p.rest[1:]; s != ""; s = s[1:] {
		switch {
		case s[0] == quote:
			p.rest = s[1:]
			return b.String(), nil
		case s[0] == '\\' && len(s) > 1 && (s[1] == '\\' || s[1] == quote):
			s = s[1:]
		case quote == '"' && (s[0] == '\\' || s[0] == '$'):
			return nil, fmt.Errorf("%.30q is evaluated", s)
		}
		b.WriteByte(s[0])
	}
	return nil, errors.New("a text without its end")
}
