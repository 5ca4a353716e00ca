package feed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine/advisory"
)

// cve5 is a record of the CVE List (github.com/CVEProject/cve-schema, version 5).
type cve5 struct {
	Meta struct {
		ID        string `json:"cveId"`
		State     string `json:"state"`
		Published string `json:"datePublished"`
	} `json:"cveMetadata"`
	Containers struct {
		CNA *cve5Container  `json:"cna"`
		ADP []cve5Container `json:"adp"`
	} `json:"containers"`
}

type cve5Container struct {
	Provider struct {
		Name string `json:"shortName"`
	} `json:"providerMetadata"`
	Metrics []struct {
		V2  *cvssData `json:"cvssV2_0"`
		V30 *cvssData `json:"cvssV3_0"`
		V31 *cvssData `json:"cvssV3_1"`
		V4  *cvssData `json:"cvssV4_0"`
	} `json:"metrics"`
	Problems []struct {
		Descriptions []struct {
			CWE string `json:"cweId"`
		} `json:"descriptions"`
	} `json:"problemTypes"`
}

type cvssData struct {
	Vector string `json:"vectorString"`
}

// record reads a record of the CVE List. A rejected or reserved one says nothing.
func (g *assessing) record(data []byte) error {
	var r cve5
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("not JSON as the CVE List writes it: %w", err)
	}
	switch {
	case r.Meta.ID == "":
		return errors.New("neither a record of the CVE List nor an export of the NVD: it has no cveMetadata.cveId")
	case !cveID.MatchString(r.Meta.ID):
		return fmt.Errorf("%s is no CVE id", quote(r.Meta.ID))
	case r.Meta.State != "PUBLISHED":
		return nil
	}
	published, err := utc(r.Meta.Published)
	if err != nil {
		return fmt.Errorf("datePublished: %w", err)
	}
	containers := r.Containers.ADP
	if r.Containers.CNA != nil {
		r.Containers.CNA.Provider.Name = "CNA"
		containers = append([]cve5Container{*r.Containers.CNA}, containers...)
	}
	for _, c := range containers {
		by := advisory.Assessment{By: cmp.Or(c.Provider.Name, "ADP")}
		for _, m := range c.Metrics {
			by.Ratings = rated(by.Ratings, "CVSS_V4", m.V4)
			by.Ratings = rated(by.Ratings, "CVSS_V3", m.V31)
			by.Ratings = rated(by.Ratings, "CVSS_V3", m.V30)
			by.Ratings = rated(by.Ratings, "CVSS_V2", m.V2)
		}
		for _, p := range c.Problems {
			for _, d := range p.Descriptions {
				by.CWEs = weakness(by.CWEs, d.CWE)
			}
		}
		if err := g.note(r.Meta.ID, published, by); err != nil {
			return err
		}
	}
	return nil
}

func rated(to []advisory.Rating, typ string, d *cvssData) []advisory.Rating {
	if d == nil || d.Vector == "" {
		return to
	}
	if r := (advisory.Rating{Type: typ, Score: d.Vector}); !slices.Contains(to, r) {
		to = append(to, r)
	}
	return to
}

// weakness keeps an id that is one; the NVD also writes NVD-CWE-noinfo.
func weakness(to []string, id string) []string {
	if n, ok := strings.CutPrefix(id, "CWE-"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
		return append(to, id)
	}
	return to
}

// nvd2 is an export of the NVD (csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema).
type nvd2 struct {
	At              string `json:"timestamp"`
	Vulnerabilities []struct {
		CVE nvdCVE `json:"cve"`
	} `json:"vulnerabilities"`
}

type nvdCVE struct {
	ID        string `json:"id"`
	Published string `json:"published"`
	Status    string `json:"vulnStatus"`
	Metrics   struct {
		V2  []nvdMetric `json:"cvssMetricV2"`
		V30 []nvdMetric `json:"cvssMetricV30"`
		V31 []nvdMetric `json:"cvssMetricV31"`
		V40 []nvdMetric `json:"cvssMetricV40"`
	} `json:"metrics"`
	Weaknesses []struct {
		Source      string `json:"source"`
		Description []struct {
			Value string `json:"value"`
		} `json:"description"`
	} `json:"weaknesses"`
}

type nvdMetric struct {
	Source string   `json:"source"`
	Data   cvssData `json:"cvssData"`
}

// nvdSource names who said something: the NVD itself, CISA's programme beside the CVE List, else the CNA.
func nvdSource(source string) string {
	switch source {
	case "nvd@nist.gov":
		return "NVD"
	case "134c704f-9b21-4f2e-91b3-4a467353bcc0":
		return "CISA-ADP"
	}
	return "CNA"
}

func (g *assessing) nvd(data []byte) error {
	var doc nvd2
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("not JSON as the NVD writes it: %w", err)
	}
	if err := g.dated(doc.At); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	for i, v := range doc.Vulnerabilities {
		if err := g.nvdCVE(&v.CVE); err != nil {
			return fmt.Errorf("vulnerabilities[%d]: %w", i, err)
		}
	}
	return nil
}

func (g *assessing) nvdCVE(c *nvdCVE) error {
	if !cveID.MatchString(c.ID) {
		return fmt.Errorf("%s is no CVE id", quote(c.ID))
	}
	if c.Status == "Rejected" {
		return nil
	}
	published, err := utc(c.Published)
	if err != nil {
		return fmt.Errorf("published: %w", err)
	}
	by := map[string]*advisory.Assessment{}
	of := func(source string) *advisory.Assessment {
		name := nvdSource(source)
		if by[name] == nil {
			by[name] = &advisory.Assessment{By: name}
		}
		return by[name]
	}
	for _, list := range []struct {
		typ     string
		metrics []nvdMetric
	}{{"CVSS_V4", c.Metrics.V40}, {"CVSS_V3", c.Metrics.V31}, {"CVSS_V3", c.Metrics.V30}, {"CVSS_V2", c.Metrics.V2}} {
		for _, m := range list.metrics {
			a := of(m.Source)
			a.Ratings = rated(a.Ratings, list.typ, &m.Data)
		}
	}
	for _, w := range c.Weaknesses {
		a := of(w.Source)
		for _, d := range w.Description {
			a.CWEs = weakness(a.CWEs, d.Value)
		}
	}
	for _, name := range []string{"CISA-ADP", "CNA", "NVD"} {
		if by[name] == nil {
			continue
		}
		if err := g.note(c.ID, published, *by[name]); err != nil {
			return err
		}
	}
	return nil
}
