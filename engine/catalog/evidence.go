package catalog

import "github.com/vetoci/veto/engine"

// addPackage adds a package to the evidence, up to engine.MaxPackages; beyond that it returns a *engine.LimitError.
func addPackage(ev *engine.Evidence, p *engine.Package) error {
	if len(ev.Packages) >= engine.MaxPackages {
		return &engine.LimitError{What: "number of packages of one database", Limit: engine.MaxPackages}
	}
	ev.Packages = append(ev.Packages, *p)
	return nil
}

// addMalformed adds a gap for a part of a file that cannot be read, up to engine.MaxGaps; beyond that it returns a *engine.LimitError, as
// the file is no database at all.
func addMalformed(ev *engine.Evidence, detail string) error {
	if len(ev.Gaps) >= engine.MaxGaps {
		return &engine.LimitError{What: "number of faults of one database", Limit: engine.MaxGaps}
	}
	ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapMalformed, Detail: detail})
	return nil
}
