package secret

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// InFacts finds credentials in what an image says of itself: environment, labels, history and health check. Whoever pulls it reads them; in the facts,
// which become reports, each value is masked.
func (s *Inspector) InFacts(f *engine.Facts) []engine.Secret {
	var out []engine.Secret
	look := func(subject, text string) string {
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
		c.Env[i] = look("env "+name, e)
	}
	// There may be as many labels as a configuration has bytes: only those with something in them are copied and sorted.
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
			look("label "+k, k+"="+c.Labels[k])
		}
		c.Labels = maps.Clone(c.Labels)
		maps.Copy(c.Labels, masked)
	}
	for i := range c.History {
		h := &c.History[i]
		subject := fmt.Sprintf("history %d", i+1)
		h.CreatedBy, h.Comment = engine.Maybe(look(subject, string(h.CreatedBy))), engine.Maybe(look(subject, string(h.Comment)))
	}
	for i, w := range c.Healthcheck {
		c.Healthcheck[i] = look("healthcheck", w)
	}
	for i := range f.Layers { // what the history says again
		text, _ := s.mask(string(f.Layers[i].CreatedBy))
		f.Layers[i].CreatedBy = engine.Maybe(text)
	}
	return out
}

// mask replaces the secrets of a text. Words are searched as lines of their own, because the words of a command do not belong to each other. A text that
// cannot be searched to its end is masked as a whole.
func (s *Inspector) mask(text string) (string, []hit) {
	found, whole := s.find([]byte(strings.ReplaceAll(text, " ", "\n")), true)
	if !whole {
		return "********", found
	}
	byPlace := slices.Clone(found)
	slices.SortFunc(byPlace, func(a, b hit) int { return b.from - a.from })
	end := len(text)
	for _, x := range byPlace {
		if x.to <= end {
			text, end = text[:x.from]+x.Redacted+text[x.to:], x.from
		}
	}
	return text, found
}
