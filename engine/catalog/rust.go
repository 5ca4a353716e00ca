package catalog

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"

	"github.com/vetoci/veto/engine"
)

// readCrates reads the crates of a Rust program that cargo auditable has built: JSON in the section .dep-v0, compressed by zlib
// (rust-secure-code/cargo-auditable, PARSING.md). A program without the section has no evidence.
func readCrates(e *elf.File) (ev engine.Evidence, err error) {
	section := e.Section(".dep-v0")
	if section == nil {
		return ev, nil
	}
	if section.Size > engine.MaxMetadata {
		return ev, &engine.LimitError{What: "size of the crates of a program", Limit: engine.MaxMetadata}
	}
	packed := make([]byte, section.Size)
	if _, err := section.ReadAt(packed, 0); err != nil {
		return ev, fmt.Errorf("the crates of a program: %w", err)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return ev, fmt.Errorf("the crates of a program: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(z, engine.MaxMetadata+1))
	if err != nil {
		return ev, fmt.Errorf("the crates of a program: %w", err)
	}
	if len(body) > engine.MaxMetadata {
		return ev, &engine.LimitError{What: "size of the crates of a program", Limit: engine.MaxMetadata}
	}
	if err := engine.CheckDepth(body); err != nil {
		return ev, err
	}
	var doc struct {
		Packages []struct {
			Name, Version, Source, Kind string
			Root                        bool
		}
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return ev, fmt.Errorf("the crates of a program: %w", err)
	}
	for i, p := range doc.Packages {
		if p.Kind == "build" {
			continue // it ran when the program was built, and is not part of it
		}
		if p.Name == "" || p.Version == "" {
			if err := addMalformed(&ev, fmt.Sprintf("packages[%d] of a Rust program has no name or no version", i)); err != nil {
				return ev, err
			}
			continue
		}
		crate := languagePackage("cargo", "", p.Name, p.Version)
		crate.FoundBy, crate.Main = "program", p.Root
		if p.Source == "crates.io" || p.Root { // the root is built from a folder, and may be the published crate that an advisory names
			crate.Ecosystem = "crates.io"
		}
		if err := addPackage(&ev, crate); err != nil {
			return ev, err
		}
	}
	return ev, nil
}
