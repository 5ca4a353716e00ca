// Package waiver reads and writes the waiver file and says what it accepts. A waiver is temporary: it has a reason, an owner and a last
// day.
package waiver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
	"github.com/vetoci/veto/engine/glob"
	"github.com/vetoci/veto/engine/purl"
)

// maxWaivers bounds one file; a baseline of engine.MaxFindings findings has half as many. Parse refuses a longer list.
const maxWaivers = 100_000

// minFingerprint is how many of a fingerprint's 64 hex digits a waiver must give at least: short enough to type, long enough that two
// findings of an image hardly ever share them. Where they do, the waiver accepts neither.
const minFingerprint = 8

// File is a parsed waiver file.
type File struct {
	name    string // as errors and reports call it
	digest  engine.Digest
	waivers []engine.Waiver
	lines   []int // of each waiver, from 1
	maxDays int   // how far ahead the last day of a waiver may be
}

// DefaultMaxDays is how many days ahead the last day of a waiver may be, unless the configuration says otherwise.
const DefaultMaxDays = 90

// Bound sets how many days ahead the last day of a waiver may be. One with a later day accepts nothing until the day comes near.
func (f *File) Bound(days int) { f.maxDays = days }

// Waivers returns the entries in the order of the file. Their State is empty: For sets it.
func (f *File) Waivers() []engine.Waiver { return slices.Clone(f.waivers) }

// Digest returns the SHA-256 of the file's bytes.
func (f *File) Digest() engine.Digest { return f.digest }

func waiverKeys() []string {
	return []string{"rule", "match", "broad", "images", "reason", "owner", "expires", "until", "ticket", "origin"}
}

// Parse reads a waiver file strictly: every mistake is an engine.UsageError with its line. name is shown in errors and reports.
func Parse(name string, data []byte) (*File, error) {
	y, node, err := document.Parse(name, data)
	if err != nil {
		return nil, err
	}
	top, err := y.Mapping(node, "the file", []string{"version", "waivers"})
	if err != nil {
		return nil, err
	}
	if err := y.Version1(top); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	f := &File{name: name, digest: engine.Digest("sha256:" + hex.EncodeToString(sum[:])), maxDays: DefaultMaxDays}
	list := top["waivers"]
	if list == nil {
		return nil, engine.Hint(engine.Usage("%s: `waivers` is missing", name), "an empty file holds `waivers: []`")
	}
	if list.Kind != yaml.SequenceNode {
		return nil, y.Errorf(list, "waivers is a list")
	}
	if len(list.Content) > maxWaivers {
		return nil, y.Errorf(list, "%v", &engine.LimitError{What: "number of waivers", Limit: maxWaivers})
	}
	for _, n := range list.Content {
		w, err := parseWaiver(y, n)
		if err != nil {
			return nil, err
		}
		f.waivers = append(f.waivers, *w)
		f.lines = append(f.lines, n.Line)
	}
	return f, nil
}

func parseWaiver(y document.File, n *yaml.Node) (*engine.Waiver, error) {
	m, err := y.Mapping(n, "a waiver", waiverKeys())
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"reason", "owner", "expires"} {
		if m[key] == nil {
			return nil, engine.Hint(y.Errorf(n, "a waiver without `%s`", key),
				"a waiver has a reason, an owner and a last day (expires: 2026-12-31)")
		}
	}
	w := &engine.Waiver{Where: fmt.Sprintf("%s:%d", y.Name, n.Line)}
	for _, key := range waiverKeys() {
		if v := m[key]; v != nil {
			if err := setKey(y, w, key, v); err != nil {
				return nil, err
			}
		}
	}
	if err := checkScope(y, w, n); err != nil {
		return nil, err
	}
	w.ID = identify(w)
	return w, nil
}

// checkScope refuses a waiver that accepts more than it looks like.
func checkScope(y document.File, w *engine.Waiver, n *yaml.Node) error {
	named := w.Match != engine.WaiverMatch{}
	switch {
	case !named && w.Rule == "":
		return engine.Hint(y.Errorf(n, "this waiver matches nothing"), "give `match` a vuln, purl, path or fingerprint, or name a rule")
	case !named && !w.Broad:
		return engine.Hint(y.Errorf(n, "this waiver accepts all that the rule %q will ever say", string(w.Rule)),
			"narrow it with `match`, or say so with `broad: true`")
	case matchesAll(&w.Match) && !w.Broad:
		return engine.Hint(y.Errorf(n, "the patterns of this waiver match everything, or every package of a distribution"),
			"narrow it with a name, a vuln or a fingerprint, or say so with `broad: true`")
	case w.Broad && w.Rule == "" && !matchesAll(&w.Match):
		return engine.Hint(y.Errorf(n, "`broad: true` goes with a rule, or with patterns that match everything"),
			"name the rule, or leave `broad` out")
	}
	return nil
}

