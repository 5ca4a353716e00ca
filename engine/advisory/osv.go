package advisory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// osvRecord is a record as it is written.
type osvRecord struct {
	ID        string        `json:"id"`
	Aliases   []string      `json:"aliases"`
	Upstream  []string      `json:"upstream"`
	Related   []string      `json:"related"`
	Summary   string        `json:"summary"`
	Published string        `json:"published"`
	Modified  string        `json:"modified"`
	Withdrawn string        `json:"withdrawn"`
	Severity  osvRatings    `json:"severity"`
	Specific  osvSpecific   `json:"database_specific"`
	Affected  []osvAffected `json:"affected"`
}

type osvAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
		PURL      string `json:"purl"`
	} `json:"package"`
	Versions []string    `json:"versions"`
	Ranges   []osvRange  `json:"ranges"`
	Severity osvRatings  `json:"severity"`
	Specific osvSpecific `json:"ecosystem_specific"`
}

type osvRange struct {
	Type   string                       `json:"type"`
	Events []map[string]json.RawMessage `json:"events"`
}

// osvWords are the keys that are read of a record.
func osvWords() Words {
	return Words{
		"": {"id", "aliases", "upstream", "related", "summary", "published", "modified", "withdrawn", "severity", "database_specific",
			"affected"},
		"affected": {"package", "versions", "ranges", "severity", "ecosystem_specific", "database_specific"},
		"package":  {"ecosystem", "name", "purl"},
		"ranges":   {"type", "events"},
		"events":   {"introduced", "fixed", "last_affected", "limit"},
		"severity": {"type", "score"},
	}
}

// osvRatings are the entries of a severity. A score may be a number; an entry, or a severity, of another shape says nothing: that a rating
// cannot be read is no reason not to read the record.
type osvRatings []Rating

func (r *osvRatings) UnmarshalJSON(b []byte) error {
	var entries []json.RawMessage
	if json.Unmarshal(b, &entries) != nil {
		return nil //nolint:nilerr // see above
	}
	for _, raw := range entries {
		var entry struct {
			Type  json.RawMessage `json:"type"`
			Score json.RawMessage `json:"score"`
		}
		if json.Unmarshal(raw, &entry) != nil {
			continue
		}
		typ, ok := textOf(entry.Type)
		score, readable := textOf(entry.Score)
		if ok && readable {
			*r = append(*r, Rating{Type: typ, Score: score})
		}
	}
	return nil
}

// textOf returns a JSON string, or a number as it is written.
func textOf(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		return s, true
	}
	n := json.Number("")
	if json.Unmarshal(raw, &n) == nil && n != "" {
		return n.String(), true
	}
	return "", false
}

// osvSpecific is database_specific or ecosystem_specific, of which little is read. These are free-form: one of another shape says nothing.
type osvSpecific struct {
	severity, urgency string
	score             string // RubySec's cvss_v3: a base score without its vector
	cwes              []string
	imports           []Import
}

func (s *osvSpecific) UnmarshalJSON(b []byte) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) == nil { // a list is as valid as an object
		s.severity, s.urgency = lowerText(fields["severity"]), lowerText(fields["urgency"])
		s.cwes = cweIDs(fields["cwe_ids"])
		if json.Unmarshal(fields["imports"], &s.imports) != nil {
			s.imports = nil
		}
		if n := json.Number(""); json.Unmarshal(fields["cvss_v3"], &n) == nil {
			s.score = n.String()
		}
	}
	return nil
}

// cweIDs returns the CWE ids of a list, sorted. What is no CWE id there is left out.
func cweIDs(raw json.RawMessage) []string {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil {
		return nil
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !IsCWE(id) })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// IsCWE says whether an id is one of MITRE's Common Weakness Enumeration: "CWE-79". The NVD also writes "NVD-CWE-noinfo".
func IsCWE(id string) bool {
	n, ok := strings.CutPrefix(id, "CWE-")
	return ok && n != "" && strings.Trim(n, "0123456789") == ""
}

