package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// readSPDX reads a document of SPDX 2.2 or 2.3 in JSON (spdx.github.io/spdx-spec/v2.3, "Package information").
func readSPDX(raw []byte) (*SBOM, []component, error) {
	var doc struct {
		SPDXVersion       string
		DocumentDescribes []string
		CreationInfo      struct{ Creators []string }
		Relationships     []spdxRelationship
		Packages          []struct {
			SPDXID, Name, VersionInfo, LicenseDeclared, SourceInfo, PrimaryPackagePurpose string
			ExternalRefs                                                                  []struct{ ReferenceType, ReferenceLocator string }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, nil, fmt.Errorf("the SBOM: %w", err)
	}
	described := doc.DocumentDescribes
	for _, r := range doc.Relationships {
		if r.RelationshipType == "DESCRIBES" && r.SPDXElementID == "SPDXRef-DOCUMENT" {
			described = append(described, r.RelatedSPDXElement)
		}
	}
	statesSource := slices.ContainsFunc(doc.CreationInfo.Creators, func(c string) bool { return strings.Contains(strings.ToLower(c), "syft") })
	var components []component
	notInstalled := ofTheBuild(doc.Relationships)
	slices.Sort(described)
	described = slices.Compact(described)
	for _, k := range doc.Packages {
		if notInstalled[k.SPDXID] {
			continue
		}
		purpose := strings.ReplaceAll(k.PrimaryPackagePurpose, "_", "-") // SPDX's library for Java writes OPERATING_SYSTEM
		c := component{name: k.Name, version: k.VersionInfo, statesSource: statesSource, os: purpose == "OPERATING-SYSTEM"}
		purls := []string{""}
		for _, r := range k.ExternalRefs {
			if r.ReferenceType == "purl" {
				purls = append(purls, r.ReferenceLocator)
			}
		}
		// Some tools say of every package that it is described. Then only an image is.
		_, listed := slices.BinarySearch(described, k.SPDXID)
		c.described = listed && (len(described) == 1 || purpose == "CONTAINER")
		c.software = spdxIsSoftware(purpose, c.version)
		if l := k.LicenseDeclared; l != "" && l != "NOASSERTION" && l != "NONE" {
			c.licenses = []string{l}
		}
		// Trivy: "built package from: openssl 3.0.17-1~deb12u2".
		if from, ok := strings.CutPrefix(k.SourceInfo, "built package from: "); ok {
			if name, version, ok := strings.Cut(from, " "); ok {
				c.source = engine.Source{Name: name, Version: version}
			}
		}
		if at, ok := strings.CutPrefix(k.SourceInfo, "package found in: "); ok {
			c.paths = []string{at}
		}
		for _, c.purl = range purls[min(1, len(purls)-1):] {
			components = append(components, c)
		}
	}
	return &SBOM{Format: doc.SPDXVersion}, components, nil
}

// spdxIsSoftware is cdxIsSoftware for packages of SPDX.
func spdxIsSoftware(purpose, version string) bool {
	switch purpose {
	case "", "LIBRARY", "FRAMEWORK":
		return true
	case "OPERATING-SYSTEM", "CONTAINER", "DEVICE", "FILE":
		return false
	}
	return version != ""
}

type spdxRelationship struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }

// ofTheBuild lists the elements that only the build, the tests or the developers use (SPDX 2.3, 11.1).
func ofTheBuild(all []spdxRelationship) map[string]bool {
	out, installed := map[string]bool{}, map[string]bool{}
	for _, r := range all {
		switch r.RelationshipType {
		case "DEV_DEPENDENCY_OF", "TEST_DEPENDENCY_OF", "BUILD_DEPENDENCY_OF", "BUILD_TOOL_OF", "DEV_TOOL_OF", "TEST_TOOL_OF", "TEST_OF":
			out[r.SPDXElementID] = true
		case "DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "CONTAINED_BY", "DYNAMIC_LINK", "STATIC_LINK", "PREREQUISITE_FOR",
			"PROVIDED_DEPENDENCY_OF":
			installed[r.SPDXElementID] = true
		case "CONTAINS", "DEPENDS_ON", "DESCRIBES", "HAS_PREREQUISITE":
			installed[r.RelatedSPDXElement] = true
		}
	}
	for id := range installed {
		delete(out, id)
	}
	return out
}
