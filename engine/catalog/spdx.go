package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// readSPDX reads SPDX 2.2 and 2.3 (spdx.github.io/spdx-spec/v2.3, "Package information").
func readSPDX(raw []byte) (*SBOM, []part, error) {
	var doc struct {
		SPDXVersion       string
		DocumentDescribes []string
		CreationInfo      struct{ Creators []string }
		Relationships     []struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }
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
	sourced := slices.ContainsFunc(doc.CreationInfo.Creators, func(c string) bool { return strings.Contains(strings.ToLower(c), "syft") })
	var parts []part
	for _, k := range doc.Packages {
		p := part{name: k.Name, version: k.VersionInfo, sourced: sourced, os: k.PrimaryPackagePurpose == "OPERATING-SYSTEM"}
		for _, r := range k.ExternalRefs {
			if r.ReferenceType == "purl" && p.purl == "" {
				p.purl = r.ReferenceLocator
			}
		}
		// One package can describe itself: the SBOM of a library. An image is what is described and has no package URL that could be judged.
		p.described = slices.Contains(described, k.SPDXID) && (p.purl == "" || strings.HasPrefix(p.purl, "pkg:oci/") || strings.HasPrefix(p.purl, "pkg:docker/"))
		p.code = p.version != "" && slices.Contains([]string{"", "LIBRARY", "FRAMEWORK", "APPLICATION"}, k.PrimaryPackagePurpose)
		if l := k.LicenseDeclared; l != "" && l != "NOASSERTION" && l != "NONE" {
			p.licenses = []string{l}
		}
		// Trivy: "built package from: openssl 3.0.17-1~deb12u2".
		if from, ok := strings.CutPrefix(k.SourceInfo, "built package from: "); ok {
			if name, version, ok := strings.Cut(from, " "); ok {
				p.source = engine.Source{Name: name, Version: version}
			}
		}
		parts = append(parts, p)
	}
	return &SBOM{Format: doc.SPDXVersion}, parts, nil
}