// lowerText returns a JSON string trimmed and in lower case, "" for any other value.
func lowerText(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// ParseOSV parses one record in the OSV format (ossf.github.io/osv-schema), of at most engine.MaxAdvisory bytes. It ignores unknown fields,
// but what decides who is affected must be well formed: a key that stands twice or in other letters, an ecosystem that only looks like a
// known one, and versions of no package are errors, because matching would pass over them. A range that cannot be evaluated is left to
// matching, which makes it a gap of the packages that it is about. Dates come out in UTC, those of the year 1 as unknown.
func ParseOSV(data []byte) (*Advisory, error) {
	if len(data) > engine.MaxAdvisory {
		return nil, &engine.LimitError{What: "size of an OSV record", Limit: engine.MaxAdvisory}
	}
	if err := engine.CheckDepth(data); err != nil {
		return nil, err
	}
	var r osvRecord
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("parsing an OSV record: %w", err)
	}
	if r.ID == "" {
		return nil, errors.New("parsing an OSV record: it has no id")
	}
	if err := CheckKeys(data, osvWords()); err != nil {
		return nil, fmt.Errorf("parsing the OSV record %.80q: %w", r.ID, err)
	}
	a := &Advisory{ID: r.ID, Aliases: r.Aliases, Upstream: r.Upstream, Related: r.Related, Summary: r.Summary, Severity: r.Severity,
		Level: r.Specific.severity, CWEs: r.Specific.cwes}
	if r.Specific.score != "" && len(r.Severity) == 0 {
		a.Severity = []Rating{{Type: "CVSS_V3", Score: r.Specific.score}}
	}
	for _, d := range []struct {
		name, from string
		to         *string
	}{{"published", r.Published, &a.Published}, {"modified", r.Modified, &a.Modified}, {"withdrawn", r.Withdrawn, &a.Withdrawn}} {
		var err error
		if *d.to, err = utcDate(d.from); err != nil {
			return nil, fmt.Errorf("parsing the OSV record %.80q: %s: %w", r.ID, d.name, err)
		}
	}
	a.Upstream = append(a.Upstream, relatedCVEs(a)...)
	for i, f := range r.Affected {
		affected, err := f.affected()
		if err != nil {
			return nil, fmt.Errorf("parsing the OSV record %.80q: affected[%d]: %w", r.ID, i, err)
		}
		if affected.Urgency == "" {
			affected.Urgency = severityPrefix(r.ID, r.Summary)
		}
		a.Affected = append(a.Affected, affected)
	}
	return a, nil
}

// utcDate reads a date in RFC 3339 and writes it in UTC. One of the year 1 means that there is none.
func utcDate(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	if year := strings.IndexByte(s, '-'); year > 0 && year < 4 { // PyPI's exports write the year 1 as "1"
		s = strings.Repeat("0", 4-year) + s
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return "", err
	}
	if t = t.UTC(); t.Year() <= 1 {
		return "", nil
	}
	return t.Format(time.RFC3339), nil
}

// affected converts an entry, and refuses one whose package or ranges are incomplete.
func (f osvAffected) affected() (Affected, error) {
	a := Affected{Ecosystem: f.Package.Ecosystem, Name: strings.TrimSpace(f.Package.Name), Versions: f.Versions, Severity: f.Severity,
		Urgency: cmp.Or(f.Specific.urgency, f.Specific.severity), Imports: f.Specific.imports}
	if err := f.checkPackage(); err != nil {
		return a, err
	}
	for i, v := range f.Versions { // each is one version, letter by letter; no version of any scheme has such characters
		if v == "" || strings.ContainsAny(v, "*<>|, \t\n") {
			return a, fmt.Errorf("versions[%d]: %.60q is no version; a range is written with events", i, v)
		}
	}
	for i, r := range f.Ranges {
		out := Range{Type: r.Type}
		for j, fields := range r.Events {
			events, err := eventsOf(fields)
			if err != nil {
				return a, fmt.Errorf("ranges[%d].events[%d]: %w", i, j, err)
			}
			out.Events = append(out.Events, events...)
		}
		a.Ranges = append(a.Ranges, out)
	}
	return a, nil
}

// checkPackage refuses an entry that no package can be matched with. Only ranges of commits need no package: nothing installed is a commit.
func (f osvAffected) checkPackage() error {
	switch p := f.Package; {
	case strings.TrimSpace(p.Ecosystem) == "" && strings.TrimSpace(p.Name) == "":
		commits := p.PURL == "" && len(f.Versions) == 0 || len(f.Ranges) > 0
		for _, r := range f.Ranges {
			commits = commits && r.Type == "GIT"
		}
		if !commits {
			return errors.New("it speaks of versions and names no package")
		}
		return nil
	case strings.TrimSpace(p.Ecosystem) == "" || strings.TrimSpace(p.Name) == "":
		return errors.New("its package lacks its ecosystem or its name")
	default:
		return checkEcosystem(p.Ecosystem)
	}
}

// eventsOf reads an event, which has one known field; early records have several in one, which are as many events.
func eventsOf(fields map[string]json.RawMessage) ([]Event, error) {
	var events []Event
	for _, name := range []string{"introduced", "fixed", "last_affected", "limit"} {
		raw, ok := fields[name]
		if !ok {
			continue
		}
		text, ok := textOf(raw)
		if !ok || text == "" {
			return nil, fmt.Errorf("%s is no version", name)
		}
		e := Event{}
		switch name {
		case "introduced":
			e.Introduced = text
		case "fixed":
			e.Fixed = text
		case "last_affected":
			e.LastAffected = text
		case "limit":
			e.Limit = text
		}
		events = append(events, e)
	}
	if len(events) == 0 || len(events) != len(fields) {
		return nil, fmt.Errorf("it has unknown fields or none: %.80q", slices.Sorted(maps.Keys(fields)))
	}
	return events, nil
}
