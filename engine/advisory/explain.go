package advisory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/version"
)

// Explanation is why an advisory affects a version of a package, or why not.
type Explanation struct {
	Affected   bool           `json:"affected"` // what a scan would find
	Unknown    bool           `json:"unknown"`  // it cannot be told, which a scan reports as a gap
	Comparator engine.Maybe   `json:"comparator"`
	Reason     string         `json:"reason"`
	Ranges     []ExplainedFor `json:"ranges"` // what each range and list of versions says
}

// ExplainedFor is what one range, or one list of versions, says of a version.
type ExplainedFor struct {
	Range  string `json:"range"` // "ECOSYSTEM: introduced 0, fixed 1.2.3", "versions: 12 listed"
	Holds  bool   `json:"holds"`
	Reason string `json:"reason"` // "in [0, 1.2.3)", "1.2.3 or later, where it is fixed"
}

// Explain judges an advisory for an installed version as a match does, and says why.
func Explain(a *Advisory, ecosystem, name, installed string) Explanation {
	e := Explanation{Ranges: []ExplainedFor{}}
	if scheme, err := version.Scheme(ecosystem); err == nil {
		e.Comparator = engine.Maybe(scheme)
	}
	v, invalid := version.Parse(ecosystem, installed)
	named := false
	for _, f := range a.Affected {
		if !f.names(ecosystem, name) {
			continue
		}
		named = true
		e.Ranges = append(e.Ranges, f.explain(ecosystem, installed, v, invalid)...)
	}
	switch {
	case !named:
		e.Reason = fmt.Sprintf("it says nothing of %s in %s", name, ecosystem)
	case a.Withdrawn != "":
		e.Reason = "withdrawn " + a.Withdrawn
	case a.harmless():
		e.Reason = "a notice of mended bugs or new features, which names no vulnerability"
	case !a.streams(ecosystem, called{name: name, version: installed}):
		e.Reason = "it is about builds of another stream of the module, or of a module at all"
	case invalid != nil:
		e.Affected = a.listsText(ecosystem, called{name: name, version: installed})
		e.Unknown, e.Reason = !e.Affected, invalid.Error()
		if e.Affected {
			e.Reason = "listed in versions"
		}
	default:
		got, err := a.judge(ecosystem, name, v)
		e.Affected, e.Unknown = got.affected, err != nil
		switch {
		case err != nil:
			e.Reason = strings.ReplaceAll(err.Error(), "\n", "; ")
		case got.affected:
			e.Reason = inside(got.reason)
		default:
			e.Reason = "in no range and no list of versions"
		}
	}
	return e
}

func inside(reason string) string {
	if strings.HasPrefix(reason, "[") {
		return "in " + reason
	}
	return reason
}

func (f Affected) explain(ecosystem, installed string, v version.Version, invalid error) (out []ExplainedFor) {
	for _, r := range f.Ranges {
		one := ExplainedFor{Range: r.String()}
		switch {
		case r.Type == "GIT":
			one.Reason = "of commits, which no version of a package can be compared with"
		case invalid != nil:
			one.Reason = invalid.Error()
		default:
			one.Holds, one.Reason = r.explain(ecosystem, v)
		}
		out = append(out, one)
	}
	if len(f.Versions) > 0 {
		one := ExplainedFor{Range: fmt.Sprintf("versions: %d listed", len(f.Versions)), Reason: "not listed"}
		if one.Holds = slices.Contains(f.Versions, installed) || invalid == nil && f.lists(ecosystem, v); one.Holds {
			one.Reason = "listed in versions"
		}
		out = append(out, one)
	}
	return out
}

// String writes a range as its events say it, in their order.
func (r Range) String() string {
	var events []string
	for _, e := range r.Events {
		for _, w := range []struct{ word, at string }{{"introduced", e.Introduced}, {"fixed", e.Fixed}, {"last affected", e.LastAffected}, {"limit", e.Limit}} {
			if w.at != "" {
				events = append(events, w.word+" "+w.at)
			}
		}
	}
	return r.Type + ": " + strings.Join(events, ", ")
}

// explain says where a version lies: in the range, or before it begins, or at or after its end.
func (r Range) explain(ecosystem string, v version.Version) (holds bool, reason string) {
	reason, _, err := r.judge(ecosystem, v)
	if err != nil {
		return false, err.Error()
	}
	if reason != "" {
		return true, inside(reason)
	}
	scheme, err := r.scheme(ecosystem)
	if err == nil {
		v, err = version.ParseAs(scheme, v.String())
	}
	var points, limits []point
	if err == nil {
		points, limits, err = r.points(scheme)
	}
	if err != nil {
		return false, err.Error()
	}
	for _, l := range limits {
		if c, err := v.Compare(l.at); err == nil && c >= 0 {
			return false, "not below the limit " + l.Limit
		}
	}
	reason = "the range holds nothing"
	for _, p := range points {
		past := 1
		if !p.origin {
			if past, err = v.Compare(p.at); err != nil {
				return false, err.Error()
			}
		}
		switch {
		case past < 0 && p.Introduced != "":
			if reason == "the range holds nothing" {
				reason = "before " + p.Introduced + ", where it is introduced"
			}
			return false, reason
		case past >= 0 && p.Fixed != "":
			reason = p.Fixed + " or later, where it is fixed"
		case past > 0 && p.LastAffected != "":
			reason = "after " + p.LastAffected + ", the last one affected"
		}
	}
	return false, reason
}

// Dossier is what the whole of the data says of an advisory, joined by its ids.
type Dossier struct {
	CVEs       []string          `json:"cves"`
	Severity   engine.Severity   `json:"severity"`
	Severities []engine.Severity `json:"severities"`
	Exploited  engine.Maybe      `json:"exploited_since"` // the day CISA's catalogue added one of the CVEs
	EPSS       *engine.EPSS      `json:"epss"`
}

// Look joins what a finding by an advisory would carry.
func Look(ctx context.Context, s Store, a *Advisory) (*Dossier, error) {
	h := hit{record: a}
	for _, f := range a.Affected {
		if h.ratings = append(h.ratings, f.Severity...); f.Urgency != "" && !slices.Contains(h.urgency, f.Urgency) {
			h.urgency = append(h.urgency, f.Urgency)
		}
	}
	g := group{unit: &unit{}, hits: []hit{h}}
	m := &matching{store: s}
	var err error
	if m.joined, err = joinIDs(ctx, s, []group{g}); err != nil {
		return nil, err
	}
	m.shards = map[string]*Shard{}
	if err := m.assess(ctx, []group{g}); err != nil {
		return nil, err
	}
	d := &Dossier{CVEs: cvesOf(m.joined.reach(append(g.ids(), g.upstream()...), true))}
	d.Severity, d.Severities = m.severity(g, m.joined.reach(g.ids(), false))
	one := []engine.Finding{{CVEs: d.CVEs}}
	if _, err := m.exploited(ctx, one); err != nil {
		return nil, err
	}
	if _, err := m.scored(ctx, one); err != nil {
		return nil, err
	}
	d.Exploited, d.EPSS = one[0].ExploitedSince, one[0].EPSS
	return d, nil
}
