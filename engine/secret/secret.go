// Package secret finds credentials in the files of an image and in what the image says of itself. It keeps none of their values.
package secret

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/vetoci/veto/engine"
)

// Inspector searches text files for credentials. It is safe for concurrent use.
type Inspector struct {
	rules     []rule
	keywords  []string // of all rules
	ruleOf    []int    // index of a keyword's rule, by the keyword's number
	automaton *automaton
	buffers   sync.Pool // of *[]byte, for bodies
}

var _ engine.Inspector = (*Inspector)(nil)

// New returns an Inspector with all rules.
func New() *Inspector {
	s := &Inspector{rules: rules()}
	s.buffers.New = func() any { return new([]byte) }
	for i, r := range s.rules {
		for _, k := range r.keywords {
			s.keywords, s.ruleOf = append(s.keywords, k), append(s.ruleOf, i)
		}
	}
	s.automaton = newAutomaton(s.keywords)
	return s
}

// Name implements engine.Inspector.
func (*Inspector) Name() string { return "secret/4" }

// FindsLittle implements engine.Sparse.
func (*Inspector) FindsLittle() {}

// Wants takes files of 16 bytes to engine.MaxSecretFile that people or programs write as text. It leaves out names that are not of text,
// and folders of a distribution that hold documentation, translations, tables and package databases: docs/secrets.md says which and why.
func (*Inspector) Wants(p string, _ fs.FileMode, size int64) bool {
	if size < 16 || size > engine.MaxSecretFile {
		return false
	}
	if rest, ok := strings.CutPrefix(p, "usr/share/"); ok {
		dir, _, _ := strings.Cut(rest, "/")
		switch dir {
		case "doc", "man", "info", "locale", "i18n", "zoneinfo", "mime", "X11", "icons", "fonts", "perl", "terminfo", "help", "lintian",
			"ca-certificates", "vim", "bash-completion", "gtk-doc", "pixmaps", "licenses":
			return false
		}
	}
	if strings.HasPrefix(p, "var/lib/dpkg/") || strings.HasPrefix(p, "lib/apk/db/") ||
		strings.HasPrefix(p, "var/lib/apt/") || strings.HasPrefix(p, "etc/ssl/certs/") {
		return false
	}
	dot := strings.LastIndexByte(p, '.')
	if dot < 0 || dot < strings.LastIndexByte(p, '/') {
		return true
	}
	switch p[dot+1:] {
	case "so", "a", "o", "ko", "pyc", "pyo", "gz", "xz", "bz2", "zst", "zip", "jar", "war", "ear", "class", "whl", "png", "jpg", "jpeg", "gif",
		"ico", "svg", "webp", "bmp", "woff", "woff2", "ttf", "otf", "eot", "pdf", "ps", "mo", "gmo", "po", "pot", "h", "hh", "hpp", "symbols",
		"md5sums", "list", "mp3", "mp4", "ogg", "wav", "db", "sqlite", "bin", "dat", "elc", "wasm", "dll", "exe", "node", "gresource", "typelib",
		"gir", "cache", "pod", "html", "htm", "css", "map", "crt", "cer", "rpm", "deb", "apk", "tar", "tgz",
		"0", "1", "2", "3", "4", "5", "6", "7", "8":
		return false
	}
	return true
}

// isConfiguration says whether a file is configuration by its name.
func isConfiguration(p string) bool {
	base := path.Base(p)
	switch strings.ToLower(path.Ext(base)) {
	case ".env", ".ini", ".cfg", ".conf", ".config", ".cnf", ".properties", ".yaml", ".yml", ".json", ".toml", ".xml", ".tfvars", ".tfstate",
		".sh", ".bash", ".zsh", ".service", ".npmrc", ".netrc", ".pgpass", ".htpasswd", ".sql", ".log", ".txt", ".credentials", ".secret",
		".secrets", ".local", ".production", ".development", ".staging", ".bak", ".old":
		return true
	case "":
		return !strings.HasPrefix(p, "usr/") || strings.HasPrefix(p, "usr/local/etc/") || strings.HasPrefix(p, "usr/src/")
	}
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "Dockerfile")
}

