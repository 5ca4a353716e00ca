// Package feed reads upstream vulnerability feeds: OSV's bulk exports and CISA's catalogue of known exploited
// vulnerabilities. Fetching and parsing are apart, so that a mirror, a directory and a zip are one thing. What a feed sends is
// hostile until parsed: every size is limited, and one record that does not parse fails the whole feed, because a database
// with a hole in it would call vulnerable packages clean.
package feed

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// Bucket is where OSV publishes an export per ecosystem (google.github.io/osv.dev/data).
const Bucket = "https://osv-vulnerabilities.storage.googleapis.com"

// Progress says how far a long step is. Total is 0 while it is unknown; the unit is bytes for a download, else records.
type Progress struct {
	Step  string // "download", "read", "write"
	What  string // "Debian"
	Done  int64
	Total int64
}

// Options say how feeds are fetched.
type Options struct {
	Client    *http.Client   // nil is one with time limits of its own, and without proxies
	UserAgent string         // "" is Go's
	Dir       string         // where a download is kept until its export is closed; "" is the system's place for temporary files
	Progress  func(Progress) // may be nil; called from one goroutine at a time
	Attempts  int            // per request; 0 is 4
	Pause     time.Duration  // before the second attempt, doubled before each later one; 0 is 1 s
	Stall     time.Duration  // a connection that sends nothing for so long is given up; 0 is 30 s
	Limit     int64          // bytes of one download; 0 is engine.MaxFeed
}

