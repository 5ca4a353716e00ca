package feed

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vetoci/veto/engine/advisory"
)

// cve5Record is a record of the CVE List (github.com/CVEProject/cve-schema, version 5).
type cve5Record struct {
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

// readCVE5 reads a record of the CVE List. It ignores a rejected or reserved one.
func (r *cveReader) readCVE5(data []byte) error {
	var rec cve5Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return fmt.Errorf("not JSON as the CVE List writes it: %w", err)
	}
	switch {
	case rec.Meta.ID == "":
		return errors.New("neither a record of the CVE List nor an export of the NVD: it has no cveMetadata.cveId")
	case !cveID.MatchString(rec.Meta.ID):
		return fmt.Errorf("%s is no CVE id", quote(rec.Meta.ID))
	case rec.Meta.State != "PUBLISHED":
		return nil
	}
	published, err := utcTime(rec.Meta.Published)
	if err != nil {
		return fmt.Errorf("datePublished: %w", err)
	}
	containers := rec.Containers.ADP
	if rec.Containers.CNA != nil {
		rec.Containers.CNA.Provider.Name = "CNA"
		containers = append([]cve5Container{*rec.Containers.CNA}, containers...)
	}
	for _, c := range containers {
		a := advisory.Assessment{By: cmp.Or(c.Provider.Name, "ADP")}
		for _, m := range c.Metrics {
			a.Ratings = appendRating(a.Ratings, "CVSS_V4", m.V4)
			a.Ratings = appendRating(a.Ratings, "CVSS_V3", m.V31)
			a.Ratings = appendRating(a.Ratings, "CVSS_V3", m.V30)
			a.Ratings = appendRating(a.Ratings, "CVSS_V2", m.V2)
		}
		for _, p := range c.Problems {
			for _, d := range p.Descriptions {
				a.CWEs = appendCWE(a.CWEs, d.CWE)
			}
		}
		if err := r.add(rec.Meta.ID, published, a); err != nil {
			return err
		}
	}
	return nil
}

// appendRating adds a rating, each once.
func appendRating(to []advisory.Rating, typ string, d *cvssData) []advisory.Rating {
	if d == nil || d.Vector == "" {
		return to
	}
	if r := (advisory.Rating{Type: typ, Score: d.Vector}); !slices.Contains(to, r) {
		to = append(to, r)
	}
	return to
}

// appendCWE adds an id if it is a CWE id.
func appendCWE(to []string, id string) []string {
	if advisory.IsCWE(id) {
		return append(to, id)
	}
	return to
}

// nvdExport is an export of the NVD (csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema).
type nvdExport struct {
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

// nvdAssessor names the party that a source of the NVD's stands for: the NVD itself, CISA as an ADP of the CVE programme, else the CNA.
func nvdAssessor(source string) string {
	switch source {
	case "nvd@nist.gov":
		return "NVD"
	case "134c704f-9b21-4f2e-91b3-4a467353bcc0":
		return "CISA-ADP"
	}
	return "CNA"
}

// readNVD reads an export of the NVD.
func (r *cveReader) readNVD(data []byte) error {
	var doc nvdExport
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("not JSON as the NVD writes it: %w", err)
	}
	if err := r.noteDate(doc.At); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	for i, v := range doc.Vulnerabilities {
		if err := r.addNVD(&v.CVE); err != nil {
			return fmt.Errorf("vulnerabilities[%d]: %w", i, err)
		}
	}
	return nil
}

// addNVD adds what an export says of one CVE. It ignores a rejected one.
func (r *cveReader) addNVD(c *nvdCVE) error {
	if !cveID.MatchString(c.ID) {
		return fmt.Errorf("%s is no CVE id", quote(c.ID))
	}
	if c.Status == "Rejected" {
		return nil
	}
	published, err := utcTime(c.Published)
	if err != nil {
		return fmt.Errorf("published: %w", err)
	}
	byParty := map[string]*advisory.Assessment{}
	assessmentOf := func(source string) *advisory.Assessment {
		name := nvdAssessor(source)
		if byParty[name] == nil {
			byParty[name] = &advisory.Assessment{By: name}
		}
		return byParty[name]
	}
	for _, list := range []struct {
		typ     string
		metrics []nvdMetric
	}{{"CVSS_V4", c.Metrics.V40}, {"CVSS_V3", c.Metrics.V31}, {"CVSS_V3", c.Metrics.V30}, {"CVSS_V2", c.Metrics.V2}} {
		for _, m := range list.metrics {
			a := assessmentOf(m.Source)
			a.Ratings = appendRating(a.Ratings, list.typ, &m.Data)
		}
	}
	for _, w := range c.Weaknesses {
		a := assessmentOf(w.Source)
		for _, d := range w.Description {
			a.CWEs = appendCWE(a.CWEs, d.Value)
		}
	}
	for _, name := range []string{"CISA-ADP", "CNA", "NVD"} {
		if byParty[name] == nil {
			continue
		}
		if err := r.add(c.ID, published, *byParty[name]); err != nil {
			return err
		}
	}
	return nil
}
