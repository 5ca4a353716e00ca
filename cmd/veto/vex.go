package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/vex"
)

// loadVEX reads the VEX documents of the configuration, then those of the flags. Each is a relaxation: it sets findings aside.
func (l *ruleset) loadVEX(flags []string, whence string) error {
	for i, path := range slices.Concat(l.settings.VEX, flags) {
		where := whence
		if i < len(l.settings.VEX) {
			where = filepath.Base(l.settings.Name)
		}
		data, err := l.workspace.readUpTo(path, engine.MaxVEX)
		if errors.Is(err, fs.ErrNotExist) {
			return engine.Hint(err, "--vex, and vex: of the configuration, name OpenVEX, CycloneDX or CSAF documents in JSON")
		}
		if err != nil {
			return err
		}
		shown := path
		if filepath.IsAbs(path) {
			shown = filepath.Base(path) // reports name no path of this machine
		}
		d, err := vex.Parse(filepath.ToSlash(shown), data)
		if err != nil {
			return usage(err)
		}
		l.vex = append(l.vex, d)
		l.relax("vex", "", filepath.ToSlash(shown), where)
	}
	return nil
}
