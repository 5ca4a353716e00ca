package advisory

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/vetoci/veto/engine"
)

// score is the base score of a CVSS vector of the type that OSV gives it.
func score(typ, vector string) (float64, error) {
	if n, err := strconv.ParseFloat(vector, 64); err == nil && n >= 0 && n <= 10 {
		return n, nil // a bare score
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

// levelOf is the qualitative scale of CVSS v3 and v4 (specification, section 5 and 6), for v2 that of the NVD.
func levelOf(typ string, score float64) engine.Level {
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

// levelNamed understands the words of GitHub, Debian, Ubuntu, Red Hat and SUSE. Words that postpone an answer are unknown.
func levelNamed(word string) engine.Level {
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

// rank orders levels: 0 is the worst.
func rank(l engine.Level) int { return slices.Index(engine.Levels(), l) }

// ratingsOf turns the severity entries of a record into severities, newest CVSS first. What does not parse is kept as unknown.
func ratingsOf(ratings []Rating, source string) []engine.Severity {
	ratings = slices.Clone(ratings)
	slices.SortStableFunc(ratings, func(a, b Rating) int {
		return strings.Compare(b.Type, a.Type) // CVSS_V4, CVSS_V3, CVSS_V2; words of distributions ("Ubuntu") come first
	})
	var out []engine.Severity
	for _, r := range ratings {
		if !strings.HasPrefix(r.Type, "CVSS_") {
			out = append(out, engine.Severity{Level: levelNamed(r.Score), Source: engine.Maybe(r.Type + " word in " + source)})
			continue
		}
		value, err := score(r.Type, r.Score)
		if err != nil {
			out = append(out, engine.Severity{Level: engine.Unknown, Vector: engine.Maybe(r.Score), Source: engine.Maybe(source + ": the vector is not valid")})
			continue
		}
		s := engine.Severity{Level: levelOf(r.Type, value), Score: &value, Source: engine.Maybe(source)}
		if strings.Contains(r.Score, ":") {
			s.Vector = engine.Maybe(r.Score)
		}
		out = append(out, s)
	}
	return out
}

// severitiesOf lists what a record says as a whole: its vectors, then its database's word.
func severitiesOf(a *Advisory, own []Rating, source string) []engine.Severity {
	if len(own) == 0 {
		own = a.Severity
	}
	out := ratingsOf(own, source)
	if a.Level != "" {
		out = append(out, engine.Severity{Level: levelNamed(a.Level), Source: engine.Maybe(source + ": " + a.Level)})
	}
	return out
}

// resolve picks the first level of a step that is known; the worst record of a step speaks for it. steps holds, per step, the
// severities of each record in order of preference.
func resolve(steps [][][]engine.Severity) (best engine.Severity, all []engine.Severity) {
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

func worse(a, b engine.Severity) bool {
	if a.Level != b.Level {
		return rank(a.Level) < rank(b.Level)
	}
	return a.Score != nil && (b.Score == nil || *a.Score > *b.Score)
}
