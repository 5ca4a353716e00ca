package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// asOfFile is the file of a directory of OSV records that has the date of the data: one line, RFC 3339 or a day. Without it the date is
// unknown.
const asOfFile = "as_of.txt"

// kevFiles are the names that CISA's catalogue may have, at any depth.
func kevFiles() []string {
	return []string{"kev.json", "known_exploited_vulnerabilities.json"}
}

// openDirectory reads a directory of OSV records, at any depth, into memory. It is used like a database that was built from them.
func openDirectory(dir string) (*DB, error) {
	d := &DB{dir: dir, manifest: &manifest{SchemaVersion: schemaVersion}, handles: map[string]*shardHandle{}}
	g := newShardRecords()
	files, err := listDirectory(dir)
	if err != nil && len(recordExports(dir)) > 0 && (files == nil || len(files.json) == 0) {
		return nil, noRecords(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the advisories in %s: %w", dir, err)
	}
	records := 0
	seen := map[string]string{}
	for _, path := range files.json {
		if slices.Contains(kevFiles(), filepath.Base(path)) {
			if d.manifest.KEV != nil {
				return nil, fmt.Errorf("reading the advisories in %s: it has two catalogues of known exploited vulnerabilities", dir)
			}
			if err := d.addKEV(path); err != nil {
				return nil, err
			}
			continue
		}
		a, err := readRecord(path)
		if err != nil {
			return nil, engine.Hint(fmt.Errorf("reading the advisory %s: %w", path, err),
				"a directory of advisories holds OSV records, kev.json and %s, and no other .json file", asOfFile)
		}
		if other, twice := seen[a.ID]; twice {
			return nil, fmt.Errorf("reading the advisory %s: %s holds the record %q too", path, other, a.ID)
		}
		seen[a.ID] = path
		if err := g.add(a, ""); err != nil {
			return nil, fmt.Errorf("reading the advisory %s: %w", path, err)
		}
		records++
	}
	if records == 0 {
		return nil, noRecords(dir)
	}
	if err := d.addRecords(g); err != nil {
		return nil, err
	}
	if err := d.addEPSS(files.scores); err != nil {
		return nil, err
	}
	return d, nil
}

// addEPSS adds FIRST's scores, if the directory has them.
func (d *DB) addEPSS(lists []string) error {
	if len(lists) == 0 {
		return nil
	}
	if len(lists) > 1 {
		return fmt.Errorf("reading the advisories in %s: %s and %s are both lists of FIRST's scores", d.dir, lists[0], lists[1])
	}
	path := lists[0]
	data, err := engine.ReadLimited(path, engine.MaxCatalogue)
	var e *feed.EPSS
	if err == nil {
		e, err = feed.ParseEPSS(data)
	}
	var pairs []pair
	if err == nil {
		pairs, err = epssPairs(e.Scores)
	}
	if err != nil {
		return fmt.Errorf("reading the EPSS scores %s: %w", path, err)
	}
	info := d.addTable(epssName, pairs, ShardInfo{Advisories: len(e.Scores), AsOf: e.AsOf})
	d.manifest.EPSS = &info
	return nil
}

// recordExports lists the exports of a mirror of OSV's bucket.
func recordExports(dir string) []string {
	exports, err := filepath.Glob(filepath.Join(dir, "*", "all.zip"))
	if err != nil {
		return nil
	}
	return exports
}

// noRecords is the error of a directory without OSV records. It tells a mirror of OSV's exports, from which a database can be built.
func noRecords(dir string) error {
	err := fmt.Errorf("%w in %s: neither %s nor OSV records", ErrNone, dir, manifestName)
	if len(recordExports(dir)) > 0 {
		return engine.Hint(fmt.Errorf("%w; it holds exports to build one from", err),
			"run: veto db update --source %s, with another --db", shellWord(dir))
	}
	return hintUpdate(err, dir)
}

// readRecord reads a file with one OSV record.
func readRecord(path string) (*advisory.Advisory, error) {
	data, err := engine.ReadLimited(path, engine.MaxAdvisory)
	if err != nil {
		return nil, err
	}
	return advisory.ParseOSV(data)
}

// addKEV adds CISA's catalogue.
func (d *DB) addKEV(path string) error {
	data, err := engine.ReadLimited(path, engine.MaxCatalogue)
	if err != nil {
		return fmt.Errorf("reading the catalogue %s: %w", path, err)
	}
	k, err := feed.ParseKEV(data)
	if err != nil {
		return fmt.Errorf("reading the catalogue %s: %w", path, err)
	}
	info := d.addTable(kevName, kevPairs(k.Entries), ShardInfo{Advisories: len(k.Entries), AsOf: k.AsOf})
	d.manifest.KEV = &info
	return nil
}

// addRecords adds a shard for each ecosystem and release, and their ratings.
func (d *DB) addRecords(g *shardRecords) error {
	asOf, err := readAsOf(filepath.Join(d.dir, asOfFile))
	if err != nil {
		return err
	}
	g.copyToReleases()
	ratings := newRatingsTable()
	for _, ecosystem := range g.ecosystems() {
		records := g.byShard[ecosystem]
		pairs, packages := recordPairs(ecosystem, records)
		info := d.addTable(ecosystem, pairs, ShardInfo{Advisories: len(records), Packages: packages, AsOf: asOf})
		d.manifest.Shards = append(d.manifest.Shards, info)
		for _, a := range records {
			ratings.add(a)
		}
	}
	info := d.addTable(ratingsName, ratings.pairs(), ShardInfo{Advisories: len(ratings.records)})
	d.manifest.Ratings = &info
	return nil
}

// addTable adds a shard that is in memory, and completes its description.
func (d *DB) addTable(ecosystem string, pairs []pair, info ShardInfo) ShardInfo {
	t := &memoryTable{pairs}
	info.Ecosystem, info.Digest, info.Source = ecosystem, t.digest(), d.dir
	for _, p := range pairs {
		info.Size += int64(len(p.key) + len(p.value))
	}
	h := &shardHandle{table: t}
	h.once.Do(func() {}) // it is open
	d.handles[ecosystem] = h
	return info
}

// readAsOf reads asOfFile, "" when it is absent.
func readAsOf(path string) (string, error) {
	data, err := engine.ReadLimited(path, 1024)
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the date of the advisories: %w", err)
	}
	asOf, err := parseAsOf(strings.TrimSpace(string(data)))
	if err != nil {
		return "", fmt.Errorf("reading the date of the advisories: %s: %w", path, err)
	}
	return asOf, nil
}

// parseAsOf parses RFC 3339, or a day, which means its beginning in UTC, and writes it in RFC 3339 and UTC.
func parseAsOf(s string) (string, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
	}
	return "", engine.Hint(engine.Usage("%.80q is no date", s), "write 2026-11-23 or 2026-11-23T10:00:00Z")
}
