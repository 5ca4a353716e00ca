package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/document"
	"github.com/vetoci/veto/engine/purl"
)

// SBOM is the list of packages in a software bill of materials, as facts like those of an image. Nothing in it has been verified: whoever
// made the document may have left packages out.
type SBOM struct {
	Format string   // "CycloneDX 1.6", "SPDX-2.3"
	Names  []string // "NAME:VERSION" of what it says it describes, sorted
	engine.Inventory
}

// component is a component of CycloneDX, or a package of SPDX.
type component struct {
	name, version, purl string
	group               string // CycloneDX: the namespace of the name
	os                  bool   // it is the distribution
	licenses            []string
	paths               []string
	source              engine.Source // source package of a distribution's package, if the SBOM says it
	statesSource        bool          // the tool says the source wherever it is not the package itself
	described           bool          // it is what the SBOM is about
	software            bool          // it is a program, or a part of one, that could be judged; not a file, a service, a group
}

// ReadSBOM reads a CycloneDX (1.2 to 1.7) or SPDX (2.2, 2.3) document in JSON. A component that cannot be judged becomes a gap. The error
// says that raw is no such document, or (*engine.LimitError) that it has more than engine.MaxSBOM bytes or engine.MaxSBOMParts components.
func ReadSBOM(raw []byte) (*SBOM, error) {
	if len(raw) > engine.MaxSBOM {
		return nil, &engine.LimitError{What: "size of an SBOM", Limit: engine.MaxSBOM}
	}
	withHint := func(err error) error {
		return engine.Hint(err, "CycloneDX 1.2 to 1.7 and SPDX 2.2 and 2.3 are read, in JSON: "+
			"syft convert FILE -o cyclonedx-json, or trivy image --format cyclonedx")
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) // the byte order mark that some tools write
	if err := document.CheckWords(raw); err != nil {
		return nil, withHint(err)
	}
	var kind struct {
		BomFormat     string          `json:"bomFormat"`
		SpecVersion   string          `json:"specVersion"`
		SPDXVersion   string          `json:"spdxVersion"`
		PredicateType string          `json:"predicateType"`
		SBOM          json.RawMessage `json:"sbom"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, withHint(err)
	}
	var s *SBOM
	var components []component
	var err error
	switch {
	case kind.BomFormat == "CycloneDX" && kind.SPDXVersion != "":
		return nil, errors.New("it says that it is CycloneDX and SPDX at once")
	case kind.BomFormat == "CycloneDX" && slices.Contains([]string{"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"}, kind.SpecVersion):
		s, components, err = readCycloneDX(raw)
	case kind.SPDXVersion == "SPDX-2.2", kind.SPDXVersion == "SPDX-2.3":
		s, components, err = readSPDX(raw)
	case kind.BomFormat != "":
		return nil, withHint(fmt.Errorf("it is %.40q of version %.40q", kind.BomFormat, kind.SpecVersion))
	case kind.SPDXVersion != "":
		return nil, withHint(fmt.Errorf("it is of the version %.40q", kind.SPDXVersion))
	case kind.PredicateType != "":
		return nil, engine.Hint(errors.New("it is a statement about an image, not an SBOM"),
			"where its predicate is one: jq .predicate FILE | veto scan sbom:-")
	case kind.SBOM != nil:
		return nil, engine.Hint(errors.New("it holds an SBOM and is none"), "jq .sbom FILE | veto scan sbom:-")
	default:
		return nil, withHint(errors.New("it is neither CycloneDX nor SPDX"))
	}
	if err != nil {
		return nil, err
	}
	if len(components) > engine.MaxSBOMParts {
		return nil, &engine.LimitError{What: "number of components of an SBOM", Limit: engine.MaxSBOMParts}
	}
	s.addComponents(components)
	return s, nil
}

// addComponents makes the inventory out of the components.
func (s *SBOM) addComponents(components []component) {
	s.OS = osOf(components)
	var all []*occurrence
	gaps := map[string]*engine.Gap{} // by kind and subject; the detail of the first stands for all
	for i := range components {
		c := &components[i]
		switch {
		case c.described:
			if c.name != "" {
				s.Names = append(s.Names, strings.TrimSuffix(c.name+":"+c.version, ":"))
			}
			if !c.isPackage() {
				continue
			}
		case c.os || !c.software && c.purl == "":
			continue
		}
		o, gap := c.occurrence(s.OS)
		if gap != nil {
			key := string(gap.Kind) + " " + string(gap.Subject)
			if gaps[key] == nil {
				gaps[key] = gap
			}
			gaps[key].Count++
		}
		if o != nil {
			o.Main = c.described
			all = append(all, o)
		}
	}
	sort.Strings(s.Names)
	s.Packages = mergeOccurrences(all)
	for _, key := range slices.Sorted(maps.Keys(gaps)) {
		s.Gaps = append(s.Gaps, *gaps[key])
	}
	hasDistribution := slices.ContainsFunc(s.Packages, func(p engine.Package) bool { return engine.OfDistribution(p.Type) })
	if s.OS != nil && s.OS.Ecosystem == "" || s.OS == nil && hasDistribution {
		s.Gaps = append(s.Gaps, engine.Gap{Kind: engine.GapUnknownOS, Subject: "distribution packages",
			Detail: "the SBOM does not say which distribution and release its packages are of, or it is one without known advisories"})
	}
}

// isPackage says whether what the SBOM describes is a package itself, and not an image, or a folder, which has no version.
func (c *component) isPackage() bool {
	if c.purl == "" {
		return false
	}
	u, err := purl.Parse(c.purl)
	return err != nil || u.Type != "oci" && u.Type != "docker" && (u.Version != "" || c.version != "")
}

// advisedByBinary says whether the advisories for a package are for binary packages, or there are none.
func advisedByBinary(p *engine.Package) bool {
	eco, _ := engine.SplitEcosystem(string(p.Ecosystem))
	return p.Type == "rpm" && (eco == "AlmaLinux" || eco == "Rocky Linux" || eco == "")
}

// occurrence returns the package that a component is. A gap beside it, or in its place, says what cannot be judged.
func (c *component) occurrence(os *engine.OS) (*occurrence, *engine.Gap) {
	if c.purl == "" {
		return nil, &engine.Gap{Kind: engine.GapUnsupported, Subject: "component without a package URL",
			Detail: "what has no package URL cannot be matched"}
	}
	u, err := purl.Parse(c.purl)
	if err != nil {
		return nil, &engine.Gap{Kind: engine.GapMalformed, Subject: "package URL", Detail: fmt.Sprintf("%.200q is no package URL", c.purl)}
	}
	if u.Version == "" {
		u.Version = c.version
	}
	switch {
	case u.Version != "":
	case u.Type == "golang": // built from a working copy: Trivy leaves out Go's own word for that
		u.Version = "(devel)"
	default:
		return nil, &engine.Gap{Kind: engine.GapUnsupported, Subject: engine.Maybe(u.Type + " package without a version"),
			Detail: "without a version it cannot be matched"}
	}
	pkg := engine.Package{Name: u.Name, Version: u.Version, Type: u.Type, Arch: engine.Maybe(u.Qualifiers["arch"]),
		Licenses: c.licenses, PURL: c.purl}
	var gap *engine.Gap
	switch {
	case engine.OfDistribution(u.Type):
		gap = c.setDistribution(&pkg, u, os)
	default:
		c.setLanguage(&pkg, u)
	}
	if pkg.Source.Name == "" {
		pkg.Source = engine.Source{Name: pkg.Name, Version: pkg.Version}
	}
	o := &occurrence{Package: pkg, layer: 1}
	for _, at := range c.paths {
		if at = strings.TrimPrefix(path.Clean("/"+at), "/"); at != "" {
			o.Locations = append(o.Locations, engine.Location{Path: at})
		}
	}
	return o, gap
}

// setDistribution completes a package of a distribution. Most distributions' advisories are for source packages: it is a gap when the SBOM
// does not say which one that is.
func (c *component) setDistribution(pkg *engine.Package, u purl.URL, os *engine.OS) *engine.Gap {
	if epoch := u.Qualifiers["epoch"]; epoch != "" && epoch != "0" && !strings.Contains(pkg.Version, ":") {
		pkg.Version = epoch + ":" + pkg.Version
	}
	src := c.source
	if src.Name == "" { // Syft: upstream=SOURCE@VERSION, the version only where it differs
		src.Name, src.Version, _ = strings.Cut(u.Qualifiers["upstream"], "@")
	}
	stated := src.Name != ""
	pkg.Source = engine.Source{Name: cmp.Or(src.Name, pkg.Name), Version: cmp.Or(src.Version, pkg.Version)}
	if os != nil && namesOtherRelease(u, os) {
		const detail = "%.200q names another distribution or release than the SBOM, %s %s, so that no advisories can be chosen"
		return &engine.Gap{Kind: engine.GapUnknownOS, Subject: engine.Maybe(pkg.Type + " package of another release"),
			Detail: fmt.Sprintf(detail, c.purl, os.ID, os.VersionID)}
	}
	if os != nil {
		setPURL(pkg, os)
	}
	if !stated && !c.statesSource && !advisedByBinary(pkg) {
		return &engine.Gap{Kind: engine.GapUnsupported, Subject: engine.Maybe(pkg.Type + " package without a source package"),
			Detail: "the SBOM does not say from which source packages these are, and the distribution's advisories speak of those: " +
				"they were matched by their own names"}
	}
	return nil
}
