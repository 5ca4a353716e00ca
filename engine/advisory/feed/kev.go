package feed

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// KEVURL is where CISA publishes the catalogue (cisa.gov/known-exploited-vulnerabilities-catalog).
const KEVURL = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"

// KEV is CISA's catalogue of known exploited vulnerabilities.
type KEV struct {
	Name    string // where it came from, without credentials
	AsOf    string // RFC 3339, UTC: the catalogue's own dateReleased, else a URL's Last-Modified; "" unknown
	Entries []advisory.KEVEntry
}

// FetchKEV fetches and parses a KEV catalogue from a path or a URL (https, plain http on loopback only).
func FetchKEV(ctx context.Context, location string, o Options) (*KEV, error) {
	data, name, asOf, err := o.readLocation(ctx, location, engine.MaxCatalogue)
	if err != nil {
		return nil, fmt.Errorf("fetching the catalogue of known exploited vulnerabilities: %w", err)
	}
	k, err := ParseKEV(data)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue %s: %w", name, err)
	}
	k.Name, k.AsOf = name, cmp.Or(k.AsOf, asOf)
	return k, nil
}

// ParseKEV parses CISA's JSON (cisa.gov, known_exploited_vulnerabilities_schema.json). Entries come out sorted by CVE. An entry without a
// CVE or a day, a CVE that is listed twice, or a count that is not the number of entries is an error.
func ParseKEV(data []byte) (*KEV, error) {
	var doc struct {
		DateReleased    string `json:"dateReleased"`
		Count           *int   `json:"count"`
		Vulnerabilities []struct {
			CVE   string `json:"cveID"`
			Added string `json:"dateAdded"`
		} `json:"vulnerabilities"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("not JSON as CISA writes it: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON document")
	}
	if doc.Vulnerabilities == nil {
		return nil, errors.New(`it has no "vulnerabilities"`)
	}
	if doc.Count != nil && *doc.Count != len(doc.Vulnerabilities) {
		return nil, fmt.Errorf("it says that it has %d entries and has %d", *doc.Count, len(doc.Vulnerabilities))
	}
	k := &KEV{}
	if doc.DateReleased != "" {
		at, err := time.Parse(time.RFC3339Nano, doc.DateReleased)
		if err != nil {
			return nil, fmt.Errorf("dateReleased %s is no time", quote(doc.DateReleased))
		}
		k.AsOf = at.UTC().Format(time.RFC3339)
	}
	for i, v := range doc.Vulnerabilities {
		if !cveID.MatchString(v.CVE) {
			return nil, fmt.Errorf("entry %d: %s is no CVE id", i+1, quote(v.CVE))
		}
		if _, err := time.Parse(time.DateOnly, v.Added); err != nil {
			return nil, fmt.Errorf("entry %d (%s): dateAdded %s is no day", i+1, v.CVE, quote(v.Added))
		}
		k.Entries = append(k.Entries, advisory.KEVEntry{CVE: v.CVE, Added: v.Added})
	}
	slices.SortFunc(k.Entries, func(a, b advisory.KEVEntry) int { return strings.Compare(a.CVE, b.CVE) })
	for i := 1; i < len(k.Entries); i++ {
		if k.Entries[i].CVE == k.Entries[i-1].CVE {
			return nil, fmt.Errorf("%s is in it twice", k.Entries[i].CVE)
		}
	}
	return k, nil
}
