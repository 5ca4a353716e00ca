package formats

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// addFooter adds what the verdict rests on: inventory, data, base image, policies, and what weakens the gate.
func (p *page) addFooter(rep *indexedReport) {
	if len(rep.Packages) > 0 || len(rep.Decision.Rules) > 0 {
		p.addWrapped("  Seen     ", rep.inventoryText(), 3, colored{"Seen", bold})
		p.addWrapped("  Data     ", rep.databaseText(), 3, colored{"Data", bold})
		if b := rep.baseText(); b != "" {
			p.addWrapped("  Base     ", b, 3, colored{"Base", bold})
		}
		if p.full && rep.Space.ContentBytes > 0 {
			p.addWrapped("  Space    ", rep.spaceText(), 3, colored{"Space", bold})
		}
	}
	if len(rep.Decision.Rules) > 0 {
		p.addWrapped("  Policy   ", rep.policiesText(), 4, colored{"Policy", bold})
	}
	const limit = 10
	for i, w := range rep.Decision.Weakened {
		if i == limit && !p.full && len(rep.Decision.Weakened) > limit+1 {
			p.addLine(fmt.Sprintf("  Weakened %d more  (all: --detail full)", len(rep.Decision.Weakened)-limit))
			break
		}
		p.addWrapped("  Weakened ", relaxationText(w), 3, colored{"Weakened", bold + ";" + yellow})
	}
}

// relaxationText is "rules.user-root: warn → off (veto.yaml:7)".
func relaxationText(w engine.Relaxation) string {
	s := w.What
	if w.From != "" || w.To != "" {
		s += ": " + cmp.Or(string(w.From), "unset") + " → " + cmp.Or(string(w.To), "unset")
	}
	return Escape(s + " (" + w.Where + ")")
}

// inventoryText is "754 deb, 4 Go modules; 2 files unread; 1 waived; 3 set aside by VEX", escaped.
func (rep *indexedReport) inventoryText() string {
	n := map[string]int{}
	var types []string
	for _, pkg := range rep.Packages {
		if n[pkg.Type]++; n[pkg.Type] == 1 {
			types = append(types, pkg.Type)
		}
	}
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b)) })
	var parts []string
	for _, t := range types {
		noun := Escape(t)
		if t == "golang" {
			noun = "Go modules"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n[t], noun))
	}
	if len(parts) == 0 {
		parts = []string{"no packages"}
	}
	unread, waived := 0, 0
	for _, c := range rep.Gaps {
		switch c.Kind {
		case engine.GapUnreadable, engine.GapMalformed, engine.GapLimit, engine.GapUnsupported:
			unread += max(c.Count, 1)
		}
	}
	setAside := 0
	for _, f := range rep.Findings {
		if f.VEXStatus == "not_affected" || f.VEXStatus == "fixed" {
			setAside++
		}
		if f.WaivedBy != "" {
			waived++
		}
	}
	for _, r := range rep.Decision.Rules {
		for _, res := range r.Results {
			if res.WaivedBy != "" && len(res.Findings) == 0 {
				waived++
			}
		}
	}
	seen := strings.Join(parts, ", ") + fmt.Sprintf("; %s unread; %d waived", plural(unread, "file", "files"), waived)
	if setAside > 0 {
		seen += fmt.Sprintf("; %d set aside by VEX", setAside)
	}
	return seen
}

