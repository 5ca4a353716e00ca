package feed

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

// entry is one record of an export, not yet inflated.
type entry struct {
	name string
	file *zip.File
}

// openZip lists the records of a zip after checking everything that its directory claims: how many, how big, what they are
// called, and that together they do not claim more bytes than there are (overlapping entries make a small zip inflate to
// petabytes).
func openZip(r io.ReaderAt, size int64, name string) ([]entry, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, engine.Hint(fmt.Errorf("opening %s: %w", name, err), "is it a whole zip? fetch it again")
	}
	if len(z.File) > engine.MaxFeedRecords {
		return nil, &engine.LimitError{What: "records in " + name, Limit: engine.MaxFeedRecords}
	}
	entries := make([]entry, 0, len(z.File))
	seen := make(map[string]bool, len(z.File))
	var inflated, packed uint64
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		if err := checkEntry(f); err != nil {
			return nil, fmt.Errorf("opening %s: entry %s: %w", name, quote(f.Name), err)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("opening %s: entry %s is in it twice", name, quote(f.Name))
		}
		seen[f.Name] = true
		inflated += f.UncompressedSize64
		if packed += f.CompressedSize64; packed > uint64(size) {
			return nil, fmt.Errorf("opening %s: its entries overlap", name)
		}
		entries = append(entries, entry{f.Name, f})
	}
	if inflated > engine.MaxFeedInflated {
		return nil, &engine.LimitError{What: "inflated bytes of " + name, Limit: engine.MaxFeedInflated}
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("opening %s: it holds no record", name)
	}
	return entries, nil
}

func checkEntry(f *zip.File) error {
	switch {
	case len(f.Name) > engine.MaxPath || strings.ContainsAny(f.Name, "\\\x00") || path.IsAbs(f.Name) || path.Clean(f.Name) != f.Name || strings.HasPrefix(f.Name, ".."):
		return errors.New("not a plain name")
	case !strings.HasSuffix(f.Name, ".json"):
		return errors.New("not an OSV record: its name does not end in .json")
	case !f.Mode().IsRegular():
		return errors.New("not a regular file")
	case f.Flags&1 != 0: // APPNOTE.TXT 4.4.4, bit 0
		return errors.New("encrypted")
	case f.UncompressedSize64 > engine.MaxAdvisory:
		return &engine.LimitError{What: "size of the record", Limit: engine.MaxAdvisory}
	}
	return nil
}

// parse inflates and parses the record. The zip reader checks length and CRC-32 against the directory.
func (e entry) parse() (*advisory.Advisory, error) {
	body, err := e.body()
	if err != nil {
		return nil, err
	}
	return advisory.ParseOSV(body)
}

func (e entry) body() ([]byte, error) {
	r, err := e.file.Open()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, engine.MaxAdvisory+1))
	if e := r.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	if len(body) > engine.MaxAdvisory {
		return nil, &engine.LimitError{What: "size of the record", Limit: engine.MaxAdvisory}
	}
	return body, nil
}

// quote shows an untrusted name in a message: on one line, and cut.
func quote(name string) string {
	const most = 200
	if len(name) > most {
		name = name[:most] + "…"
	}
	return fmt.Sprintf("%q", name)
}
