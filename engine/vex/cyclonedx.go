package vex

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// CycloneDX 1.4 to 1.7 (cyclonedx.org/docs, "vulnerabilities").
type cycloneDX struct {
	Spec     string `json:"specVersion"`
	Serial   string `json:"serialNumber"`
	Version  int    `json:"version"` // of the BOM with this serial number
	Metadata struct {
		Timestamp string `json:"timestamp"`
		Authors   []struct {
			Name string `json:"name"`
		} `json:"authors"`
		Supplier struct {
			Name string `json:"name"`
		} `json:"supplier"`
		Component *cycloneDXComponent `json:"component"`
	} `json:"metadata"`
	Components   []cycloneDXComponent `json:"components"`
	Dependencies []struct {
		Ref  string   `json:"ref"`
		Uses []string `json:"dependsOn"`
	} `json:"dependencies"`
	Vulnerabilities []cycloneDXVulnerability `json:"vulnerabilities"`
}

type cycloneDXComponent struct {
	Ref        string               `json:"bom-ref"`
	Type       string               `json:"type"`
	Group      string               `json:"group"`
	Name       string               `json:"name"`
	Version    string               `json:"version"`
	Range      string               `json:"versionRange"`
	Modified   bool                 `json:"modified"`
	Pedigree   *json.RawMessage     `json:"pedigree"`
	SWID       *json.RawMessage     `json:"swid"`
	Omnibor    []string             `json:"omniborId"`
	SWHID      []string             `json:"swhid"`
	PURL       string               `json:"purl"`
	CPE        string               `json:"cpe"`
	Hashes     []cycloneDXHash      `json:"hashes"`
	Components []cycloneDXComponent `json:"components"`
}

type cycloneDXHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type cycloneDXVulnerability struct {
	ID         string `json:"id"`
	Updated    string `json:"updated"`
	References []struct {
		ID string `json:"id"`
	} `json:"references"`
	Analysis *struct {
		State         string   `json:"state"`
		Justification string   `json:"justification"`
		Response      []string `json:"response"`
		Detail        string   `json:"detail"`
		First         string   `json:"firstIssued"`
		Last          string   `json:"lastUpdated"`
	} `json:"analysis"`
	Affects []cycloneDXAffects `json:"affects"`
}

type cycloneDXAffects struct {
	Ref      string             `json:"ref"`
	Versions []cycloneDXVersion `json:"versions"`
}

type cycloneDXVersion struct {
	Version string `json:"version"`
	Range   string `json:"range"`
	Status  string `json:"status"`
}

// statusOfState maps CycloneDX's analysis states to OpenVEX's statuses, "" for an unknown one. It also returns all known states.
func statusOfState(state string) (status string, known []string) {
	table := []struct{ state, status string }{{"resolved", fixed}, {"resolved_with_pedigree", fixed}, {"exploitable", affected},
		{"in_triage", underInvestigation}, {"false_positive", notAffected}, {"not_affected", notAffected}}
	for _, t := range table {
		known = append(known, t.state)
		if t.state == state {
			status = t.status
		}
	}
	return status, known
}

// justificationOf maps CycloneDX's justifications to OpenVEX's, "" for an unknown one. It also returns all that are known.
func justificationOf(justification string) (openVEX string, known []string) {
	const uncontrolled, mitigated = "vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"
	table := []struct{ justification, openVEX string }{
		{"code_not_present", "vulnerable_code_not_present"}, {"code_not_reachable", "vulnerable_code_not_in_execute_path"},
		{"requires_configuration", uncontrolled}, {"requires_dependency", uncontrolled}, {"requires_environment", uncontrolled},
		{"protected_by_compiler", mitigated}, {"protected_at_runtime", mitigated}, {"protected_at_perimeter", mitigated},
		{"protected_by_mitigating_control", mitigated}}
	for _, t := range table {
		known = append(known, t.justification)
		if t.justification == justification {
			openVEX = t.openVEX
		}
	}
	return openVEX, known
}

// parseCycloneDX reads the vulnerabilities of a document that have an analysis.
func (d *Document) parseCycloneDX(data []byte) error {
	var doc cycloneDX
	if err := decode(data, &doc); err != nil {
		return err
	}
	if versions := []string{"1.4", "1.5", "1.6", "1.7"}; !slices.Contains(versions, doc.Spec) {
		return engine.UnknownWord("specVersion", doc.Spec, versions)
	}
	if len(doc.Vulnerabilities) > engine.MaxVEXStatements {
		return &engine.LimitError{What: "number of vulnerabilities", Limit: engine.MaxVEXStatements}
	}
	d.id, d.author = doc.Serial, doc.Metadata.Supplier.Name
	d.format, d.version = "CycloneDX", strconv.Itoa(max(doc.Version, 1))
	for _, a := range doc.Metadata.Authors {
		d.author = cmp.Or(d.author, a.Name)
	}
	refs := doc.refs()
	answers := 0
	for i, v := range doc.Vulnerabilities {
		if v.Analysis == nil || v.Analysis.State == "" {
			continue // a vulnerability without an answer, as an SBOM lists it
		}
		answers++
		s, err := v.statement(doc.Metadata.Timestamp)
		if err != nil {
			return fmt.Errorf("vulnerabilities[%d].analysis: %w", i, err)
		}
		listed := map[string]*listedVersions{} // by ref, which may stand in several entries
		for _, a := range v.Affects {
			if listed[a.Ref] == nil {
				listed[a.Ref] = &listedVersions{}
			}
			listed[a.Ref].add(a.Versions)
		}
		for _, a := range v.Affects {
			s.products = append(s.products, atVersions(refs.resolve(a.Ref), s.status, a.Versions, listed[a.Ref])...)
		}
		if err := d.add(s); err != nil {
			return fmt.Errorf("vulnerabilities[%d]: %w", i, err)
		}
	}
	if answers == 0 {
		return engine.Hint(fmt.Errorf("vulnerabilities: none has an analysis"), "an SBOM is no VEX document: veto scan sbom:FILE judges one")
	}
	return nil
}

// statement returns what the analysis says, without the products. Without a time of its own it has the document's, inherited.
func (v cycloneDXVulnerability) statement(inherited string) (s statement, err error) {
	a := v.Analysis
	s = statement{names: []string{v.ID}, impact: a.Detail}
	for _, r := range v.References {
		s.aliases = append(s.aliases, r.ID)
	}
	var known []string
	if s.status, known = statusOfState(a.State); s.status == "" {
		return s, engine.UnknownWord("state", a.State, known)
	}
	if a.Justification != "" {
		if s.justification, known = justificationOf(a.Justification); s.justification == "" {
			return s, engine.UnknownWord("justification", a.Justification, known)
		}
	}
	if s.status == notAffected && a.Justification == "" && !says(a.Detail) {
		return s, fmt.Errorf("%s needs a justification or a detail", a.State)
	}
	s.action = strings.Join(a.Response, ", ")
	s.wontFix = slices.Contains(a.Response, "will_not_fix") || slices.Contains(a.Response, "can_not_fix")
	if s.time, err = firstTime(a.Last, a.First, v.Updated, inherited); err != nil {
		return s, fmt.Errorf("lastUpdated: %w", err)
	}
	return s, nil
}
