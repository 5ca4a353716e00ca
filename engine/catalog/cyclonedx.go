package catalog

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// cdxComponent is a component of CycloneDX (cyclonedx.org/docs/1.7/json, "components"). What is read is the same in all versions from 1.2
// on.
type cdxComponent struct {
	Type     string
	Group    string
	Name     string
	Version  string
	PURL     string
	Scope    string // required, optional, or excluded: of the build and the tests alone
	Licenses []struct {
		Expression string
		License    struct{ ID, Name string }
	}
	Properties []struct{ Name, Value string }
	Components []cdxComponent
	Evidence   struct {
		Occurrences []struct{ Location string }
	}
}

// readCycloneDX reads a document of CycloneDX in JSON.
func readCycloneDX(raw []byte) (*SBOM, []component, error) {
	var doc struct {
		SpecVersion string
		Metadata    struct {
			Component *cdxComponent
			Tools     json.RawMessage // a list of tools until 1.4, an object with components from 1.5 on
		}
		Components []cdxComponent
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, nil, fmt.Errorf("the SBOM: %w", err)
	}
	statesSource := strings.Contains(strings.ToLower(string(doc.Metadata.Tools)), "syft")
	var components []component
	if from := doc.Metadata.Component; from != nil {
		if components = cdxFlatten(nil, []cdxComponent{*from}, statesSource); len(components) > 0 {
			components[0].described = true
		}
	}
	return &SBOM{Format: "CycloneDX " + doc.SpecVersion}, cdxFlatten(components, doc.Components, statesSource), nil
}

// cdxFlatten appends components and those in them; document.CheckWords has bounded the depth.
func cdxFlatten(flat []component, components []cdxComponent, statesSource bool) []component {
	for i := range components {
		from := &components[i]
		if from.Scope == "excluded" {
			continue
		}
		c := component{
			group: from.Group, name: from.Name, version: from.Version, purl: from.PURL, statesSource: statesSource,
			os: from.Type == "operating-system", software: cdxIsSoftware(from),
		}
		for _, l := range from.Licenses {
			for _, text := range []string{l.Expression, l.License.ID, l.License.Name} {
				if text != "" {
					c.licenses = append(c.licenses, text)
					break
				}
			}
		}
		for _, o := range from.Evidence.Occurrences {
			c.paths = append(c.paths, o.Location)
		}
		c.setProperties(from)
		flat = cdxFlatten(append(flat, c), from.Components, statesSource)
	}
	return flat
}

// cdxIsSoftware says whether a component is a program or a part of one; an unknown type counts as one. An application without a version
// only groups others, such as those of a lock file.
func cdxIsSoftware(from *cdxComponent) bool {
	switch from.Type {
	case "application":
		return from.Version != ""
	case "operating-system", "container", "device", "file", "data", "machine-learning-model", "cryptographic-asset":
		return false
	}
	return true
}

// setProperties reads the properties with which Trivy and Syft extend CycloneDX: paths, and the source package.
func (c *component) setProperties(from *cdxComponent) {
	trivy := map[string]string{}
	for _, kv := range from.Properties {
		switch name, value := kv.Name, kv.Value; {
		case name == "aquasecurity:trivy:FilePath", strings.HasPrefix(name, "syft:location:") && strings.HasSuffix(name, ":path"):
			c.paths = append(c.paths, value)
		case strings.HasPrefix(name, "aquasecurity:trivy:Src"):
			trivy[strings.TrimPrefix(name, "aquasecurity:trivy:Src")] = value
		case name == "syft:metadata:source":
			c.source.Name = value
		case name == "syft:metadata:sourceVersion":
			c.source.Version = value
		}
	}
	if trivy["Name"] == "" {
		return
	}
	v := trivy["Version"]
	if r := trivy["Release"]; v != "" && r != "" {
		v += "-" + r
	}
	if e := trivy["Epoch"]; v != "" && e != "" && e != "0" {
		v = e + ":" + v
	}
	c.source = engine.Source{Name: trivy["Name"], Version: v}
}
