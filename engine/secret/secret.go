// Package secret finds credentials in the files of an image and in what the image says of itself. It keeps none of them.
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

// Inspector searches files. It is safe for concurrent use.
type Inspector struct {
	rules   []rule
	of      []int    // by keyword: its rule
	words   []string // the keywords
	search  *automaton
	buffers sync.Pool
}

var _ engine.Inspector = (*Inspector)(nil)

// New makes an Inspector of all rules.
func New() *Inspector {
	s := &Inspector{rules: rules()}
	s.buffers.New = func() any { return new([]byte) }
	for i, r := range s.rules {
		for _, k := range r.keywords {
			s.words, s.of = append(s.words, k), append(s.of, i)
		}
	}
	s.search = newAutomaton(s.words)
	return s
}

// Name implements engine.Inspector.
func (*Inspector) Name() string { return "secret/2" }

// Sparse implements engine.Sparse.
func (*Inspector) FindsLittle() {}

// Wants takes files that people or programs write as text. Left out are those that are none by their name, and folders of a distribution that
// hold documentation, translations, tables and package databases: docs/secrets.md says which and why.
func (*Inspector) Wants(p string, _ fs.FileMode, size int64) bool {
	if size < 16 || size > engine.MaxSecretFile {
		return false
	}
	if rest, ok := strings.CutPrefix(p, "usr/share/"); ok {
		dir, _, _ := strings.Cut(rest, "/")
		switch dir {
		case "doc", "man", "info", "locale", "i18n", "zoneinfo", "mime", "X11", "icons", "fonts", "perl", "terminfo", "help", "lintian", "ca-certificates", "vim", "bash-completion", "gtk-doc", "pixmaps", "licenses":
			return false
		}
	}
	if strings.HasPrefix(p, "var/lib/dpkg/") || strings.HasPrefix(p, "lib/apk/db/") || strings.HasPrefix(p, "var/lib/apt/") || strings.HasPrefix(p, "etc/ssl/certs/") {
		return false
	}
	dot := strings.LastIndexByte(p, '.')
	if dot < 0 || dot < strings.LastIndexByte(p, '/') {
		return true
	}
	switch p[dot+1:] {
	case "so", "a", "o", "ko", "pyc", "pyo", "gz", "xz", "bz2", "zst", "zip", "jar", "war", "ear", "class", "whl", "png", "jpg", "jpeg", "gif", "ico", "svg", "webp", "bmp", "woff", "woff2", "ttf", "otf", "eot", "pdf", "ps",
		"mo", "gmo", "po", "pot", "h", "hh", "hpp", "symbols", "md5sums", "list", "mp3", "mp4", "ogg", "wav", "db", "sqlite", "bin", "dat", "elc", "wasm", "dll", "exe", "node", "gresource", "typelib", "gir", "cache", "pod", "html", "htm", "css", "map",
		"crt", "cer", "rpm", "deb", "apk", "tar", "tgz", "0", "1", "2", "3", "4", "5", "6", "7", "8":
		return false
	}
	return true
}

// configured says whether a file is configuration by its name.
func configured(p string) bool {
	base := path.Base(p)
	switch strings.ToLower(path.Ext(base)) {
	case ".env", ".ini", ".cfg", ".conf", ".config", ".cnf", ".properties", ".yaml", ".yml", ".json", ".toml", ".xml", ".tfvars", ".tfstate", ".sh", ".bash", ".zsh", ".service", ".npmrc", ".netrc", ".pgpass", ".htpasswd",
		".sql", ".log", ".txt", ".credentials", ".secret", ".secrets", ".local", ".production", ".development", ".staging", ".bak", ".old":
		return true
	case "":
		return !strings.HasPrefix(p, "usr/") || strings.HasPrefix(p, "usr/local/etc/") || strings.HasPrefix(p, "usr/src/")
	}
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "Dockerfile")
}

