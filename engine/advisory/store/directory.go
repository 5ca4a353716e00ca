package store

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
	"github.com/vetoci/veto/engine/advisory/feed"
)

// The files of a directory of OSV records that are no records.
const asOfFile = "as_of.txt" // one line: the date of the data, RFC 3339 or a day. Without it the date is unknown

func catalogueFiles() []string {
	return []string{"kev.json", "known_exploited_vulnerabilities.json"} // CISA's catalogue, under either name
}

// scoreFiles are the names under which FIRST's scores may lie right in the directory, the first that is there.
func scoreFiles() []string {
	return []string{"epss.csv", "epss.csv.gz", "epss_scores-current.csv", "epss_scores-current.csv.gz"}
}

// openDirectory reads a directory of OSV records, at any depth, into memory. It behaves as a database that was built from them.
func openDirectory(dir string) (*DB, error) {
	d := &DB{dir: dir, man: &manifest{SchemaVersion: schemaVersion}, opened: map[string]*opening{}}
	g := newGathering()
	files, err := jsonFiles(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the advisories in %s: %w", dir, err)
	}
	records := 0
	seen := map[string]string{}
	for _, path := range files {
		if slices.Contains(catalogueFiles(), filepath.Base(path)) {
			if d.man.KEV != nil {
				return nil, fmt.Errorf("reading the advisories in %s: it has two catalogues of known exploited vulnerabilities", dir)
			}
			if err := d.keepCatalogue(path); err != nil {
				return nil, err
			}
			continue
		}
		a, err := readRecord(path)
		if err != nil {
			return nil, engine.Hint(fmt.Errorf("reading the advisory %s: %w", path, err), "a directory of advisories holds OSV records, kev.json and %s, and no other .json file", asOfFile)
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
	if err := d.keepRecords(g); err != nil {
		return nil, err
	}
	if err := d.keepScores(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *DB) keepScores() error {
	for _, name := range scoreFiles() {
		path := filepath.Join(d.dir, name)
		data, err := readLimited(path, engine.MaxCatalogue)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the EPSS scores %s: %w", path, err)
		}
		e, err := feed.ParseEPSS(data)
		if err != nil {
			return fmt.Errorf("reading the EPSS scores %s: %w", path, err)
		}
		pairs, err := scorePairs(e.Scores)
		if err != nil {
			return fmt.Errorf("reading the EPSS scores %s: %w", path, err)
		}
		info := d.keep(scoresName, pairs, len(e.Scores), 0, e.AsOf)
		d.man.EPSS = &info
		return nil
	}
	return nil
}

// noRecords tells a mirror of OSV's exports, which has to be built first, from a directory that has nothing.
func noRecords(dir string) error {
	err := fmt.Errorf("%w in %s: neither %s nor OSV records", ErrNone, dir, manifestName)
	if exports, e := filepath.Glob(filepath.Join(dir, "*", "all.zip")); e == nil && len(exports) > 0 {
		return engine.Hint(fmt.Errorf("%w; it holds exports to build one from", err), "run: veto db update --source %s, with another --db", shellWord(dir))
	}
	return update(err, dir)
}

// jsonFiles lists the .json files below dir in lexical order, without hidden folders (a mounted Kubernetes ConfigMap has its files twice, once
// in one).
func jsonFiles(dir string) ([]string, error) {
	root, err := filepath.EvalSymlinks(dir) // WalkDir does not enter a link
	if err != nil {
		return nil, err
	}
	var files []string
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if path != root && strings.HasPrefix(e.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".json") {
			return nil
		}
		if files = append(files, path); len(files) > engine.MaxOSVFiles {
			return &engine.LimitError{What: "files in " + dir, Limit: engine.MaxOSVFiles}
		}
		return nil
	})
	return files, err
}

func readRecord(path string) (*advisory.Advisory, error) {
	data, err := readLimited(path, engine.MaxAdvisory)
	if err != nil {
		return nil, err
	}
	return advisory.ParseOSV(data)
}

func (d *DB) keepCatalogue(path string) error {
	data, err := readLimited(path, engine.MaxCatalogue)
	if err != nil {
		return fmt.Errorf("reading the catalogue %s: %w", path, err)
	}
	k, err := feed.ParseKEV(data)
	if err != nil {
		return fmt.Errorf("reading the catalogue %s: %w", path, err)
	}
	pairs, err := cataloguePairs(k.Entries)
	if err != nil {
		return err
	}
	info := d.keep(catalogueName, pairs, len(k.Entries), 0, k.AsOf)
	d.man.KEV = &info
	return nil
}

func (d *DB) keepRecords(g *gathering) error {
	asOf, err := readAsOf(filepath.Join(d.dir, asOfFile))
	if err != nil {
		return err
	}
	g.spread()
	joined := newRatings()
	for _, ecosystem := range g.ecosystems() {
		records := g.shards[ecosystem]
		pairs, packages, err := recordPairs(ecosystem, records)
		if err != nil {
			return err
		}
		d.man.Shards = append(d.man.Shards, d.keep(ecosystem, pairs, len(records), packages, asOf))
		for _, a := range records {
			joined.add(a)
		}
	}
	pairs, err := joined.pairs()
	if err != nil {
		return err
	}
	info := d.keep(ratingsName, pairs, len(joined.records), 0, "")
	d.man.Ratings = &info
	return nil
}

// keep makes a table in memory an opened shard.
func (d *DB) keep(ecosystem string, pairs []pair, advisories, packages int, asOf string) ShardInfo {
	t := &memory{pairs}
	size := int64(0)
	for _, p := range pairs {
		size += int64(len(p.key) + len(p.value))
	}
	o := &opening{table: t}
	o.once.Do(func() {})
	d.opened[ecosystem] = o
	return ShardInfo{Ecosystem: ecosystem, Digest: t.digest(), Size: size, Advisories: advisories, Packages: packages, AsOf: asOf, Source: d.dir}
}

func readAsOf(path string) (string, error) {
	data, err := readLimited(path, 1024)
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

// parseAsOf reads RFC 3339, or a day, which means its beginning in UTC.
func parseAsOf(s string) (string, error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
	}
	return "", engine.Hint(engine.Usage("%.80q is no date", s), "write 2026-11-23 or 2026-11-23T10:00:00Z")
}