// Inspect implements engine.Inspector. It reads only what has no NUL in its first 1024 bytes and is not gzip.
func (s *Inspector) Inspect(ctx context.Context, f *engine.File) (engine.Evidence, error) {
	head, err := f.Head(min(1024, int(f.Size)))
	if err != nil || bytes.IndexByte(head, 0) >= 0 || bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		return engine.Evidence{}, err
	}
	body, release, err := s.body(f)
	defer release()
	if err != nil {
		return engine.Evidence{}, err
	}
	which := inAnyText
	if isConfiguration(f.Path) {
		which = inConfiguration
	}
	all, whole := s.find(body, which)
	found := dropGeneric(all)
	if len(found) == 0 && whole {
		return engine.Evidence{}, ctx.Err()
	}
	ev := engine.Evidence{}
	switch {
	case len(all) > engine.MaxSecrets:
		found = found[:min(len(found), engine.MaxSecrets)]
		detail := fmt.Sprintf("it holds more than %d secrets, the rest is not listed", engine.MaxSecrets)
		ev.Gaps = []engine.Gap{{Kind: engine.GapLimit, Detail: detail}}
	case !whole:
		ev.Gaps = []engine.Gap{{Kind: engine.GapLimit, Detail: "so many places look like secrets that the rest was not searched for them"}}
	}
	ev.Traits = &engine.Traits{}
	for _, x := range found {
		x.Path = engine.Maybe(f.Path)
		ev.Traits.Secrets = append(ev.Traits.Secrets, x.Secret)
	}
	return ev, nil
}

// body returns the file's text. The caller must call release, which is never nil, when it no longer uses the text: the buffer may be
// reused.
func (s *Inspector) body(f *engine.File) (body []byte, release func(), err error) {
	if !f.Seekable() {
		body, err = f.Bytes(engine.MaxSecretFile)
		return body, func() {}, err
	}
	at, err := f.ReaderAt(engine.MaxSecretFile)
	if err != nil {
		return nil, func() {}, err
	}
	buffer := s.buffers.Get().(*[]byte)
	if int64(cap(*buffer)) < f.Size {
		*buffer = make([]byte, f.Size)
	}
	body = (*buffer)[:f.Size]
	if n, err := at.ReadAt(body, 0); int64(n) < f.Size {
		return nil, func() { s.buffers.Put(buffer) }, err
	}
	return body, func() { s.buffers.Put(buffer) }, nil
}

// window is how many bytes before and after a keyword a pattern may match on lines that are longer.
const window = 4096

// foundSecret is a secret with the offsets of its value in the text.
type foundSecret struct {
	engine.Secret
	from, to int
}

// The selections of rules that find takes.
func inConfiguration(*rule) bool { return true }
func inAnyText(r *rule) bool     { return !r.configOnly }
func onOneLine(r *rule) bool     { return r.lines <= 1 }
func acrossLines(r *rule) bool   { return r.lines > 1 }

// find lists the secrets in a text that the rules selected by which find, in no order. whole is false when not all of the text was
// searched: it stops after engine.MaxSecrets, or when all patterns together have seen engine.MaxSecretWork times the text.
func (s *Inspector) find(body []byte, which func(*rule) bool) (out []foundSecret, whole bool) {
	type candidate struct{ rule, at int } // at is an offset: of the text to search, or of a value
	seen, tried := map[candidate]bool{}, map[candidate]bool{}
	budget := engine.MaxSecretWork * (len(body) + 1024)
	s.automaton.each(body, func(keyword, end int) bool {
		n := s.ruleOf[keyword]
		r := &s.rules[n]
		if !which(r) {
			return true
		}
		var from, to int
		switch text := s.keywords[keyword]; {
		case r.minRun == 0: // the keyword may stand anywhere in the match
			from, to = searchRange(body, end, r.lines)
		case r.mayStart(body, text, end):
			from, to = max(0, end-len(text)-1), min(len(body), end+window)
		default:
			return true
		}
		if tried[candidate{n, from}] { // another keyword of the rule led to the same text
			return true
		}
		tried[candidate{n, from}] = true
		found := r.compile().FindAllSubmatchIndex(body[from:to], -1) // few: the range has at most three windows
		if r.minRun > 0 && len(found) == 0 {
			to = from + r.minRun // the pattern is anchored and fails after a few bytes: count no more
		}
		for _, m := range found {
			a, b := m[0], m[1]
			if len(m) > 2 && m[2] >= 0 {
				a, b = m[2], m[3]
			}
			value := body[from+a : from+b]
			at := candidate{n, from + a}
			if seen[at] || !r.credible(value) {
				continue
			}
			seen[at] = true
			line := 1 + bytes.Count(body[:from+a], []byte("\n"))
			secret := engine.Secret{Rule: r.id, Title: r.title, Severity: r.severity, Line: line, Redacted: redact(r, value),
				Hash: shortHash(r, body, from+a, from+b)}
			out = append(out, foundSecret{secret, from + a, from + b})
		}
		budget -= to - from
		return len(out) <= engine.MaxSecrets && budget > 0
	})
	return out, len(out) <= engine.MaxSecrets && budget > 0
}

