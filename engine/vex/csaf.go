package vex

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// CSAF 2.0 (docs.oasis-open.org/csaf/csaf/v2.0), as the profiles "VEX" (4.5) and "Security Advisory" (4.4) use it.
type csafDocument struct {
	Document struct {
		Category  string `json:"category"`
		Publisher struct {
			Name string `json:"name"`
		} `json:"publisher"`
		Tracking struct {
			ID      string `json:"id"`
			Current string `json:"current_release_date"`
			Status  string `json:"status"`
			Version string `json:"version"`
		} `json:"tracking"`
	} `json:"document"`
	Tree struct {
		Branches      []csafBranch  `json:"branches"`
		Names         []csafProduct `json:"full_product_names"`
		Relationships []struct {
			Category  string      `json:"category"`
			Product   csafProduct `json:"full_product_name"`
			Reference string      `json:"product_reference"`
			Relates   string      `json:"relates_to_product_reference"`
		} `json:"relationships"`
		Groups []struct {
			ID       string   `json:"group_id"`
			Products []string `json:"product_ids"`
		} `json:"product_groups"`
	} `json:"product_tree"`
	Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
}

type csafBranch struct {
	Category string       `json:"category"`
	Name     string       `json:"name"`
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafProduct struct {
	ID     string `json:"product_id"`
	Helper struct {
		CPE    string `json:"cpe"`
		PURL   string `json:"purl"`
		Hashes []struct {
			Files []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"file_hashes"`
		} `json:"hashes"`
		Models  []string `json:"model_numbers"`
		Serials []string `json:"serial_numbers"`
		SKUs    []string `json:"skus"`
		URIs    []struct {
			URI string `json:"uri"`
		} `json:"x_generic_uris"`
	} `json:"product_identification_helper"`
}

type csafVulnerability struct {
	CVE string `json:"cve"`
	IDs []struct {
		Text string `json:"text"`
	} `json:"ids"`
	Status       map[string][]string `json:"product_status"`
	Flags        []csafNote          `json:"flags"`
	Threats      []csafNote          `json:"threats"`
	Remediations []csafNote          `json:"remediations"`
}

// csafNote is a flag, a threat or a remediation: what is said of some products.
type csafNote struct {
	Label    string   `json:"label"`
	Category string   `json:"category"`
	Details  string   `json:"details"`
	Products []string `json:"product_ids"`
	Groups   []string `json:"group_ids"`
}

// csafTree holds the products of a document by their ids.
type csafTree struct {
	products     map[string]product
	groups       map[string][]string
	noteProducts int // how many products the groups of all notes name, bounded by engine.MaxVEXProducts
}

// parseCSAF reads a document of the given csaf_version.
func (d *Document) parseCSAF(data []byte, version string) error {
	if version != "2.0" {
		return engine.UnknownWord("csaf_version", version, []string{"2.0"})
	}
	var doc csafDocument
	if err := decode(data, &doc); err != nil {
		return err
	}
	if doc.Document.Tracking.ID == "" {
		return errors.New("document.tracking.id: it has none")
	}
	if len(doc.Vulnerabilities) > engine.MaxVEXStatements {
		return &engine.LimitError{What: "number of vulnerabilities", Limit: engine.MaxVEXStatements}
	}
	d.id, d.author = doc.Document.Tracking.ID, doc.Document.Publisher.Name
	d.format, d.version = "CSAF "+doc.Document.Publisher.Name, doc.Document.Tracking.Version
	if known := csafCategories(); !slices.Contains(known, doc.Document.Category) {
		return fmt.Errorf("document.category: %w", engine.UnknownWord("category", doc.Document.Category, known))
	}
	if err := checkCSAFStatus(doc.Document.Tracking.Status, doc.Document.Tracking.Version); err != nil {
		return err
	}
	at, err := firstTime(doc.Document.Tracking.Current)
	if err != nil || at == "" {
		return errors.Join(errors.New("document.tracking.current_release_date: it has none"), err)
	}
	tree, err := doc.tree()
	if err != nil {
		return fmt.Errorf("product_tree: %w", err)
	}
	for i, v := range doc.Vulnerabilities {
		if err := d.addCSAFStatements(v, tree, at, doc.Document.Category == "csaf_vex"); err != nil {
			return fmt.Errorf("vulnerabilities[%d]: %w", i, err)
		}
	}
	return nil
}

// tree reads product_tree (3.2.2). A relationship makes a new product of two that stand before it.
func (doc *csafDocument) tree() (*csafTree, error) {
	t := &csafTree{products: map[string]product{}, groups: map[string][]string{}}
	add := func(id string, p product) error {
		if same, twice := t.products[id]; id == "" || twice && !reflect.DeepEqual(same, p) {
			return fmt.Errorf("the product_id %.80q is empty or stands twice", id)
		}
		t.products[id] = p
		return nil
	}
	var walk func(list, path []csafBranch) error
	walk = func(list, path []csafBranch) error {
		for _, b := range list {
			below := append(slices.Clip(path), csafBranch{Category: b.Category, Name: b.Name})
			if b.Product != nil {
				if err := add(b.Product.ID, b.Product.product(below)); err != nil {
					return err
				}
			}
			if err := walk(b.Branches, below); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(doc.Tree.Branches, nil); err != nil {
		return nil, err
	}
	for _, p := range doc.Tree.Names {
		if err := add(p.ID, p.product(nil)); err != nil {
			return nil, err
		}
	}
	for i, r := range doc.Tree.Relationships {
		inner, hasInner := t.products[r.Reference]
		outer, hasOuter := t.products[r.Relates]
		if !hasInner || !hasOuter {
			return nil, fmt.Errorf("relationships[%d] names products that the tree does not have before it", i)
		}
		p := product{component: inner.component, within: append(slices.Concat(inner.within, outer.within), outer.component)}
		if len(p.within) > engine.MaxJSONDepth {
			return nil, &engine.LimitError{What: "depth of relationships", Limit: engine.MaxJSONDepth}
		}
		if !slices.Contains([]string{"default_component_of", "optional_component_of", "installed_on"}, r.Category) {
			p.component.unmatchable = true // "installed_with" and "external_component_of" name no package of this image
		}
		if err := add(r.Product.ID, p); err != nil {
			return nil, err
		}
	}
	for _, g := range doc.Tree.Groups {
		t.groups[g.ID] = append(t.groups[g.ID], g.Products...)
	}
	return t, nil
}

// csafStatus maps the names of product_status (3.2.3.9) to statuses. "recommended" is a known name and none of them.
func csafStatus(name string) (status string, known bool) {
	switch name {
	case "known_not_affected":
		return notAffected, true
	case "fixed", "first_fixed":
		return fixed, true
	case "known_affected", "first_affected", "last_affected":
		return affected, true
	case "under_investigation":
		return underInvestigation, true
	}
	return "", name == "recommended"
}

// byProduct returns the notes about each product, in their order.
func (t *csafTree) byProduct(notes []csafNote) (map[string][]csafNote, error) {
	out := map[string][]csafNote{}
	for _, n := range notes {
		ids := slices.Clone(n.Products)
		for _, g := range n.Groups {
			ids = append(ids, t.groups[g]...)
			if t.noteProducts += len(t.groups[g]); t.noteProducts > engine.MaxVEXProducts {
				return nil, &engine.LimitError{What: "products that a VEX document's notes name", Limit: engine.MaxVEXProducts}
			}
		}
		for _, id := range ids {
			out[id] = append(out[id], n)
		}
	}
	return out, nil
}

// addCSAFStatements adds what a vulnerability says of its products: their status, with their flags, threats and remediations. Products of
// which the same is said share a statement. strict holds the document to the profile VEX.
func (d *Document) addCSAFStatements(v csafVulnerability, tree *csafTree, at string, strict bool) error {
	var ids []string
	for _, id := range v.IDs {
		ids = append(ids, id.Text)
	}
	notes := make([]map[string][]csafNote, 3)
	for i, list := range [][]csafNote{v.Flags, v.Threats, v.Remediations} {
		var err error
		if notes[i], err = tree.byProduct(list); err != nil {
			return err
		}
	}
	type key struct{ status, justification, impact, action string }
	grouped := map[key]*statement{}
	var order []*statement
	for _, name := range slices.Sorted(maps.Keys(v.Status)) {
		status, known := csafStatus(name)
		if !known {
			return fmt.Errorf("product_status: unknown status %.40q", name)
		}
		for i, id := range v.Status[name] {
			p, ok := tree.products[id]
			if !ok {
				return fmt.Errorf("product_status.%s[%d]: the tree has no product %.80q", name, i, id)
			}
			if status == "" {
				continue
			}
			s := statement{names: []string{v.CVE}, aliases: ids, status: status, time: at}
			if err := s.addCSAFNotes(notes[0][id], notes[1][id], notes[2][id], strict); err != nil {
				return fmt.Errorf("product_status.%s[%d] (%.80s): %w", name, i, id, err)
			}
			k := key{s.status, s.justification, s.impact, s.action}
			if grouped[k] == nil {
				grouped[k] = &s
				order = append(order, &s)
			}
			grouped[k].products = append(grouped[k].products, p)
		}
	}
	for _, s := range order {
		if err := d.add(*s); err != nil {
			return err
		}
	}
	return nil
}

// addCSAFNotes adds what flags, threats and remediations say: the justification, the impact and the action.
func (s *statement) addCSAFNotes(flags, threats, remediations []csafNote, strict bool) error {
	if s.status == notAffected {
		for _, f := range flags {
			if !slices.Contains(justifications(), f.Label) {
				return engine.UnknownWord("flag", f.Label, justifications())
			}
			s.justification = cmp.Or(s.justification, f.Label)
		}
	}
	for _, t := range threats {
		if t.Category == "impact" && says(t.Details) {
			s.impact = cmp.Or(s.impact, t.Details)
		}
	}
	if strict && s.status == notAffected && s.justification == "" && s.impact == "" {
		return errors.New("known_not_affected needs a flag or a threat of the category impact (CSAF 2.0, 4.5)")
	}
	if s.status != affected {
		return nil
	}
	var actions []string
	for _, r := range remediations {
		s.wontFix = s.wontFix || r.Category == "no_fix_planned"
		if text := strings.TrimSuffix(r.Category+": "+r.Details, ": "); !slices.Contains(actions, text) {
			actions = append(actions, text)
		}
	}
	s.action = strings.Join(actions, "; ")
	return nil
}
