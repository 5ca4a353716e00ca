package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/catalog"
)

// sbomPrefix marks a source that is a list of packages instead of an image.
const sbomPrefix = "sbom:"

// sbomImage is an SBOM in the form of an image: an engine.Listed.
type sbomImage struct {
	id   engine.Identity
	list *catalog.SBOM
}

func (m *sbomImage) Identity() engine.Identity    { return m.id }
func (m *sbomImage) Config() engine.Config        { return engine.Config{} }
func (m *sbomImage) Layers() []engine.Layer       { return nil }
func (m *sbomImage) Close() error                 { return nil }
func (m *sbomImage) Inventory() *engine.Inventory { return &m.list.Inventory }

// Missing are the sections of the facts that no SBOM has.
func (m *sbomImage) Missing() []string {
	return []string{"accounts", "base", "config", "files", "layers", "platform", "referrers", "secrets", "space"}
}

// openSBOM reads the SBOM in a file, or on standard input.
func (s *scanner) openSBOM(source string) (engine.Image, error) {
	name := strings.TrimPrefix(source, sbomPrefix)
	if name == "" {
		return nil, engine.Usage("%q names no file after its prefix", source)
	}
	raw, err := readInput(s.sys, name, engine.MaxSBOM)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil: // a folder, or what is larger than any list
		return nil, engine.Hint(err, "an SBOM is one JSON file; an image is scanned without the prefix: %s", name)
	}
	if len(raw) > 512 && string(raw[257:262]) == "ustar" {
		return nil, engine.Hint(engine.Usage("%s is a tar archive, not an SBOM", name), "an image is scanned without the prefix: %s", name)
	}
	list, err := catalog.ReadSBOM(raw)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	m := &sbomImage{list: list, id: engine.Identity{Name: sbomName(source), Source: "sbom", ContainedNames: list.Names,
		Digest: engine.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(raw)))}}
	if s.images.as != "" {
		m.id.Name, m.id.Named = s.images.as, true
	}
	return m, nil
}

// sbomName is what an SBOM is called where nobody vouches for another name: its file's.
func sbomName(source string) string {
	name := strings.TrimPrefix(source, sbomPrefix)
	if name == "-" {
		return "stdin"
	}
	return filepath.Base(name)
}