func (o Options) report(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// Source holds OSV exports: a directory or an HTTPS base laid out as OSV's bucket is (<ecosystem>/all.zip, ecosystems.txt), or
// one zip with the records of any ecosystems.
type Source struct {
	name string
	base *url.URL // of an HTTPS base
	dir  string
	zip  string
	o    Options
}

// Open looks at what location is, without reading an export yet: "" is OSV's bucket, a URL an HTTPS base (plain HTTP on
// loopback only), else a directory or a zip. Errors: engine.UsageError when it is none of these.
func Open(location string, o Options) (*Source, error) {
	if location == "" {
		location = Bucket
	}
	s := &Source{name: location, o: o}
	if strings.Contains(location, "://") {
		u, err := parseURL(location)
		if err != nil {
			return nil, err
		}
		s.base = u
		s.name = u.Redacted()
		return s, nil
	}
	info, err := os.Stat(location)
	switch {
	case err != nil:
		return nil, engine.Hint(engine.Usage("opening the advisory source %s: %w", location, err), "--source takes an https URL, a directory laid out as <ecosystem>/all.zip, or a zip")
	case info.IsDir():
		s.dir = location
	case info.Mode().IsRegular():
		s.zip = location
	default:
		return nil, engine.Usage("the advisory source %s is neither a directory nor a zip", location)
	}
	return s, nil
}

// Name is the location, without credentials.
func (s *Source) Name() string { return s.name }

// ecosystemName is what may stand in a path or URL; OSV's own names fit it ("Red Hat", "crates.io", "Ubuntu:22.04:LTS").
var ecosystemName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._+:-]*$`)

// Ecosystems lists what the source has, sorted, without releases.
func (s *Source) Ecosystems(ctx context.Context) ([]string, error) {
	if s.zip != "" {
		return s.zipEcosystems(ctx)
	}
	data, err := s.readList(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the ecosystems of %s: %w", s.name, err)
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "[") {
			continue // OSV lists "[EMPTY]" for records without an ecosystem
		}
		if !ecosystemName.MatchString(line) {
			return nil, fmt.Errorf("listing the ecosystems of %s: ecosystems.txt names %q, which is no ecosystem's name", s.name, line)
		}
		base, _ := engine.SplitEcosystem(line)
		names = append(names, base)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, engine.Hint(fmt.Errorf("%s has no ecosystem", s.name), "expected <ecosystem>/all.zip below it")
	}
	return names, nil
}

// readList returns ecosystems.txt, or for a directory without one the names of the folders that hold an export.
func (s *Source) readList(ctx context.Context) ([]byte, error) {
	if s.base != nil {
		data, _, err := s.o.get(ctx, s.base.JoinPath("ecosystems.txt").String(), engine.MaxEcosystemList)
		return data, err
	}
	data, err := readFile(filepath.Join(s.dir, "ecosystems.txt"), engine.MaxEcosystemList)
	if !os.IsNotExist(err) {
		return data, err
	}
	found, err := filepath.Glob(filepath.Join(escapeGlob(s.dir), "*", "all.zip"))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, f := range found {
		b.WriteString(filepath.Base(filepath.Dir(f)) + "\n")
	}
	return []byte(b.String()), nil
}

func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func (s *Source) zipEcosystems(ctx context.Context) ([]string, error) {
	x, err := s.openFile(s.zip, "")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	err = x.Each(ctx, func(a *advisory.Advisory) error {
		for _, affected := range a.Affected {
			base, _ := engine.SplitEcosystem(affected.Ecosystem)
			seen[base] = base != ""
		}
		return nil
	})
	if e := x.Close(); err == nil {
		err = e
	}
	var names []string
	for n, ok := range seen {
		if ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, err
}

// Export is one ecosystem's records, fetched and not yet parsed.
type Export struct {
	Name string // where it came from, without credentials
	AsOf string // RFC 3339, UTC; "" when the source does not date it: a file's modification time is a date of copying
	// Ecosystem is the one that was asked for, without a release. A record may speak of others as well.
	Ecosystem string

	file *os.File
	size int64
	temp bool
	o    Options
}

// Export fetches the export of an ecosystem (without a release). The caller closes it.
func (s *Source) Export(ctx context.Context, ecosystem string) (*Export, error) {
	if !ecosystemName.MatchString(ecosystem) || strings.Contains(ecosystem, ":") {
		return nil, engine.Usage("%q is no ecosystem's name", ecosystem)
	}
	switch {
	case s.zip != "":
		return s.openFile(s.zip, ecosystem)
	case s.dir != "":
		return s.openFile(filepath.Join(s.dir, ecosystem, "all.zip"), ecosystem)
	}
	where := s.base.JoinPath(ecosystem, "all.zip")
	f, asOf, err := s.o.download(ctx, where.String(), ecosystem)
	if err != nil {
		return nil, fmt.Errorf("fetching the %s advisories: %w", ecosystem, err)
	}
	x := &Export{Name: where.Redacted(), AsOf: asOf, Ecosystem: ecosystem, file: f, temp: true, o: s.o}
	if x.size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, closing(x, err)
	}
	return x, nil
}

func (s *Source) openFile(path, ecosystem string) (*Export, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the %s advisories: %w", ecosystem, err)
	}
	x := &Export{Name: path, Ecosystem: ecosystem, file: f, o: s.o}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, closing(x, err)
	case !info.Mode().IsRegular():
		return nil, closing(x, fmt.Errorf("opening the advisories: %s is no regular file", path))
	case info.Size() > s.o.limit():
		return nil, closing(x, &engine.LimitError{What: "size of " + path, Limit: s.o.limit()})
	}
	x.size = info.Size()
	return x, nil
}

func closing(x *Export, err error) error {
	if e := x.Close(); e != nil {
		return fmt.Errorf("%w (and %w)", err, e)
	}
	return err
}

// Close gives the export back; a download is deleted.
func (x *Export) Close() error {
	err := x.file.Close()
	if x.temp {
		if e := os.Remove(x.file.Name()); err == nil {
			err = e
		}
	}
	return err
}

// Each parses every record and hands it over, in the order of the zip. The first record or entry that does not parse is an error
// that names it.
func (x *Export) Each(ctx context.Context, visit func(*advisory.Advisory) error) error {
	entries, err := openZip(x.file, x.size, x.Name)
	if err != nil {
		return err
	}
	ids := make(map[string]string, len(entries))
	for i, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := e.parse()
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(e.name), x.Name, err)
		}
		if other, twice := ids[a.ID]; twice {
			return fmt.Errorf("reading %s: %s and %s both hold the record %q", x.Name, quote(other), quote(e.name), a.ID)
		}
		ids[a.ID] = e.name
		if err := visit(a); err != nil {
			return err
		}
		if (i+1)%256 == 0 || i+1 == len(entries) {
			x.o.report(Progress{Step: "read", What: x.Ecosystem, Done: int64(i + 1), Total: int64(len(entries))})
		}
	}
	return nil
}
