package catalog

import (
	"context"
	"io/fs"
	"strings"

	"github.com/vetoci/veto/engine"
)

// sbomFiles reads SBOMs in the image: Bitnami's, apko's (Wolfi, Chainguard), those in /usr/share/sbom, and files with the suffix of a
// format. They only add packages: what one leaves out, or does not say, is no gap.
type sbomFiles struct{}

func (sbomFiles) Name() string { return "sbom/1" }

func (sbomFiles) Wants(p string, _ fs.FileMode, _ int64) bool {
	if strings.HasSuffix(p, ".spdx") {
		return strings.HasPrefix(p, "opt/bitnami/")
	}
	if !strings.HasSuffix(p, ".json") {
		return false
	}
	switch {
	case strings.HasPrefix(p, "usr/share/sbom/"), strings.HasPrefix(p, "usr/local/share/sbom/"), strings.HasPrefix(p, "var/lib/db/sbom/"):
		return true
	case strings.HasSuffix(p, ".spdx.json"), strings.HasSuffix(p, ".cdx.json"), strings.HasSuffix(p, ".cyclonedx.json"):
		return !strings.Contains(p, "node_modules/")
	}
	return false
}

func (sbomFiles) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxSBOM)
	if err != nil {
		return engine.Evidence{}, err
	}
	sbom, err := ReadSBOM(body)
	if err != nil {
		return engine.Evidence{}, err
	}
	ev := engine.Evidence{}
	for _, p := range sbom.Packages {
		p.FoundBy, p.Locations, p.Layer = "sbom", nil, ""
		if p.Type == "bitnami" { // 1.25.3-1 is the first build of 1.25.3, not a pre-release
			if i := strings.LastIndexByte(p.Version, '-'); i > 0 && strings.Trim(p.Version[i+1:], "0123456789") == "" {
				p.Version = p.Version[:i]
			}
			p.Ecosystem, p.Source = "Bitnami", engine.Source{Name: p.Name, Version: p.Version}
		}
		ev.Packages = append(ev.Packages, p)
	}
	return ev, nil
}

// dropListedTwice drops the packages of SBOMs in the image whose type a package database of the image lists itself, and those of another
// distribution than the image's: what somebody copied out of one (PEP 770's SBOMs, auditwheel's) is not installed as its package.
func dropListedTwice(all []*occurrence, os *engine.OS) []*occurrence {
	listed := map[string]bool{}
	for _, o := range all {
		if engine.OfDistribution(o.Type) && o.FoundBy != "sbom" {
			listed[o.Type] = true
		}
	}
	kept := all[:0]
	for _, o := range all {
		foreign := engine.OfDistribution(o.Type) && os != nil && os.Ecosystem != "" && !isNativeType(o.Type, os)
		if o.FoundBy != "sbom" || !listed[o.Type] && !foreign {
			kept = append(kept, o)
		}
	}
	return kept
}