// databaseText says which vulnerability data was used and how old it is, escaped.
func (rep *indexedReport) databaseText() string {
	if rep.Database.State == "none" {
		return "no vulnerability database was used"
	}
	dayOf := func(s *engine.Shard) string {
		if s.AsOf == "" {
			return "of unknown date"
		}
		return Escape(string(s.AsOf[:min(10, len(s.AsOf))]))
	}
	shards := slices.Clone(rep.Database.Shards)
	slices.SortStableFunc(shards, func(a, b engine.Shard) int { return strings.Compare(string(a.AsOf), string(b.AsOf)) })
	var parts []string
	switch n := len(shards); {
	case n == 0:
		parts = append(parts, "none was needed")
	case n == 1 || shards[0].AsOf == shards[n-1].AsOf:
		var names []string
		for i := range shards {
			names = append(names, Escape(shards[i].Ecosystem))
		}
		parts = append(parts, strings.Join(names, ", ")+" "+dayOf(&shards[0]))
	default:
		oldest, newest := &shards[0], &shards[n-1]
		parts = append(parts, fmt.Sprintf("oldest %s %s, newest %s %s",
			Escape(oldest.Ecosystem), dayOf(oldest), Escape(newest.Ecosystem), dayOf(newest)))
	}
	kev := "KEV not loaded"
	if rep.Database.KEV != nil {
		kev = "KEV " + dayOf(rep.Database.KEV)
	}
	if parts = append(parts, kev); rep.Database.EPSS != nil {
		parts = append(parts, "EPSS "+dayOf(rep.Database.EPSS))
	}
	return strings.Join(parts, "; ")
}

// policiesText names the sources of the policies with their digests, and counts the rules; escaped.
func (rep *indexedReport) policiesText() string {
	var parts []string
	for _, s := range rep.Policy.Sources {
		algorithm, _, _ := strings.Cut(string(s.Digest), ":")
		parts = append(parts, strings.TrimSuffix(Escape(s.Name+" "+algorithm+":"+s.Digest.Short()), " :"))
	}
	return strings.Join(parts, ", ") + "; " + rep.ruleCounts()
}

// ruleCounts is "10 rules: 2 deny, 2 warn, 6 pass".
func (rep *indexedReport) ruleCounts() string {
	n := map[string]int{}
	var words []string
	for _, r := range rep.rulesByRank() {
		w := statusWord(r.Status).text
		if n[w]++; n[w] == 1 {
			words = append(words, w)
		}
	}
	for i, w := range words {
		words[i] = fmt.Sprintf("%d %s", n[w], w)
	}
	return plural(len(rep.Decision.Rules), "rule", "rules") + ": " + strings.Join(words, ", ")
}

// baseText says what the image was built on and whose the findings are, escaped: "debian:12, verified: 1 of 3 layers; 12 findings are the
// base's, 3 your own". "" when no base is known.
func (rep *indexedReport) baseText() string {
	b := rep.Base
	if b == nil {
		return ""
	}
	s := Escape(cmp.Or(string(b.Name), b.Digest.Short(), "the base")) + ", " + Escape(b.State)
	if b.State == "claimed" {
		s += " by " + map[string]string{"labels": "its labels", "history": "its history", "flag": "layers that were not hashed"}[b.From]
	}
	switch {
	case b.State == "mismatch":
		return s + ": its layers are not the oldest ones of this image"
	case b.Layers == 0:
		return s + ": where it ends is not known"
	case b.State != "verified":
		return s + fmt.Sprintf(": %d of %s, which proves nothing of the findings", b.Layers, plural(len(rep.Layers), "layer", "layers"))
	}
	n := map[engine.Origin]int{}
	for i := range rep.Findings {
		n[rep.Findings[i].Origin]++
	}
	are := map[bool]string{true: "is", false: "are"}[n[engine.OriginBase] == 1]
	return s + fmt.Sprintf(": %d of %s; %s %s the base's, %d your own", b.Layers, plural(len(rep.Layers), "layer", "layers"),
		plural(n[engine.OriginBase], "finding", "findings"), are, n[engine.OriginOwn])
}

// spaceText says how many bytes the layers hold, and how many of these no container sees: "1116 MB in 3 layers, 167 MB of them replaced or
// removed by later ones; efficiency 0.85".
func (rep *indexedReport) spaceText() string {
	return fmt.Sprintf("%s in %s, %s of them replaced or removed by later ones; efficiency %.2f", megabytes(rep.Space.ContentBytes),
		plural(len(rep.Layers), "layer", "layers"), megabytes(rep.Space.WastedBytes), rep.Space.Efficiency)
}

// megabytes is a number of bytes in MB of 10^6 bytes, rounded; below one in kB, rounded up.
func megabytes(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}