// Inspect implements engine.Inspector. Where secrets are found, the evidence has the file's checksums: who owns it decides what they mean.
func (s *Inspector) Inspect(ctx context.Context, f *engine.File) (engine.Evidence, error) {
	head, err := f.Head(min(1024, int(f.Size)))
	if err != nil || bytes.IndexByte(head, 0) >= 0 || bytes.HasPrefix(head, []byte("\x1f\x8b")) {
		return engine.Evidence{}, err
	}
	body, give, err := s.body(f)
	defer give()
	if err != nil {
		return engine.Evidence{}, err
	}
	found, whole := s.find(body, configured(f.Path))
	if len(found) == 0 && whole {
		return engine.Evidence{}, ctx.Err()
	}
	ev := engine.Evidence{}
	switch {
	case len(found) > engine.MaxSecrets:
		found = found[:engine.MaxSecrets]
		ev.Gaps = []engine.Gap{{Kind: engine.GapLimit, Detail: fmt.Sprintf("it holds more than %d secrets, the rest is not listed", engine.MaxSecrets)}}
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

// body is the file's text. Where the source seeks it is in a buffer that give takes back.
func (s *Inspector) body(f *engine.File) (body []byte, give func(), err error) {
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

// window is how many bytes before and after a keyword a pattern may reach within its lines.
const window = 4096

// hit is a secret and where its value stands.
type hit struct {
	engine.Secret
	from, to int
}

// find lists the secrets in a text, by line. whole is false when the text holds so many keywords that not all of their places were searched: patterns
// get to see engine.MaxSecretWork times the text.
func (s *Inspector) find(body []byte, config bool) (out []hit, whole bool) {
	type spot struct{ rule, at int }
	seen, tried := map[spot]bool{}, map[spot]bool{}
	work := engine.MaxSecretWork * (len(body) + 1024)
	s.search.each(body, func(keyword, end int) bool {
		n := s.of[keyword]
		r := &s.rules[n]
		if r.config && !config {
			return true
		}
		var from, to int
		switch word := s.words[keyword]; {
		case r.run == 0:
			from, to = around(body, end, r.lines)
		case r.starts(body, word, end):
			from, to = max(0, end-len(word)-1), min(len(body), end+window)
		default:
			return true
		}
		if tried[spot{n, from}] { // this text has been searched for the same
			return true
		}
		tried[spot{n, from}] = true
		found := r.compile().FindAllSubmatchIndex(body[from:to], engine.MaxSecrets)
		if r.run > 0 && len(found) == 0 {
			to = from + r.run // what it takes to see that none begins there
		}
		for _, m := range found {
			a, b := m[0], m[1]
			if len(m) > 2 && m[2] >= 0 {
				a, b = m[2], m[3]
			}
			value := body[from+a : from+b]
			at := spot{n, from + a}
			if seen[at] || !r.credible(value) {
				continue
			}
			seen[at] = true
			out = append(out, hit{engine.Secret{Rule: r.id, Title: r.title, Severity: r.severity, Line: 1 + bytes.Count(body[:from+a], []byte("\n")), Redacted: redact(r, value)}, from + a, from + b})
		}
		work -= to - from
		return len(out) <= engine.MaxSecrets && work > 0
	})
	return only(out), work > 0
}

// starts says whether a token may start with the keyword that ends there: written just so, at the start of a word, and with enough behind it.
func (r *rule) starts(body []byte, keyword string, end int) bool {
	at := end - len(keyword)
	if at > 0 {
		if c := body[at-1]; c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' {
			return false
		}
	}
	return string(body[at:end]) == keyword && runs(body[end:], r.run)
}

// runs says whether b begins with n characters that tokens are made of.
func runs(b []byte, n int) bool {
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

// around is the line in which a keyword ends, and as many more as the pattern may go on over. Of a long line it is a part: the same one for all
// keywords in the same window, with a window before and one behind.
func around(body []byte, end, lines int) (from, to int) {
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

// only drops what a general rule says of a line of which a particular one says more.
func only(all []hit) []hit {
	named := map[int]bool{}
	for _, x := range all {
		if x.Rule != "generic-secret" {
			named[x.Line] = true
		}
	}
	all = slices.DeleteFunc(all, func(x hit) bool { return x.Rule == "generic-secret" && named[x.Line] })
	slices.SortStableFunc(all, func(a, b hit) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	return all
}

// credible says whether a value can be a secret: it is no placeholder, and not more regular than chance makes it.
func (r *rule) credible(value []byte) bool {
	if r.entropy > 0 && entropy(value) < r.entropy {
		return false
	}
	text := strings.ToLower(string(value))
	for _, word := range []string{"example", "placeholder", "changeme", "change_me", "change-me", "your", "dummy", "xxxx", "....", "****", "redacted", "insert", "replace", "${", "{{", "}}", "$(", "%s", "%(", "<", "0123456789", "abcdefghij"} {
		if strings.Contains(text, word) {
			return false
		}
	}
	if r.id != "generic-secret" {
		return true
	}
	letters, digits := false, false
	for _, c := range value {
		letters = letters || c|0x20 >= 'a' && c|0x20 <= 'z'
		digits = digits || c >= '0' && c <= '9'
	}
	// Names, paths and addresses of variables have no digits, or are made of words.
	return letters && digits && !strings.ContainsAny(text, "/.:") && strings.Count(text, "_")+strings.Count(text, "-") < 3
}

// entropy is Shannon's, in bits per byte.
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

// redact shows what every secret of the kind begins with, and nothing of this one: neither its other characters nor its length.
func redact(r *rule, value []byte) string {
	for _, k := range r.keywords {
		if len(value) >= 2*len(k) && strings.EqualFold(string(value[:len(k)]), k) {
			return strings.ToValidUTF8(string(value[:len(k)]), "") + "********"
		}
	}
	return "********"
}
