package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// OSVURL is where OSV publishes an export per ecosystem (google.github.io/osv.dev/data).
const OSVURL = "https://osv-vulnerabilities.storage.googleapis.com"

// OSV is a place that has OSV exports: a directory or an HTTPS base with the layout of OSV's bucket (<ecosystem>/all.zip, ecosystems.txt),
// or one zip with the records of any ecosystems.
type OSV struct {
	name     string   // without credentials
	url      *url.URL // of an HTTPS base; else dir or zip is set
	dir, zip string
	options  Options
}

// OpenOSV finds out what location is, without reading an export: "" is OSV's bucket, a URL is an HTTPS base (plain HTTP on loopback only),
// and a path is a directory or a zip. It returns an engine.UsageError when it is none of these.
func OpenOSV(location string, o Options) (*OSV, error) {
	if location == "" {
		location = OSVURL
	}
	osv := &OSV{name: location, options: o}
	if strings.Contains(location, "://") {
		u, err := parseURL(location)
		if err != nil {
			return nil, err
		}
		osv.url = u
		osv.name = engine.MaskAddresses(u.String())
		return osv, nil
	}
	info, err := os.Stat(location)
	switch {
	case err != nil:
		return nil, engine.Hint(engine.Usage("opening the advisory source %s: %w", location, err),
			"--source takes an https URL, a directory laid out as <ecosystem>/all.zip, or a zip")
	case info.IsDir():
		osv.dir = location
	case info.Mode().IsRegular():
		osv.zip = location
	default:
		return nil, engine.Usage("the advisory source %s is neither a directory nor a zip", location)
	}
	return osv, nil
}

// ecosystemName matches what is harmless in a path or URL. OSV's own names do: "Red Hat", "crates.io", "Ubuntu:22.04:LTS".
var ecosystemName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._+:-]*$`)

// Ecosystems lists the ecosystems that there are exports of, sorted, without releases.
func (osv *OSV) Ecosystems(ctx context.Context) ([]string, error) {
	if osv.zip != "" {
		return osv.zipEcosystems(ctx)
	}
	data, err := osv.readEcosystemList(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the ecosystems of %s: %w", osv.name, err)
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "[") {
			continue // OSV lists "[EMPTY]" for records without an ecosystem
		}
		if !ecosystemName.MatchString(line) {
			return nil, fmt.Errorf("listing the ecosystems of %s: ecosystems.txt names %q, which is no ecosystem's name", osv.name, line)
		}
		base, _ := engine.SplitEcosystem(line)
		names = append(names, base)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, engine.Hint(fmt.Errorf("%s has no ecosystem", osv.name), "expected <ecosystem>/all.zip below it")
	}
	return names, nil
}

// readEcosystemList returns ecosystems.txt, or for a directory without one the names of the folders that hold an export.
func (osv *OSV) readEcosystemList(ctx context.Context) ([]byte, error) {
	if osv.url != nil {
		data, _, err := osv.options.get(ctx, osv.url.JoinPath("ecosystems.txt").String(), engine.MaxEcosystemList)
		return data, err
	}
	data, err := engine.ReadLimited(filepath.Join(osv.dir, "ecosystems.txt"), engine.MaxEcosystemList)
	if !os.IsNotExist(err) {
		return data, err
	}
	found, err := filepath.Glob(filepath.Join(escapeGlob(osv.dir), "*", "all.zip"))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, f := range found {
		b.WriteString(filepath.Base(filepath.Dir(f)) + "\n")
	}
	return []byte(b.String()), nil
}

// escapeGlob makes a pattern that matches the path itself.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// zipEcosystems lists the ecosystems of the records of a zip.
func (osv *OSV) zipEcosystems(ctx context.Context) ([]string, error) {
	x, err := osv.openFile(osv.zip, "")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	err = x.Each(ctx, func(a *advisory.Advisory) error {
		for _, affected := range a.Affected {
			base, _ := engine.SplitEcosystem(affected.Ecosystem)
			seen[base] = true
		}
		return nil
	})
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen)), errors.Join(err, x.Close())
}

// Export is one ecosystem's records, fetched and not yet parsed. Its user closes it.
type Export struct {
	Name      string // where it came from, without credentials
	AsOf      string // RFC 3339, UTC; "" for a file, whose modification time only says when it was copied
	Ecosystem string // the one that was asked for, without a release; a record may be about others as well

	file    *os.File
	size    int64
	temp    bool // a download, which Close deletes
	options Options
}

// Export opens the export of an ecosystem, which is named without a release; from a URL it downloads it. The caller closes it.
func (osv *OSV) Export(ctx context.Context, ecosystem string) (*Export, error) {
	if !ecosystemName.MatchString(ecosystem) || strings.Contains(ecosystem, ":") {
		return nil, engine.Usage("%q is no ecosystem's name", ecosystem)
	}
	switch {
	case osv.zip != "":
		return osv.openFile(osv.zip, ecosystem)
	case osv.dir != "":
		return osv.openFile(filepath.Join(osv.dir, ecosystem, "all.zip"), ecosystem)
	}
	u := osv.url.JoinPath(ecosystem, "all.zip")
	f, asOf, err := osv.options.download(ctx, u.String(), ecosystem)
	if err != nil {
		return nil, fmt.Errorf("fetching the %s advisories: %w", ecosystem, err)
	}
	x := &Export{Name: engine.MaskAddresses(u.String()), AsOf: asOf, Ecosystem: ecosystem, file: f, temp: true, options: osv.options}
	if x.size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

func (osv *OSV) openFile(path, ecosystem string) (*Export, error) {
	return openExport(path, ecosystem, osv.options)
}

// openExport opens a local zip.
func openExport(path, ecosystem string, o Options) (*Export, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the %s advisories: %w", ecosystem, err)
	}
	x := &Export{Name: path, Ecosystem: ecosystem, file: f, options: o}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("opening the advisories: %s is no regular file", path)
	case info.Size() > o.limit():
		err = &engine.LimitError{What: "size of " + path, Limit: o.limit()}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x.size = info.Size()
	return x, nil
}

// Close closes the export. A download is deleted.
func (x *Export) Close() error {
	err := x.file.Close()
	if x.temp {
		err = errors.Join(err, os.Remove(x.file.Name()))
	}
	return err
}

// Each parses every record and hands it to visit, in the order of the zip. The first file that is no record is an error that names it.
func (x *Export) Each(ctx context.Context, visit func(*advisory.Advisory) error) error {
	files, err := listZip(x.file, x.size, x.Name)
	if err != nil {
		return err
	}
	ids := make(map[string]string, len(files)) // id → name of its file
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := f.parse()
		if err != nil {
			return fmt.Errorf("reading %s in %s: %w", quote(f.Name), x.Name, err)
		}
		if other, twice := ids[a.ID]; twice {
			return fmt.Errorf("reading %s: %s and %s both hold the record %q", x.Name, quote(other), quote(f.Name), a.ID)
		}
		ids[a.ID] = f.Name
		if err := visit(a); err != nil {
			return err
		}
		if (i+1)%256 == 0 || i+1 == len(files) {
			x.options.report(Progress{Step: "read", What: x.Ecosystem, Done: int64(i + 1), Total: int64(len(files))})
		}
	}
	return nil
}
