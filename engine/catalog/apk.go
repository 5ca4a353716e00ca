package catalog

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// apk reads apk's database of installed packages (wiki.alpinelinux.org/wiki/Apk_spec, "Installed Database").
type apk struct{}

func (apk) Name() string      { return "apk/3" }
func (apk) Anchors() []string { return []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"} }

// Records implements engine.Recording.
func (apk) Records() engine.Algorithms { return engine.SHA1 }

func (apk) Wants(p string, _ fs.FileMode, _ int64) bool {
	return p == "lib/apk/db/installed" || p == "usr/lib/apk/db/installed"
}

func (apk) Inspect(ctx context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxPackageDB)
	if err != nil {
		return engine.Evidence{}, err
	}
	var ev engine.Evidence
	if body, err = wholeLines(body, &ev); err != nil {
		return ev, err
	}
	line := 1
	for record := range stanzas(body) {
		if err := ctx.Err(); err != nil {
			return ev, err
		}
		p, owned, err := apkRecord(record)
		switch {
		case err != nil:
			err = addMalformed(&ev, fmt.Sprintf("record at line %d: %v", line, err))
		case p != nil:
			ev.Owned = append(ev.Owned, *owned)
			err = addPackage(&ev, p)
		}
		if err != nil {
			return ev, err
		}
		line += strings.Count(record, "\n") + 2
	}
	return ev, nil
}

// apkRecord reads the record of one package and the list of its files; all are nil for a blank one.
func apkRecord(text string) (*engine.Package, *engine.Owned, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil, nil
	}
	p := &engine.Package{Type: "apk"}
	owned := &engine.Owned{Type: "apk"}
	dir := ""
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || len(key) != 1 {
			return nil, nil, fmt.Errorf("%.60q is no field", line)
		}
		switch key {
		case "P", "V": // two records without an empty line between them must not become one
			field := map[string]*string{"P": &p.Name, "V": &p.Version}[key]
			if *field != "" {
				return nil, nil, fmt.Errorf("the field %s stands twice", key)
			}
			*field = value
		case "A":
			p.Arch = engine.Maybe(value)
		case "o":
			p.Source.Name = value
		case "m":
			p.Vendor = engine.Maybe(value)
		case "c":
			p.Signer = commit(value)
		case "L":
			p.Licenses = []string{value}
		case "D":
			p.Depends = joinRelations("", value, "")
		case "p":
			p.Provides = joinRelations("", value, "")
		case "F":
			dir = value
		case "R":
			if len(owned.Files) >= engine.MaxOwnedFiles {
				return nil, nil, &engine.LimitError{What: "number of files of one package", Limit: engine.MaxOwnedFiles}
			}
			owned.Files = append(owned.Files, engine.OwnedFile{Path: path.Join(dir, value)})
		case "Z":
			if n := len(owned.Files); n > 0 {
				owned.Files[n-1].Sum = apkSum(value)
			}
		}
	}
	if p.Name == "" || p.Version == "" {
		return nil, nil, fmt.Errorf("package %.60q has no name or no version", p.Name)
	}
	if p.Source.Name == "" {
		p.Source.Name = p.Name
	}
	p.Source.Version = p.Version
	owned.Package, owned.Arch = p.Name, string(p.Arch)
	return p, owned, nil
}

// commit returns the id of a commit, as abuild and melange record that of their sources, "" for any other text.
func commit(s string) string {
	if len(s) != 40 || strings.Trim(s, "0123456789abcdef") != "" {
		return ""
	}
	return s
}

// apkSum turns "Q1" and base64 into "sha1:" and hex; "" for any other form.
func apkSum(s string) string {
	b, ok := strings.CutPrefix(s, "Q1")
	raw, err := base64.StdEncoding.DecodeString(b)
	if !ok || err != nil || len(raw) != 20 {
		return ""
	}
	return "sha1:" + hex.EncodeToString(raw)
}
