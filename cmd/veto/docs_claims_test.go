package main

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/vetoci/veto/engine/daemon"
	"github.com/vetoci/veto/engine/image/imagetest"
	"github.com/vetoci/veto/engine/rego"
	"github.com/vetoci/veto/formats"
	"github.com/vetoci/veto/policies"
)

// Every flag that a sentence names is a command's, and every VETO_ variable is known. The other way round, a variable that is no flag's is
// in the guide.
func TestDocumentFlags(t *testing.T) {
	t.Parallel()
	words := spoken(t)
	known, text := variables(), ""
	for w := range words {
		if name, ok := strings.CutPrefix(w, "--"); ok {
			known = append(known, variableOf(name))
		}
	}
	for _, p := range pages(t) {
		text += p.text
		for _, part := range p.parts {
			flag, _, _ := strings.Cut(part.text, " ")
			if part.kind == inline && strings.HasPrefix(flag, "--") && !words[flag] {
				t.Errorf("%s names %s, which no command has", p.name, flag)
			}
		}
		for _, name := range regexp.MustCompile(`\bVETO_[A-Z_]+\b`).FindAllString(p.text, -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names %s, which nothing reads", p.name, name)
			}
		}
	}
	for _, name := range variables() {
		if !strings.Contains(text, name) {
			t.Errorf("no page names %s", name)
		}
	}
}

// The README lists every format, and docs/ci.md the outputs of the action.
func TestDocumentLists(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`(?s)-o FORMAT\[=PATH\]` + "`: ([^)]+)\\)").FindStringSubmatch(readPage(t, "README.md").text)
	if named == nil {
		t.Fatal("the README has no list of formats")
	}
	got := strings.FieldsFunc(named[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	want := append(formats.Names(), "facts")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("formats (-veto +README):\n%s", diff)
	}
	ci := readPage(t, "docs/ci.md").text
	for _, name := range sortedKeys(readAction(t).Outputs) {
		if !strings.Contains(ci, "`"+name+"`") {
			t.Errorf("docs/ci.md does not name the action's output %s", name)
		}
	}
}

