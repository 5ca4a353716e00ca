package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// directoryFiles are the files of a directory of OSV records that are read.
type directoryFiles struct {
	json   []string        // records and CISA's catalogue, in lexical order of each folder
	scores []string        // FIRST's lists
	seen   map[string]bool // folders that were listed, without links
}

// isPassedOver says whether a folder is known to hold no advisories: those of version control, and the one in which a mounted Kubernetes
// ConfigMap has its files a second time.
func isPassedOver(folder string) bool {
	return strings.HasPrefix(folder, "..") || slices.Contains([]string{".git", ".github", ".hg", ".svn"}, folder)
}

// listDirectory lists the files below dir, also behind links to folders. It passes over folders of version control and over what is plainly
// something else, such as a README; what looks like advisories under a name or in a form that is not read is an error.
func listDirectory(dir string) (*directoryFiles, error) {
	f := &directoryFiles{seen: map[string]bool{}}
	return f, f.list(dir, 0)
}

func (f *directoryFiles) list(dir string, depth int) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if f.seen[real] {
		return nil
	}
	if f.seen[real] = true; len(f.seen) > engine.MaxOSVFiles || depth > engine.MaxJSONDepth {
		return &engine.LimitError{What: "folders in " + dir, Limit: engine.MaxOSVFiles}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		folder := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			if strings.HasPrefix(e.Name(), "..") { // a ConfigMap's own
				continue
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			folder = info.IsDir()
		}
		switch {
		case folder && isPassedOver(e.Name()):
		case folder && (isScores(e.Name()) || depth == 0 && e.Name() == asOfFile):
			return fmt.Errorf("%s is a folder, and has the name of a file", path)
		case folder:
			err = f.list(path, depth+1)
		default:
			err = f.add(path, e.Name())
		}
		if err != nil {
			return err
		}
		if len(f.json) > engine.MaxOSVFiles {
			return &engine.LimitError{What: "files in " + dir, Limit: engine.MaxOSVFiles}
		}
	}
	return nil
}

// add sorts in one file.
func (f *directoryFiles) add(path, name string) error {
	switch {
	case strings.HasSuffix(name, ".json"):
		f.json = append(f.json, path)
		return nil
	case isScores(name):
		f.scores = append(f.scores, path)
		return nil
	case name == asOfFile:
		return nil
	}
	what, err := looksLike(path)
	if err != nil || what == "" {
		return err
	}
	return engine.Hint(fmt.Errorf("%s looks like %s, and is not read", path, what),
		"a directory of advisories holds OSV records as .json files, kev.json, epss.csv and %s; move other files out of it, or rename it",
		asOfFile)
}

// scoresName matches the names of FIRST's lists: "epss.csv", "epss_scores-current.csv.gz", "epss_scores-2026-11-26.csv.gz".
var scoresName = regexp.MustCompile(`^epss([_-].*)?\.csv(\.gz)?$`)

func isScores(name string) bool { return scoresName.MatchString(name) }

// firstYAML matches the first lines of an OSV record in YAML, as PyPA keeps them.
var firstYAML = regexp.MustCompile(`(?m)^(id|affected|aliases|modified):`)

// looksLike says as what data, under a name that is not read, a file may have advisories in it: "" for anything else.
func looksLike(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(file, head)
	if err = errors.Join(ignoreEnd(err), file.Close()); err != nil {
		return "", err
	}
	name := strings.ToLower(filepath.Base(path))
	head = bytes.TrimPrefix(head[:n], []byte("\xef\xbb\xbf"))
	text := bytes.TrimSpace(head)
	hidden := strings.HasPrefix(name, ".")
	packed := slices.ContainsFunc([]string{"PK\x03\x04", "PK\x05\x06", "\x1f\x8b", "BZh", "\xfd7zXZ", "\x28\xb5\x2f\xfd"},
		func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) })
	switch {
	case strings.HasSuffix(name, ".json"), bytes.HasPrefix(text, []byte("{")) && !hidden, bytes.HasPrefix(text, []byte("[{")):
		return "a record under another name than .json", nil
	case bytes.HasPrefix(text, []byte("#model_version")), bytes.HasPrefix(text, []byte("cve,epss")), strings.HasPrefix(name, "epss") && packed:
		return "FIRST's scores under another name", nil
	case packed:
		return "packed records", nil
	case !hidden && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) && firstYAML.Match(head):
		return "a record in YAML", nil
	case len(text) > 2 && (bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))):
		return "text in UTF-16", nil
	}
	return "", nil
}

// ignoreEnd returns nil for the end of a file that is shorter than what was asked for.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
