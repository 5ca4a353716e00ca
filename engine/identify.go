package engine

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

var versionLike = regexp.MustCompile(`\d+(?:[._+~-]\d+)*`)

// PathClass is a path with its version-like parts replaced by "*", so that an upgrade does not change a fingerprint.
func PathClass(p string) string { return versionLike.ReplaceAllString(p, "*") }

// Fingerprint hashes parts that are told apart whatever they contain.
func Fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strings.ReplaceAll(strings.ReplaceAll(p, `\`, `\\`), "\n", `\n`)))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fingerprint hashes what a finding is and where its package is, by the classes of paths.
func (f *Finding) fingerprint(classes []string) string {
	eco, _ := SplitEcosystem(string(f.Package.Ecosystem))
	if len(classes) == 0 {
		classes = []string{""}
	}
	return Fingerprint(append([]string{f.Kind, f.ID, eco, f.Package.Name}, classes...)...)
}

// classes returns the class of each path at which the package was found, sorted: two places of one class are two.
func (f *Finding) classes() []string {
	var paths []string
	for _, l := range f.Package.Locations {
		paths = append(paths, l.Path)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	for i := range paths {
		paths[i] = PathClass(paths[i])
	}
	slices.Sort(paths)
	return paths
}

// PartFingerprints returns the fingerprints that the finding would have, were its package at only one of its places, or at all but one.
func (f *Finding) PartFingerprints() []string {
	classes := f.classes()
	if len(classes) < 2 {
		return nil
	}
	var out []string
	for i := range classes {
		out = append(out, f.fingerprint(classes[i:i+1]))
		if len(classes) <= maxParts {
			out = append(out, f.fingerprint(slices.Concat(classes[:i], classes[i+1:])))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// maxParts is of how many places PartFingerprints also leaves out one: the work grows with the square of it.
const maxParts = 32

// Identify gives findings their fingerprints and refs, and sorts them: by package, version, then id. Ecosystem releases are left
// out of the fingerprint, so that a waiver survives an upgrade of the base image; a package that is found in one more place is another
// thing.
func Identify(fs []Finding) []Finding {
	for i := range fs {
		f := &fs[i]
		f.Fingerprint = f.fingerprint(f.classes())
		f.Ref = "v" + Fingerprint(f.Fingerprint, string(f.Package.Ecosystem), f.Package.Version)[:16]
	}
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := &fs[i], &fs[j]
		switch {
		case a.Package.Ecosystem != b.Package.Ecosystem:
			return a.Package.Ecosystem < b.Package.Ecosystem
		case a.Package.Name != b.Package.Name:
			return a.Package.Name < b.Package.Name
		case a.Package.Version != b.Package.Version:
			return a.Package.Version < b.Package.Version
		case a.ID != b.ID:
			return a.ID < b.ID
		}
		return a.Ref < b.Ref
	})
	return fs
}

// IdentifySecrets does the same for secrets: by path, line, then rule. A fingerprint holds no line, so that it survives an edit above it.
func IdentifySecrets(ss []Secret) []Secret {
	for i := range ss {
		s := &ss[i]
		s.Fingerprint = Fingerprint("secret", s.Rule, PathClass(string(s.Path)), string(s.Subject), s.Redacted, s.Hash)
		s.Ref = "s" + Fingerprint(s.Fingerprint, string(s.Path), string(s.Layer), strconv.Itoa(s.Line))[:16]
	}
	slices.SortFunc(ss, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Redacted, b.Redacted), cmp.Compare(a.Hash, b.Hash))
	})
	return slices.CompactFunc(ss, func(a, b Secret) bool { return a.Ref == b.Ref })
}

// IdentifyGaps does the same for gaps, and folds those that are the same.
func IdentifyGaps(cs []Gap) []Gap {
	byRef := map[string]int{}
	var out []Gap
	for _, c := range cs {
		c.Count = max(c.Count, 1)
		c.Fingerprint = Fingerprint("gap", string(c.Kind), PathClass(string(c.Path)), string(c.Subject))
		c.Ref = "c" + Fingerprint(c.Fingerprint, string(c.Path), string(c.Layer), c.Detail)[:16]
		if _, ok := byRef[c.Ref]; !ok {
			byRef[c.Ref] = len(out)
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		switch {
		case a.Kind != b.Kind:
			return a.Kind < b.Kind
		case a.Path != b.Path:
			return a.Path < b.Path
		case a.Subject != b.Subject:
			return a.Subject < b.Subject
		}
		return a.Ref < b.Ref
	})
	return out
}

// NewIndex builds the positions into the arrays of f.
func NewIndex(f *Facts) Index {
	x := Index{PackagesByName: map[string][]int{}, PackagesByType: map[string][]int{}, FindingsByCVE: map[string][]int{},
		FindingsByRef: map[string]int{}, FilesByPath: map[string]int{}}
	for i, p := range f.Packages {
		x.PackagesByName[p.Name] = append(x.PackagesByName[p.Name], i)
		x.PackagesByType[p.Type] = append(x.PackagesByType[p.Type], i)
	}
	sev := &x.FindingsBySeverity
	lists := map[Level]*[]int{Critical: &sev.Critical, High: &sev.High, Medium: &sev.Medium, Low: &sev.Low, Negligible: &sev.Negligible}
	for i, v := range f.Findings {
		for _, cve := range v.CVEs {
			x.FindingsByCVE[cve] = append(x.FindingsByCVE[cve], i)
		}
		list, ok := lists[v.Severity.Level]
		if !ok {
			list = &sev.Unknown
		}
		*list = append(*list, i)
		x.FindingsByRef[v.Ref] = i
	}
	return x
}
