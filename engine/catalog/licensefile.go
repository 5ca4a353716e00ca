package catalog

import (
	"bytes"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// licenseFiles reads Debian's copyright files, and the licence texts in packages of Node.js and Python, whose metadata may name no licence.
type licenseFiles struct{}

func (licenseFiles) Name() string { return "license/1" }

// FindsLittle implements engine.Sparse.
func (licenseFiles) FindsLittle() {}

func (licenseFiles) Wants(p string, _ fs.FileMode, size int64) bool {
	if size > engine.MaxLicense {
		return false // no licence is that long, and an unknown licence is no gap
	}
	if strings.HasSuffix(p, "/copyright") {
		rest, ok := strings.CutPrefix(p, "usr/share/doc/")
		return ok && strings.Count(rest, "/") == 1
	}
	i := strings.LastIndexByte(p, '/')
	if i < 0 || len(p)-i < 7 || p[i+1]|0x20 != 'l' || p[i+2]|0x20 != 'i' || p[i+3]|0x20 != 'c' {
		return false
	}
	dir := p[:i]
	return strings.HasSuffix(dir, ".dist-info") || strings.HasSuffix(dir, ".dist-info/licenses") || npm{}.Wants(dir+"/package.json", 0, 0)
}

func (licenseFiles) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxLicense)
	if err != nil {
		return engine.Evidence{}, err
	}
	var found []string
	if path.Base(f.Path) == "copyright" {
		found = copyrightLicenses(body)
	} else if id := classifyLicense(string(body)); id != "" {
		found = []string{id}
	}
	if len(found) == 0 {
		return engine.Evidence{}, nil
	}
	return engine.Evidence{Traits: &engine.Traits{Licenses: found}}, nil
}

// copyrightLicenses returns the licences that a copyright file names, sorted: in the machine-readable format (Debian's
// copyright-format 1.0) in its License fields, else by the files of common licences that it points to (Debian Policy, 12.5).
func copyrightLicenses(body []byte) []string {
	var out []string
	add := func(name string) {
		if name = normalLicense(name); name != "" && len(out) < engine.MaxLicenses && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	const field, common = "\nLicense:", "/usr/share/common-licenses/"
	for rest := body; ; {
		i := bytes.Index(rest, []byte(field))
		if i < 0 {
			break
		}
		rest = rest[i+len(field):]
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		if len(line) < 200 {
			add(string(bytes.TrimSpace(line)))
		}
	}
	for rest := body; len(out) == 0 || bytes.Count(body[:min(len(body), 200)], []byte("Format:")) == 0; {
		i := bytes.Index(rest, []byte(common))
		if i < 0 {
			break
		}
		rest = rest[i+len(common):]
		n := 0
		for n < len(rest) && (isDigit(rest[n]) || rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z' || rest[n] == '-' || rest[n] == '.') {
			n++
		}
		if name := strings.TrimRight(string(rest[:n]), ".-"); licenseID(name) != "" {
			add(name)
		}
	}
	slices.Sort(out)
	return out
}

// setLicenses writes the licences of all packages as SPDX has them. Packages whose metadata has none get those of the files that
// licenseFiles has read.
func (a *assembly) setLicenses(all []*occurrence) {
	byDebianName := map[string][]string{} // of usr/share/doc/NAME/copyright
	byFolder := map[string][]string{}     // of the folder with the package's metadata
	for _, key := range a.visible {
		ev := a.latest(key)
		if ev.Traits == nil || len(ev.Traits.Licenses) == 0 {
			continue
		}
		dir := path.Dir(key.path)
		if strings.HasPrefix(key.path, "usr/share/doc/") {
			byDebianName[path.Base(dir)] = ev.Traits.Licenses
			continue
		}
		dir = strings.TrimSuffix(dir, "/licenses")
		byFolder[dir] = append(byFolder[dir], ev.Traits.Licenses...)
	}
	for dir, list := range byFolder {
		slices.Sort(list)
		byFolder[dir] = slices.Compact(list)
	}
	for _, o := range all {
		var known []string
		for _, l := range o.Licenses[:min(len(o.Licenses), engine.MaxLicenses)] {
			if l = normalLicense(l); l != "" && !slices.Contains(known, l) {
				known = append(known, l)
			}
		}
		switch {
		case len(known) > 0:
		case o.Type == "deb":
			known = byDebianName[o.Name]
		default:
			known = slices.Clone(byFolder[path.Dir(o.key.path)])
		}
		o.Licenses = known
	}
}
