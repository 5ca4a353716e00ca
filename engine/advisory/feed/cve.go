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
	Name    string               // where they came from
	AsOf    string               // RFC 3339, UTC: the newest date that an export says of itself; "" unknown
	Records []advisory.CVERecord // sorted by CVE
}

// cveFileName matches the names of the records of the CVE List (github.com/CVEProject/cvelistV5).
var cveFileName = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}\.json$`)

// ReadCVEs reads records of the CVE List (CVE JSON 5) and exports of the NVD (API 2.0) from a folder, a zip or one file; the files may be
// in gzip. Of the CVE List's own lists of changes it reads only the date. Without a record it is an error.
func ReadCVEs(ctx context.Context, location string, o Options) (*CVEs, error) {
	r := &cveReader{byCVE: map[string]*advisory.CVERecord{}}
	info, err := os.Stat(location)
	switch {
	case err != nil:
		err = engine.Hint(engine.Usage("opening the CVE records %s: %w", location, err), "--source cve= takes a folder, a zip, or a .json file")
	case info.IsDir():
		err = r.readFolder(ctx, location)
	case strings.HasSuffix(location, ".zip"):
		err = r.readZip(ctx, location, o)
	default:
		err = r.readFile(location)
	}
	if err != nil {
		return nil, err
	}
	if len(r.byCVE) == 0 {
		return nil, fmt.Errorf("reading the CVE records in %s: there is none", location)
	}
	c := &CVEs{Name: location, AsOf: r.asOf}
	for _, a := range r.byCVE {
		slices.SortFunc(a.Assessments, func(x, y advisory.Assessment) int { return strings.Compare(x.By, y.By) })
		c.Records = append(c.Records, *a)
	}
	slices.SortFunc(c.Records, func(a, b advisory.CVERecord) int { return strings.Compare(a.CVE, b.CVE) })
	return c, nil
}

// cveReader collects what the files say.
type cveReader struct {
	byCVE map[string]*advisory.CVERecord
	asOf  string // RFC 3339, UTC
}

func (r *cveReader) readFolder(ctx context.Context, dir string) error {
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
			err = r.readDocument(path.Base(name), data)
		}
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(name), dir, err)
		}
		return nil
	})
	return errors.Join(err, root.Close())
}

func (r *cveReader) readFile(location string) error {
	data, err := engine.ReadLimited(location, engine.MaxCVEFile)
	if err == nil {
		err = r.readDocument(filepath.Base(location), data)
	}
	if err != nil {
		return fmt.Errorf("reading the CVE records %s: %w", location, err)
	}
	return nil
}

func (r *cveReader) readZip(ctx context.Context, location string, o Options) (err error) {
	x, err := openExport(location, "CVE", o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	files, err := listZip(x.file, x.size, location)
	if err != nil {
		return err
	}
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := f.read()
		if err == nil {
			err = r.readDocument(path.Base(f.Name), body)
		}
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(f.Name), location, err)
		}
		if (i+1)%4096 == 0 || i+1 == len(files) {
			o.report(Progress{Step: "read", What: "CVE", Done: int64(i + 1), Total: int64(len(files))})
		}
	}
	return nil
}

// readDocument reads one file, whose kind its name and its content tell.
func (r *cveReader) readDocument(name string, data []byte) error {
	if int64(len(data)) > engine.MaxCVEFile {
		return &engine.LimitError{What: "size of a file", Limit: engine.MaxCVEFile}
	}
	data, err := gunzip(data, engine.MaxCVEFile)
	if err != nil {
		return err
	}
	if err := engine.CheckDepth(data); err != nil {
		return err
	}
	switch {
	case name == "delta.json":
		return r.readDelta(data)
	case name == "deltaLog.json", name == "recent_activities.json":
		return nil
	case cveFileName.MatchString(strings.TrimSuffix(name, ".gz")):
		return r.readCVE5(data)
	}
	var kind struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &kind); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if kind.Format == "NVD_CVE" {
		return r.readNVD(data)
	}
	return r.readCVE5(data)
}

// readDelta reads the date of the CVE List's list of changes.
func (r *cveReader) readDelta(data []byte) error {
	var doc struct {
		At string `json:"fetchTime"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return r.noteDate(doc.At)
}

// noteDate remembers the newest date that an export says of itself.
func (r *cveReader) noteDate(text string) error {
	at, err := utcTime(text)
	r.asOf = max(r.asOf, at)
	return err
}

// utcTime parses a time and writes it in RFC 3339 and UTC, "" for "". The NVD writes no zones, and means UTC.
func utcTime(text string) (string, error) {
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

// add adds an assessment of a CVE. To an earlier one by the same party it adds what is new.
func (r *cveReader) add(cve, published string, a advisory.Assessment) error {
	if !cveID.MatchString(cve) {
		return fmt.Errorf("%s is no CVE id", quote(cve))
	}
	slices.Sort(a.CWEs)
	a.CWEs = slices.Compact(a.CWEs)
	if len(a.CWEs)+len(a.Ratings) == 0 {
		return nil
	}
	rec := r.byCVE[cve]
	if rec == nil {
		if len(r.byCVE) >= engine.MaxFeedRecords {
			return &engine.LimitError{What: "number of CVEs", Limit: engine.MaxFeedRecords}
		}
		rec = &advisory.CVERecord{CVE: cve, Published: published}
		r.byCVE[cve] = rec
	}
	i := slices.IndexFunc(rec.Assessments, func(other advisory.Assessment) bool { return other.By == a.By })
	if i < 0 {
		rec.Assessments = append(rec.Assessments, a)
		return nil
	}
	earlier := &rec.Assessments[i]
	for _, rating := range a.Ratings {
		if !slices.Contains(earlier.Ratings, rating) {
			earlier.Ratings = append(earlier.Ratings, rating)
		}
	}
	earlier.CWEs = append(earlier.CWEs, a.CWEs...)
	slices.Sort(earlier.CWEs)
	earlier.CWEs = slices.Compact(earlier.CWEs)
	return nil
}
