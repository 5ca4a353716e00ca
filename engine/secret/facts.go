package secret

import (
	"cmp"
	"fmt"

	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// MaskFacts finds credentials in what an image says of itself: environment, labels, history and health check. It replaces each value in f
// by its redacted form, because facts become reports; slices and maps that f shares with others are copied first.
func (s *Inspector) MaskFacts(f *engine.Facts) []engine.Secret {
	var out []engine.Secret
	mask := func(subject, text string) string {
		masked, found := s.mask(text)
		for _, x := range found[:min(len(found), engine.MaxSecrets)] {
			x.Subject, x.Line = engine.Maybe(subject), 0
			out = append(out, x.Secret)
		}
		return masked
	}
	c := &f.Config
	c.Env, c.History, c.Healthcheck = slices.Clone(c.Env), slices.Clone(c.History), slices.Clone(c.Healthcheck)
	for i, e := range c.Env {
		name, _, _ := strings.Cut(e, "=")
		c.Env[i] = mask("env "+name, e)
	}
	// A configuration may have millions of labels: only those that hold a secret are copied and sorted.
	masked := map[string]string{}
	for k, v := range c.Labels {
		if v == "" {
			continue
		}
		if text, _ := s.mask(k + "=" + v); text != k+"="+v {
			masked[k] = strings.TrimPrefix(text, k+"=")
		}
	}
	if len(masked) > 0 {
		for _, k := range slices.Sorted(maps.Keys(masked)) {
			mask("label "+k, k+"="+c.Labels[k])
		}
		c.Labels = maps.Clone(c.Labels)
		maps.Copy(c.Labels, masked)
	}
	for i := range c.History {
		h := &c.History[i]
		subject := fmt.Sprintf("history %d", i+1)
		h.CreatedBy, h.Comment = engine.Maybe(mask(subject, string(h.CreatedBy))), engine.Maybe(mask(subject, string(h.Comment)))
	}
	for i, w := range c.Healthcheck {
		c.Healthcheck[i] = mask("healthcheck", w)
	}
	for i := range f.Layers { // repeats the history, whose secrets are in out already
		text, _ := s.mask(string(f.Layers[i].CreatedBy))
		f.Layers[i].CreatedBy = engine.Maybe(text)
	}
	return out
}

// mask replaces the secrets of a text by their redacted form; those that overlap become one. It searches each word as a line of its own,
// because the words of a command do not belong to each other, and the text as it is for secrets that take several lines. A text that cannot
// be searched to its end is masked as a whole.
func (s *Inspector) mask(text string) (string, []foundSecret) {
	inWords, whole := s.find([]byte(strings.ReplaceAll(text, " ", "\n")), onOneLine)
	inText, alsoWhole := s.find([]byte(text), acrossLines)
	listed := append(dropGeneric(slices.Clone(inWords)), inText...)
	if !whole || !alsoWhole {
		return "********", listed
	}
	found := append(inWords, inText...)
	last := map[string]int{genericRule: 1} // at one offset a specific rule comes first: it shows of what kind the value is
	slices.SortFunc(found, func(a, b foundSecret) int {
		return cmp.Or(a.from-b.from, last[a.Rule]-last[b.Rule], strings.Compare(a.Rule, b.Rule))
	})

	var masked strings.Builder
	end := 0
	for _, x := range found {
		if x.from >= end {
			masked.WriteString(text[end:x.from] + x.Redacted)
		}
		end = max(end, x.to, keyEnd(text, x.from))
	}
	masked.WriteString(text[end:])
	return masked.String(), listed
}

// keyEnd returns the offset at which a private key that begins at an offset ends: rules match only its first lines. It is 0 for every other
// secret. A key without an end goes on to the end of the text.
func keyEnd(text string, from int) int {
	const begin, end, dashes = "-----BEGIN", "-----END", "-----"
	if !strings.HasPrefix(text[from:], begin) {
		return 0
	}
	_, rest, _ := strings.Cut(text[from:], end)
	_, rest, _ = strings.Cut(rest, dashes)
	return len(text) - len(rest)
}
