package advisory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Words are the keys that a parser reads, by the key of the value that they stand in: "" is the top level, and a list has no level of its
// own. Nothing is known of what stands in other values.
type Words map[string][]string

// CheckKeys refuses JSON in which a key stands twice in one object, or one of words in another letter case: encoding/json believes the last
// of the former and takes the latter for the word, where other readers do neither, so that what a record says would depend on who reads it.
// It leaves to a parser what is no JSON. It costs about as much as copying data: feeds are large.
func CheckKeys(data []byte, words Words) error {
	k := keyScanner{words: words}
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '{':
			k.open(true)
		case '[':
			k.open(false)
		case '}', ']':
			k.close()
		case ',':
			if top := k.top(); top != nil && top.object {
				top.key = true
			}
		case '"':
			end := endOfString(data, i)
			if top := k.top(); top != nil && top.key {
				top.key = false
				if err := k.add(data[i:end]); err != nil {
					return err
				}
			}
			i = end - 1
		}
	}
	return nil
}

// endOfString returns where the string that begins at i ends.
func endOfString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		next := bytes.IndexByte(data[i:], '"')
		if next < 0 {
			return len(data)
		}
		escape := bytes.IndexByte(data[i:i+next], '\\')
		if escape < 0 {
			return i + next + 1
		}
		i += escape + 1 // whatever is escaped
	}
	return len(data)
}

// keyLevel is an object or a list that is open.
type keyLevel struct {
	object, key bool   // key: a key comes next
	within      string // the key of the value that it is or stands in
	known       bool   // all levels above are of words
	last        string // the key that was read last
	keys        []string
	many        map[string]bool // of objects with many keys
}

type keyScanner struct {
	words  Words
	levels []keyLevel // those below len are open; their memory is used again
}

func (k *keyScanner) top() *keyLevel {
	if len(k.levels) == 0 {
		return nil
	}
	return &k.levels[len(k.levels)-1]
}

func (k *keyScanner) open(object bool) {
	next := keyLevel{object: object, key: object, known: true}
	if top := k.top(); top != nil {
		next.within, next.known = top.within, top.known
		if top.object {
			next.within = top.last
			_, next.known = k.words[top.last]
			next.known = next.known && top.known
		}
	}
	if len(k.levels) < cap(k.levels) {
		next.keys = k.levels[:len(k.levels)+1][len(k.levels)].keys[:0]
	}
	k.levels = append(k.levels, next)
}

func (k *keyScanner) close() {
	if len(k.levels) > 0 {
		k.levels = k.levels[:len(k.levels)-1]
	}
}

// add notes the key that is written as text, with its quotes.
func (k *keyScanner) add(text []byte) error {
	top := k.top()
	key := strings.Trim(string(text), `"`)
	if bytes.IndexByte(text, '\\') >= 0 && json.Unmarshal(text, &key) != nil {
		return nil //nolint:nilerr // no JSON: the parser says so
	}
	top.last = key
	if top.has(key) {
		return fmt.Errorf("the key %.60q stands twice in one object", key)
	}
	if !top.known {
		return nil
	}
	for _, word := range k.words[top.within] {
		if word != key && strings.EqualFold(word, key) {
			return fmt.Errorf("the key %.60q is %q in other letters", key, word)
		}
	}
	return nil
}

// has says whether an object has a key already, and adds it.
func (l *keyLevel) has(key string) bool {
	const few = 24
	if len(l.keys) < few {
		for _, other := range l.keys {
			if other == key {
				return true
			}
		}
		l.keys = append(l.keys, key)
		return false
	}
	if l.many == nil {
		l.many = map[string]bool{}
		for _, other := range l.keys {
			l.many[other] = true
		}
	}
	twice := l.many[key]
	l.many[key] = true
	return twice
}
