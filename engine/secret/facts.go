package secret

import (
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

// mask replaces the secrets of a text by their redacted form. It searches each word as a line of its own, because the words of a command do
// not belong to each other. A text that cannot be searched to its end is masked as a whole.

func (s *Inspector) mask(text string) (string, []foundSecret) {
	found, whole := s.find([]byte(strings.ReplaceAll(text, " ", "\n")), true)
	if !whole {
		return "********", found
	}
	lastFirst := slices.Clone(found)
	slices.SortFunc(lastFirst, func(a, b foundSecret) int { return b.from - a.from })
	end := len(text)
	for _, x := range lastFirst {
		if x.to <= end {
			text, end = text[:x.from]+x.Redacted+text[x.to:], x.from
		}
	}
	return text, found
}
