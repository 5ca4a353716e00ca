package advisory

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/vetoci/veto/engine"
)

// baseScore returns the base score of a CVSS vector, or of a bare score. typ is OSV's type of it. Version 4 has no base score but the score
// of all metrics that the vector has.
func baseScore(typ, vector string) (float64, error) {
	if n, err := strconv.ParseFloat(vector, 64); err == nil && n >= 0 && n <= 10 {
		return n, nil
	}
	switch {
	case typ == "CVSS_V2":
		v, err := gocvss20.ParseVector(strings.Trim(vector, "()"))
		if err != nil {
			return 0, err
		}
		return v.BaseScore(), nil
	case typ == "CVSS_V3" && strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := gocvss30.ParseVector(vector)
		if err != nil {
			return 0, err
		}
		return v.BaseScore(), nil
	case typ == "CVSS_V3":
		v, err := gocvss31.ParseVector(vector)
		if err != nil {
			return 0, err
		}
		return v.BaseScore(), nil
	case typ == "CVSS_V4":
		v, err := gocvss40.ParseVector(vector)
		if err != nil {
			return 0, err
		}
		return v.Score(), nil
	}
	return 0, errors.New("unknown type of severity")
}

// levelOfScore maps a score to a level, by the qualitative scale of CVSS v3.1 (section 5) and v4.0 (section 6), for v2 by that of the NVD.
func levelOfScore(typ string, score float64) engine.Level {
	switch {
	case typ == "CVSS_V2" && score >= 7:
		return engine.High
	case typ == "CVSS_V2" && score >= 4:
		return engine.Medium
	case typ == "CVSS_V2":
		return engine.Low
	case score >= 9:
		return engine.Critical
	case score >= 7:
		return engine.High
	case score >= 4:
		return engine.Medium
	case score > 0:
		return engine.Low
	}
	return engine.Negligible // "none": the vector claims no impact
}

// levelOfWord maps the words of GitHub, Debian, Ubuntu, Red Hat and SUSE to levels. Any other is unknown, as is one that says that there is
// no answer yet.
func levelOfWord(word string) engine.Level {
	switch strings.ToLower(strings.TrimRight(strings.TrimSpace(word), "*")) {
	case "critical":
		return engine.Critical
	case "high", "important":
		return engine.High
	case "medium", "moderate":
		return engine.Medium
	case "low", "minor":
		return engine.Low
	case "negligible", "unimportant", "none":
		return engine.Negligible
	}
	return engine.Unknown
}

// rank orders levels from 0, the worst.
func rank(l engine.Level) int { return slices.Index(engine.Levels(), l) }

// severitiesOfRatings makes severities of a record's ratings, the newest CVSS first. A vector that does not parse becomes an unknown one.
func severitiesOfRatings(ratings []Rating, source string) []engine.Severity {
	ratings = slices.Clone(ratings)
	slices.SortStableFunc(ratings, func(a, b Rating) int {
		return strings.Compare(b.Type, a.Type) // CVSS_V4, CVSS_V3, CVSS_V2; words of distributions ("Ubuntu") come first
	})
	var out []engine.Severity
	for _, r := range ratings {
		if !strings.HasPrefix(r.Type, "CVSS_") {
			out = append(out, engine.Severity{Level: levelOfWord(r.Score), Source: engine.Maybe(r.Type + " word in " + source)})
			continue
		}
		value, err := baseScore(r.Type, r.Score)
		if err != nil {
			out = append(out, engine.Severity{Level: engine.Unknown, Vector: engine.Maybe(r.Score),
				Source: engine.Maybe(source + ": the vector is not valid")})
			continue
		}
		s := engine.Severity{Level: levelOfScore(r.Type, value), Score: &value, Source: engine.Maybe(source)}
		if strings.Contains(r.Score, ":") {
			s.Vector = engine.Maybe(r.Score)
		}
		out = append(out, s)
	}
	return out
}

// severitiesOfRecord lists what a record says: the ratings of the entries that matched, or else its own, then its database's word.
func severitiesOfRecord(a *Advisory, ratings []Rating, source string) []engine.Severity {
	if len(ratings) == 0 {
		ratings = a.Severity
	}
	out := severitiesOfRatings(ratings, source)
	if a.Level != "" {
		out = append(out, engine.Severity{Level: levelOfWord(a.Level), Source: engine.Maybe(source + ": " + a.Level)})
	}
	return out
}

// resolveSeverity returns the severity of the first step that knows one, which is that of its worst record, and lists all severities. steps
// holds, for each step, the severities of each record in order of preference.
func resolveSeverity(steps [][][]engine.Severity) (best engine.Severity, all []engine.Severity) {
	best = engine.Severity{Level: engine.Unknown}
	decided := false
	for _, records := range steps {
		for _, severities := range records {
			all = append(all, severities...)
		}
		if decided {
			continue
		}
		for _, severities := range records {
			i := slices.IndexFunc(severities, func(s engine.Severity) bool { return s.Level != engine.Unknown })
			if i >= 0 && (!decided || worse(severities[i], best)) {
				best, decided = severities[i], true
			}
		}
	}
	if !decided && len(all) > 0 {
		best = all[0]
	}
	return best, all
}

// worse says whether a is worse than b: by level, then by score.
func worse(a, b engine.Severity) bool {
	if a.Level != b.Level {
		return rank(a.Level) < rank(b.Level)
	}
	return a.Score != nil && (b.Score == nil || *a.Score > *b.Score)
}

// severity resolves a group's severity in steps: the records themselves, the distribution's urgency, the records of aliases, those of what
// upstream leads to, and last what the CVE List and the NVD say of the CVEs. It also lists the severities of all steps.
func (s *matchState) severity(g aliasGroup) (engine.Severity, []engine.Severity) {
	var own, urgency [][]engine.Severity
	done := map[string]bool{}
	for _, m := range g.matches {
		done[m.record.ID] = true
		own = append(own, severitiesOfRecord(m.record, m.ratings, m.record.ID))
		for _, word := range m.urgency {
			source := engine.Maybe("urgency of " + m.record.ID + ": " + word)
			urgency = append(urgency, []engine.Severity{{Level: levelOfWord(word), Source: source}})
		}
	}
	severitiesOf := func(ids map[string]bool, how string) (out [][]engine.Severity) {
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			a := s.ids.byID[id]
			if a == nil || done[id] {
				continue
			}
			done[id] = true
			var ratings []Rating
			for _, f := range a.Affected {
				ratings = append(ratings, f.Severity...)
			}
			out = append(out, severitiesOfRecord(a, ratings, id+" ("+how+")"))
		}
		return out
	}
	all := s.ids.withUpstreams(g.allIDs())
	alias := severitiesOf(s.ids.withAliases(g.ids()), "alias")
	upstream := severitiesOf(all, "upstream")
	best, listed := resolveSeverity([][][]engine.Severity{own, urgency, alias, upstream, s.cveSeverities(cvesOf(all))})
	if listed == nil {
		listed = []engine.Severity{}
	}
	return best, listed
}
