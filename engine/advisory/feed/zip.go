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

// zipFile is one file of an export, which holds one record.
type zipFile struct{ *zip.File }

// listZip lists the files of a zip after checking everything that its directory claims: how many files there are, how big they are, how
// they are named, and that together they do not claim more bytes than the zip has. Overlapping files make a small zip inflate to petabytes.
func listZip(r io.ReaderAt, size int64, name string) ([]zipFile, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, engine.Hint(fmt.Errorf("opening %s: %w", name, err), "is it a whole zip? fetch it again")
	}
	if len(z.File) > engine.MaxFeedRecords {
		return nil, &engine.LimitError{What: "records in " + name, Limit: engine.MaxFeedRecords}
	}
	files := make([]zipFile, 0, len(z.File))
	seen := make(map[string]bool, len(z.File))
	var inflated, packed uint64 // bytes of all files
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		if err := checkZipFile(f); err != nil {
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
		files = append(files, zipFile{f})
	}
	if inflated > engine.MaxFeedInflated {
		return nil, &engine.LimitError{What: "inflated bytes of " + name, Limit: engine.MaxFeedInflated}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("opening %s: it holds no record", name)
	}
	return files, nil
}

// checkZipFile refuses a file that cannot be a record of an honest export.
func checkZipFile(f *zip.File) error {
	switch {
	case len(f.Name) > engine.MaxPath || strings.ContainsAny(f.Name, "\\\x00"), path.IsAbs(f.Name), path.Clean(f.Name) != f.Name,
		strings.HasPrefix(f.Name, ".."):
		return errors.New("not a plain name")
	case !strings.HasSuffix(strings.ToLower(f.Name), ".json"):
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

// parse reads and parses the record.
func (f zipFile) parse() (*advisory.Advisory, error) {
	body, err := f.read()
	if err != nil {
		return nil, err
	}
	return advisory.ParseOSV(body)
}

// read inflates the file. The zip reader compares length and CRC-32 with the directory.
func (f zipFile) read() ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, engine.MaxAdvisory+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if len(body) > engine.MaxAdvisory {
		return nil, &engine.LimitError{What: "size of the record", Limit: engine.MaxAdvisory}
	}
	return body, nil
}