// identify makes a waiver's id of what it says, not of where it stands in the file.
func identify(w *engine.Waiver) string {
	c := *w
	c.Where = ""
	b, err := json.Marshal(c)
	if err != nil { // strings, a list of strings and a bool always marshal
		b = []byte(w.Where)
	}
	return "w" + engine.Fingerprint(string(b))[:8]
}

func setKey(y document.File, w *engine.Waiver, key string, n *yaml.Node) (err error) {
	text := func() (s string) {
		s, err = y.Text(n, key)
		return s
	}
	switch key {
	case "rule":
		w.Rule = engine.Maybe(text())
	case "reason", "owner":
		s := text()
		if err == nil && !strings.ContainsFunc(s, isVisible) {
			err = engine.Hint(y.Errorf(n, "%s is %q, which says nothing", key, s), "say why it is acceptable, and who answers for it")
		}
		if key == "reason" {
			w.Reason = s
		} else {
			w.Owner = s
		}
	case "ticket":
		w.Ticket = engine.Maybe(text())
	case "expires":
		w.Expires = text()
		if _, bad := time.Parse(time.DateOnly, w.Expires); err == nil && bad != nil {
			err = engine.Hint(y.Errorf(n, "expires is a day, not %q", w.Expires), "write it as 2026-12-31; it holds through that day, UTC")
		}
	case "until":
		var s string
		s, err = y.Word(n, "until", []string{"fix-available"})
		w.Until = engine.Maybe(s)
	case "origin":
		var s string
		s, err = y.Word(n, "origin", []string{"baseline"})
		w.Origin = engine.Maybe(s)
	case "broad":
		w.Broad, err = y.Flag(n, "broad")
	case "images":
		if w.Images, err = y.Texts(n, "images"); err == nil && len(w.Images) == 0 {
			err = y.Errorf(n, "images is empty: it would match no image; leave it out for every image")
		}
		for _, g := range w.Images {
			if err == nil && glob.Check(g) != nil {
				err = y.Errorf(n, "images: %q is no pattern", g)
			}
		}
	case "match":
		err = setMatch(y, &w.Match, n)
	}
	return err
}

var hexDigits = regexp.MustCompile(`^[0-9a-f]{8,64}$`)

func setMatch(y document.File, m *engine.WaiverMatch, n *yaml.Node) error {
	keys := []string{"vuln", "purl", "path", "fingerprint"}
	values, err := y.Mapping(n, "match", keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		v := values[key]
		if v == nil {
			continue
		}
		// YAML reads eight digits without a letter as a number; they are a fingerprint all the same.
		if key == "fingerprint" && v.Kind == yaml.ScalarNode {
			v.Tag = "!!str"
		}
		s, err := y.Text(v, "match."+key)
		if err != nil {
			return err
		}
		switch key {
		case "vuln":
			m.Vuln = engine.Maybe(s)
		case "purl":
			if _, err := purl.Parse(s); err != nil {
				return y.Errorf(v, "match.purl: %v", err)
			}
			m.PURL = engine.Maybe(s)
		case "path":
			if glob.Check(s) != nil {
				return y.Errorf(v, "match.path: %q is no pattern", s)
			}
			m.Path = engine.Maybe(s)
		case "fingerprint":
			if !hexDigits.MatchString(s) {
				return y.Errorf(v, "match.fingerprint is %d to 64 lower-case hex digits, not %q", minFingerprint, s)
			}
			m.Fingerprint = engine.Maybe(s)
		}
	}
	return nil
}

// CheckRules returns an engine.UsageError for the first waiver of a rule that is not among known: such a waiver would silently do nothing.
func (f *File) CheckRules(known []string) error {
	for i, w := range f.waivers {
		if w.Rule == "" || slices.Contains(known, string(w.Rule)) {
			continue
		}
		y := document.File{Name: f.name}
		return y.Wrap(&yaml.Node{Line: f.lines[i]}, engine.UnknownWord("rule", string(w.Rule), known))
	}
	return nil
}
