package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// CVEs are what the CVE List and the NVD say of CVEs: how bad they are, and their weaknesses.
type CVEs struct {
	Name     string
	AsOf     string // RFC 3339, UTC: the date of the export where it says one
	Assessed []advisory.CVERecord
}

// cveRecord is how the CVE List (github.com/CVEProject/cvelistV5) calls its files.
var cveRecord = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}\.json$`)

// Assessments reads records of the CVE List (CVE JSON 5) and exports of the NVD (API 2.0), as a folder, a zip or one file, the files
// packed by gzip or not. Of the CVE List's own lists of changes only the date is read.
func Assessments(ctx context.Context, location string, o Options) (*CVEs, error) {
	g := &assessing{byCVE: map[string]*advisory.CVERecord{}}
	info, err := os.Stat(location)
	switch {
	case err != nil:
		err = engine.Hint(engine.Usage("opening the CVE records %s: %w", location, err), "--source cve= takes a folder, a zip, or a .json file")
	case info.IsDir():
		err = g.folder(ctx, location)
	case strings.HasSuffix(location, ".zip"):
		err = g.zip(ctx, location, o)
	default:
		err = g.file(location)
	}
	if err != nil {
		return nil, err
	}
	if len(g.byCVE) == 0 {
		return nil, fmt.Errorf("reading the CVE records in %s: there is none", location)
	}
	c := &CVEs{Name: location, AsOf: g.asOf}
	for _, a := range g.byCVE {
		slices.SortFunc(a.Assessments, func(x, y advisory.Assessment) int { return strings.Compare(x.By, y.By) })
		c.Assessed = append(c.Assessed, *a)
	}
	slices.SortFunc(c.Assessed, func(a, b advisory.CVERecord) int { return strings.Compare(a.CVE, b.CVE) })
	return c, nil
}

// assessing collects what files say.
type assessing struct {
	byCVE map[string]*advisory.CVERecord
	asOf  string
}

func (g *assessing) folder(ctx context.Context, dir string) error {
	root, err := os.OpenRoot(dir) // links may not lead out of it
	if err != nil {
		return fmt.Errorf("reading the CVE records: %w", err)
	}
	files := 0
	err = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && name != "." {
			return fs.SkipDir
		}
		if e.IsDir() || !strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".json.gz") {
			return nil
		}
		if files++; files > engine.MaxFeedRecords {
			return &engine.LimitError{What: "files in " + dir, Limit: engine.MaxFeedRecords}
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(f, engine.MaxCVEFile+1))
		if err = errors.Join(err, f.Close()); err == nil {
			err = g.add(path.Base(name), data)
		}
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(name), dir, err)
		}
		return nil
	})
	return errors.Join(err, root.Close())
}

func (g *assessing) file(location string) error {
	data, err := readFile(location, engine.MaxCVEFile)
	if err == nil {
		err = g.add(filepath.Base(location), data)
	}
	if err != nil {
		return fmt.Errorf("reading the CVE records %s: %w", location, err)
	}
	return nil
}

func (g *assessing) zip(ctx context.Context, location string, o Options) (err error) {
	s := &Source{name: location, zip: location, o: o}
	x, err := s.openFile(location, "CVE")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	entries, err := openZip(x.file, x.size, location)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := e.body()
		if err == nil {
			err = g.add(path.Base(e.name), body)
		}
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(e.name), location, err)
		}
		if (i+1)%4096 == 0 || i+1 == len(entries) {
			o.report(Progress{Step: "read", What: "CVE", Done: int64(i + 1), Total: int64(len(entries))})
		}
	}
	return nil
}

// add reads one file.
func (g *assessing) add(name string, data []byte) error {
	if int64(len(data)) > engine.MaxCVEFile {
		return &engine.LimitError{What: "size of a file", Limit: engine.MaxCVEFile}
	}
	data, err := inflated(data, engine.MaxCVEFile)
	if err != nil {
		return err
	}
	if err := engine.CheckDepth(data); err != nil {
		return err
	}
	switch {
	case name == "delta.json":
		return g.changes(data)
	case name == "deltaLog.json", name == "recent_activities.json":
		return nil
	case cveRecord.MatchString(strings.TrimSuffix(name, ".gz")):
		return g.record(data)
	}
	var kind struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if kind.Format == "NVD_CVE" {
		return g.nvd(data)
	}
	return g.record(data)
}

func (g *assessing) changes(data []byte) error {
	var doc struct {
		At string `json:"fetchTime"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return g.dated(doc.At)
}

// dated remembers the newest date that an export says of itself.
func (g *assessing) dated(text string) error {
	at, err := utc(text)
	g.asOf = max(g.asOf, at)
	return err
}

// utc reads a time; the NVD writes none of its zones and means UTC.
func utc(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
	}
	return "", fmt.Errorf("%s is no time", quote(text))
}

// note keeps what one source says of a CVE; of two exports with the same, the second adds what is new.
func (g *assessing) note(cve, published string, by advisory.Assessment) error {
	if !cveID.MatchString(cve) {
		return fmt.Errorf("%s is no CVE id", quote(cve))
	}
	slices.Sort(by.CWEs)
	by.CWEs = slices.Compact(by.CWEs)
	if len(by.CWEs)+len(by.Ratings) == 0 {
		return nil
	}
	a := g.byCVE[cve]
	if a == nil {
		if len(g.byCVE) >= engine.MaxFeedRecords {
			return &engine.LimitError{What: "number of CVEs", Limit: engine.MaxFeedRecords}
		}
		a = &advisory.CVERecord{CVE: cve, Published: published}
		g.byCVE[cve] = a
	}
	i := slices.IndexFunc(a.Assessments, func(o advisory.Assessment) bool { return o.By == by.By })
	if i < 0 {
		a.Assessments = append(a.Assessments, by)
		return nil
	}
	own := &a.Assessments[i]
	for _, r := range by.Ratings {
		if !slices.Contains(own.Ratings, r) {
			own.Ratings = append(own.Ratings, r)
		}
	}
	own.CWEs = append(own.CWEs, by.CWEs...)
	slices.Sort(own.CWEs)
	own.CWEs = slices.Compact(own.CWEs)
	return nil
}
