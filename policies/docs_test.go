package policies_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/policies"
)

// Every piece of Rego in the guide is in the example, to the letter, so what is tested is what people copy.
func TestGuideShowsTheExample(t *testing.T) {
	guide, err := os.ReadFile("../docs/first-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var example string
	for _, name := range []string{"house.rego", "house_test.rego"} {
		b, err := os.ReadFile("../examples/custom-policy/policy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		example += string(b)
	}
	snippets := regexp.MustCompile("(?s)```rego\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(snippets) < 4 {
		t.Fatalf("only %d snippets", len(snippets))
	}
	for _, s := range snippets {
		if !strings.Contains(example, s[1]) {
			t.Errorf("not in examples/custom-policy/policy:\n%s", s[1])
		}
	}
}

// docs/policies.md has a section for each rule, with its action and its parameters, and for nothing else.
func TestReferenceNamesEveryRule(t *testing.T) {
	page, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(page), "\n## ")[1:] {
		name, text, _ := strings.Cut(s, "\n")
		sections[name] = text
	}
	names, err := fs.Glob(policies.Library(), "veto/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	rule := regexp.MustCompile(`(?m)^(deny|warn|info)\["([a-z-]+)"\]`)
	param := regexp.MustCompile(`(?m)^#     ([a-z_]+):$`)
	seen := map[string]bool{}
	for _, name := range names {
		b, err := fs.ReadFile(policies.Library(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(b), "\n\n") {
			m := rule.FindStringSubmatch(block)
			if m == nil || !strings.HasPrefix(block, "# METADATA") {
				continue
			}
			seen[m[2]] = true
			if !strings.Contains(sections[m[2]], "**"+m[1]+".**") {
				t.Errorf("no section for %s, a rule that would %s", m[2], m[1])
			}
			for _, p := range param.FindAllStringSubmatch(block, -1) {
				if !strings.Contains(sections[m[2]], "`"+p[1]+"`") {
					t.Errorf("%s: its parameter %s is not described", m[2], p[1])
				}
			}
		}
	}
	var extra []string
	for name := range sections {
		if !seen[name] {
			extra = append(extra, name)
		}
	}
	if slices.Sort(extra); len(extra) > 0 || len(seen) == 0 {
		t.Errorf("sections without a rule: %v", extra)
	}
}
