package feed

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// EPSSURL is where FIRST publishes today's scores (first.org/epss/data_stats).
const EPSSURL = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"

// EPSS is FIRST's list of scores.
type EPSS struct {
	Name   string // where it came from, without credentials
	AsOf   string // RFC 3339, UTC: the list's own score_date, else a URL's Last-Modified; "" unknown
	Scores []advisory.EPSSScore
}

// FetchEPSS fetches and parses a list of EPSS scores, plain or in gzip, from a path or a URL (https, plain http on loopback only).
func FetchEPSS(ctx context.Context, location string, o Options) (*EPSS, error) {
	data, name, asOf, err := o.readLocation(ctx, location, engine.MaxCatalogue)
	if err != nil {
		return nil, fmt.Errorf("fetching the EPSS scores: %w", err)
	}
	e, err := ParseEPSS(data)
	if err != nil {
		return nil, fmt.Errorf("reading the EPSS scores %s: %w", name, err)
	}
	e.Name, e.AsOf = name, cmp.Or(e.AsOf, asOf)
	return e, nil
}

// readLocation reads a path or a URL into memory. name is location without credentials, asOf a URL's Last-Modified.
func (o Options) readLocation(ctx context.Context, location string, limit int64) (data []byte, name, asOf string, err error) {
	if !strings.Contains(location, "://") {
		data, err = engine.ReadLimited(location, limit)
		return data, location, "", err
	}
	u, err := parseURL(location)
	if err != nil {
		return nil, location, "", err
	}
	data, asOf, err = o.get(ctx, u.String(), limit)
	return data, engine.MaskAddresses(u.String()), asOf, err
}

// ParseEPSS parses FIRST's CSV, plain or in gzip: a line "#model_version:…,score_date:…" (lists before 2022 have none), the names of
// the columns, then a line for each CVE. Scores come out sorted by CVE. A line that is none of these is an error that names it; so are a
// CVE that is listed twice, and a last line without a line end, with which a list ends that was cut off.
func ParseEPSS(data []byte) (*EPSS, error) {
	data, err := gunzip(data, engine.MaxScoresText)
	if err != nil {
		return nil, err
	}
	e := &EPSS{}
	rest := string(data)
	number := 0
	next := func() (line string, ok bool) {
		number++
		line, rest, ok = strings.Cut(rest, "\n")
		return strings.TrimSuffix(line, "\r"), ok
	}
	line, _ := next()
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		if e.AsOf, err = scoreDate(comment); err != nil {
			return nil, err
		}
		line, _ = next()
	}
	if line != "cve,epss,percentile" {
		return nil, fmt.Errorf("line %d: %s are not the columns cve,epss,percentile", number, quote(line))
	}
	for rest != "" {
		line, ended := next()
		if !ended {
			return nil, fmt.Errorf("line %d has no end: the list is cut off", number)
		}
		s, err := parseScore(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if e.Scores = append(e.Scores, s); len(e.Scores) > engine.MaxScores {
			return nil, &engine.LimitError{What: "number of scores", Limit: engine.MaxScores}
		}
	}
	if len(e.Scores) == 0 {
		return nil, errors.New("it has no scores")
	}
	slices.SortFunc(e.Scores, func(a, b advisory.EPSSScore) int { return strings.Compare(a.CVE, b.CVE) })
	for i := 1; i < len(e.Scores); i++ {
		if e.Scores[i].CVE == e.Scores[i-1].CVE {
			return nil, fmt.Errorf("%s is in it twice", e.Scores[i].CVE)
		}
	}
	return e, nil
}

// scoreDate returns the date of the comment in UTC, "" without one. FIRST has written time zones with and without a colon.
func scoreDate(comment string) (string, error) {
	for part := range strings.SplitSeq(comment, ",") {
		text, ok := strings.CutPrefix(part, "score_date:")
		if !ok {
			continue
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", time.DateOnly} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.UTC().Format(time.RFC3339), nil
			}
		}
		return "", fmt.Errorf("score_date %s is no time", quote(text))
	}
	return "", nil
}

// parseScore parses "CVE-2026-1001,0.00043,0.12345".
func parseScore(line string) (s advisory.EPSSScore, err error) {
	fields := strings.Split(line, ",")
	if len(fields) != 3 {
		return s, fmt.Errorf("%s is not a CVE with its score and percentile", quote(line))
	}
	if s.CVE = fields[0]; !cveID.MatchString(s.CVE) {
		return s, fmt.Errorf("%s is no CVE id", quote(s.CVE))
	}
	for i, to := range []*float64{&s.Score, &s.Percentile} {
		text := fields[i+1]
		if *to, err = strconv.ParseFloat(text, 64); err != nil || !(*to >= 0 && *to <= 1) {
			return s, fmt.Errorf("%s of %s is no number from 0 to 1", quote(text), s.CVE)
		}
	}
	return s, nil
}

// gunzip inflates data that begins like gzip (RFC 1952, 2.3.1), up to limit bytes, and returns any other data unchanged.
func gunzip(data []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("inflating it: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("inflating it: %w", err)
	}
	if int64(len(out)) > limit {
		return nil, &engine.LimitError{What: "inflated size", Limit: limit}
	}
	return out, nil
}