// mayStart says whether a token may start with the keyword that ends at an offset: in this case of letters, at the start of a word, and
// with at least minRun token characters behind it.
func (r *rule) mayStart(body []byte, keyword string, end int) bool {
	at := end - len(keyword)
	if at > 0 {
		if c := body[at-1]; c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' {
			return false
		}
	}
	return string(body[at:end]) == keyword && startsWithRun(body[end:], r.minRun)
}

// startsWithRun says whether b begins with n characters that tokens are made of.
func startsWithRun(b []byte, n int) bool {
	if len(b) < n {
		return false
	}
	for _, c := range b[:n] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '-' && c != '.' && c != '=' {
			return false
		}
	}
	return true
}

// searchRange returns the range to search around a keyword that ends at an offset: its line, and the lines after it that the pattern may
// match too. Of a long line it is a part, the same one for all keywords in one window, so that it is searched once: the window, the one
// before it and the one after it.
func searchRange(body []byte, end, lines int) (from, to int) {
	from = max(0, end-window)
	if i := bytes.LastIndexByte(body[from:max(from, end-1)], '\n'); i >= 0 {
		from += i + 1
	} else {
		from = max(0, (end-1)/window*window-window)
	}
	limit := min(len(body), from+3*window)
	to = end
	for range max(1, lines) {
		i := bytes.IndexByte(body[to:limit], '\n')
		if i < 0 {
			return from, limit
		}
		to += i + 1
	}
	return from, to
}

// dropGeneric drops generic secrets on lines on which a more specific rule found one, and sorts the rest by line and rule.
func dropGeneric(all []foundSecret) []foundSecret {
	specific := map[int]bool{} // by line
	for _, x := range all {
		if x.Rule != genericRule {
			specific[x.Line] = true
		}
	}
	all = slices.DeleteFunc(all, func(x foundSecret) bool { return x.Rule == genericRule && specific[x.Line] })
	slices.SortStableFunc(all, func(a, b foundSecret) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	return all
}

// credible says whether a value can be a secret: it is no placeholder, and as random as the rule asks for.
func (r *rule) credible(value []byte) bool {
	if r.entropy > 0 && entropy(value) < r.entropy {
		return false
	}
	text := strings.ToLower(string(value))
	for _, word := range []string{
		"example", "placeholder", "changeme", "change_me", "change-me", "your", "dummy", "xxxx", "....", "****", "redacted", "insert", "replace",
		"${", "{{", "}}", "$(", "%s", "%(", "<", "0123456789", "abcdefghij",
	} {
		if strings.Contains(text, word) {
			return false
		}
	}
	if r.id != genericRule {
		return true
	}
	letters, digits := false, false
	for _, c := range value {
		letters = letters || c|0x20 >= 'a' && c|0x20 <= 'z'
		digits = digits || c >= '0' && c <= '9'
	}
	// A name, path or address that is assigned to such a variable has no digits, or is made of words.
	return letters && digits && !strings.ContainsAny(text, "/.:") && strings.Count(text, "_")+strings.Count(text, "-") < 3
}

// entropy returns Shannon's entropy of b in bits per byte.
func entropy(b []byte) float64 {
	var counts [256]int
	for _, c := range b {
		counts[c]++
	}
	sum := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(b))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// redact returns what is shown of a value: the keyword that all secrets of its kind begin with, and nothing of this one, neither its other
// characters nor its length.
func redact(r *rule, value []byte) string {
	for _, k := range r.keywords {
		if len(value) >= 2*len(k) && strings.EqualFold(string(value[:len(k)]), k) {
			return strings.ToValidUTF8(string(value[:len(k)]), "") + "********"
		}
	}
	return "********"
}

// shortHash returns four hex digits of a hash of the value that stands from one offset to another, and of what belongs to it: the rest of a
// key of which the pattern matches only the first lines, or of a longer word. They tell two values apart; whoever guesses values finds one
// in 65,536 confirmed.
func shortHash(r *rule, body []byte, from, to int) string {
	for to < len(body) && to-from < window && !bytes.ContainsRune([]byte(" \t\r\n\"'`,;<>"), rune(body[to])) {
		to++
	}
	if r.lines > 1 {
		rest := body[to:min(len(body), to+maxKey)]
		for _, end := range []string{"-----END", "Private-MAC:"} {
			if at := bytes.Index(rest, []byte(end)); at >= 0 {
				line := bytes.IndexByte(rest[at:], '\n')
				if line < 0 {
					line = len(rest) - at
				}
				to += at + line
				break
			}
		}
	}
	return engine.Fingerprint("secret value", r.id, string(body[from:to]))[:4]
}

// maxKey is how many bytes of a private key its hash covers, after the lines that the pattern matches: more than the largest RSA keys take.
const maxKey = 64 << 10
