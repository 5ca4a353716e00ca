package catalog

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/purl"
)

// python reads the metadata of installed Python packages: wheels (dist-info) and eggs.
type python struct{}

func (python) Name() string { return "python/3" }

// BaseNames implements engine.Placed.
func (python) BaseNames() []string { return []string{"METADATA", "PKG-INFO", "*.egg-info"} }

func (python) Wants(p string, _ fs.FileMode, _ int64) bool {
	switch base := path.Base(p); base {
	case "METADATA":
		return strings.HasSuffix(path.Dir(p), ".dist-info")
	case "PKG-INFO":
		return strings.HasSuffix(path.Dir(p), ".egg-info") || strings.HasSuffix(p, ".egg/EGG-INFO/PKG-INFO")
	default:
		return strings.HasSuffix(base, ".egg-info")
	}
}

// Inspect reads the header fields (packaging.python.org, "Core metadata specifications"); the body after them is a description.
func (python) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxMetadata)
	if err != nil {
		return engine.Evidence{}, err
	}
	header, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimPrefix(string(body), "\ufeff"), "\r\n", "\n"), "\n\n")
	var name, version, license, classified string
	for _, line := range strings.Split(header, "\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok || line[0] == ' ' || line[0] == '\t' {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "name":
			name = value
		case "version":
			version = value
		case "license-expression":
			license = value
		case "classifier":
			if parts := strings.Split(value, " :: "); parts[0] == "License" && classified == "" {
				classified = parts[len(parts)-1]
			}
		case "license":
			if license == "" && len(value) < 100 {
				license = value
			}
		}
	}
	headerEnds := bytes.Contains(body, []byte("\n\n")) || bytes.Contains(body, []byte("\n\r\n"))
	if name == "" || version == "" || endsWithin(body, "name:", "version:") && !headerEnds {
		return engine.Evidence{}, errors.New("no Name or no Version, or they are cut off")
	}
	if license == "" || license == "UNKNOWN" || normalLicense(license) == license && normalLicense(classified) != classified {
		license = classified // only this one is known to SPDX
	}
	p := languagePackage("pypi", "PyPI", purl.NormalPython(name), version, license)
	return engine.Evidence{Packages: []engine.Package{*p}}, nil
}