// docs/policies.md has the defaults of parameters as the policies declare them.
func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	p, err := rego.Load(t.Context(), rego.Options{Schema: policies.InputSchema(), Library: policies.Library(), At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\| [^|]+ \\|$")
	for _, r := range p.Rules() {
		_, section, _ := strings.Cut(readPage(t, "docs/policies.md").text, "\n## "+r.ID+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		documented := map[string]string{}
		for _, m := range row.FindAllStringSubmatch(section, -1) {
			documented[m[1]] = strings.Trim(m[2], "`")
		}
		for name, value := range r.Params {
			var want, got any
			if b, err := yaml.Marshal(value); err != nil || yaml.Unmarshal(b, &want) != nil {
				t.Fatalf("%s.%s: %v", r.ID, name, value)
			}
			if err := yaml.Unmarshal([]byte(documented[name]), &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("docs/policies.md says %q of %s.%s, and it is %v", documented[name], r.ID, name, want)
			}
			delete(documented, name)
		}
		for name := range documented {
			t.Errorf("docs/policies.md has a parameter %s of %s, which it has not", name, r.ID)
		}
	}
}

// docs/report.md names every section of a report, and every word of the lists that it gives.
func TestReportPage(t *testing.T) {
	t.Parallel()
	var schema schemaNode
	readJSON(t, filepath.Join(root(t), "docs", "schema", "run.json"), &schema)
	text := readPage(t, "docs/report.md").text
	named := func(word string) bool { return strings.Contains(text, "`"+word+"`") }
	lists := []string{"reports[].gaps[].kind", "reports[].decision.rules[].status", "reports[].packages[].found_by",
		"reports[].packages[].no_code", "reports[].findings[].fix", "reports[].accounts[].password", "reports[].layers[].verified",
		"reports[].findings[].origin", "reports[].decision.verdict"}
	seen := 0
	schema.walk(nil, func(path []string, n schemaNode) {
		at := strings.Join(path, ".")
		if section, ok := strings.CutPrefix(at, "reports[]."); ok && !strings.ContainsAny(section, ".[") && !named(section) &&
			!named(section+"[]") {
			t.Errorf("docs/report.md does not name the section %s", section)
		}
		if !slices.Contains(lists, at) || len(n.Enum) == 0 {
			return
		}
		seen++
		for _, w := range n.Enum {
			if s, ok := w.(string); ok && !named(s) {
				t.Errorf("docs/report.md does not name %s of %s", s, at)
			}
		}
	})
	if seen != len(lists) {
		t.Errorf("%d lists found, want %d", seen, len(lists))
	}
}

// What the guide shows of veto.yaml, of waivers and of a policy is taken as it stands.
func TestDocumentBlocks(t *testing.T) {
	t.Parallel()
	blockOf := func(name, lang string) string {
		for _, p := range readPage(t, name).parts {
			if p.kind == block && p.lang == lang {
				return p.text
			}
		}
		t.Fatalf("%s has no block of %s", name, lang)
		return ""
	}
	d := newDesk(t, imagetest.Gzip)
	d.append("veto.yaml", blockOf("docs/configuration.md", "yaml"))
	d.append("veto-waivers.yaml", blockOf("docs/waivers.md", "yaml"))
	d.append("policy/label.rego", "package label\n\n# METADATA\n# title: A label\n"+
		"deny[\"own-label\"] contains \"none\" if not input.config.labels.own\n")
	d.append("policy/setuid.rego", "package setuid\n\n# METADATA\n# title: Set-uid files of one's own\n"+blockOf("docs/report.md", "rego"))
	if code, out, errs := d.run("veto config && veto policy check && veto scan ./app.tar --base ./base.tar"); code != exitDenied ||
		!strings.Contains(out, "rules.own-label                  deny") || !strings.Contains(out, "17 rules, no problems") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
}

// The layer cache's page has steps of workflows: their keys are inputs of the action, and variables that veto knows.
func TestCachePage(t *testing.T) {
	t.Parallel()
	var blocks []part
	for _, p := range readPage(t, "docs/cache.md").parts {
		if p.kind == block {
			blocks = append(blocks, p)
		}
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	var steps []step
	if err := yaml.Unmarshal([]byte(blocks[0].text), &steps); err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, s := range steps {
		if !strings.HasPrefix(s.Uses, "vetoci/veto@") {
			continue
		}
		own++
		for key := range s.With {
			if _, ok := readAction(t).Inputs[key]; !ok {
				t.Errorf("the action has no input %s", key)
			}
		}
	}
	if own != 1 {
		t.Errorf("%d steps of the action", own)
	}
	var job map[string]struct {
		Extends   string
		Variables map[string]string
	}
	if err := yaml.Unmarshal([]byte(blocks[1].text), &job); err != nil {
		t.Fatal(err)
	}
	if j := job["image-gate"]; j.Extends != ".veto" || j.Variables["VETO_CACHE_LIMIT"] == "" {
		t.Errorf("%+v", j)
	}
}

// docs/sources.md has the folders of certificates and the sockets that are looked at, in their order.
func TestSourcesPage(t *testing.T) {
	t.Parallel()
	text := strings.Join(strings.Fields(readPage(t, "docs/sources.md").text), " ")
	getenv := func(key string) string {
		return map[string]string{"HOME": "/~", "XDG_RUNTIME_DIR": "/$XDG_RUNTIME_DIR"}[key]
	}
	plain := func(paths []string, mark string) string {
		var out []string
		for _, p := range paths {
			out = append(out, mark+strings.NewReplacer("/~", "~", "/$XDG", "$XDG").Replace(p)+mark)
		}
		return strings.Join(out, map[string]string{"": " ", "`": ", "}[mark])
	}
	if want := plain(certDirs(&system{environ: []string{"HOME=/~"}}), ""); !strings.Contains(text, want) {
		t.Errorf("docs/sources.md does not say %s", want)
	}
	for host, o := range map[string]daemon.Options{"DOCKER_HOST": daemon.Docker(getenv), "CONTAINER_HOST": daemon.Podman(getenv)} {
		if want := "`" + host + "`, " + plain(o.Sockets, "`"); !strings.Contains(text, want) {
			t.Errorf("docs/sources.md does not say %s", want)
		}
	}
	_, prefixes, _ := strings.Cut(sourceHelp, "outright:")
	for _, prefix := range strings.Fields(prefixes) {
		if !strings.Contains(text, "`"+prefix+"`") {
			t.Errorf("docs/sources.md does not name the prefix %s", prefix)
		}
	}
}
