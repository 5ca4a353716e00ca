package policies_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/schema"
	"github.com/vetoci/veto/policies"
)

var update = flag.Bool("update", false, "write the schemas anew from the Go types")

// published is the schema of a type as it is published.
func published(t *testing.T, typ reflect.Type, title string) []byte {
	t.Helper()
	doc := schema.Of(typ)
	doc["$schema"], doc["title"] = "https://json-schema.org/draft/2020-12/schema", title
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The published schemas are what the Go types say; `go test ./policies -update` writes them.
func TestSchemas(t *testing.T) {
	for _, s := range []struct{ path, title string }{
		{"schema/input.json", "What veto's policies see as input, schema version " + engine.SchemaVersion},
		{"../docs/schema/run.json", "A run of veto, schema version " + engine.SchemaVersion},
	} {
		typ := reflect.TypeFor[engine.Input]()
		if strings.HasSuffix(s.path, "run.json") {
			typ = reflect.TypeFor[engine.Run]()
		}
		want := published(t, typ, s.title)
		if *update {
			if err := os.WriteFile(filepath.FromSlash(s.path), want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(filepath.FromSlash(s.path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is out of date, run go test ./policies -update (-want +got):\n%s", s.path, diff)
		}
	}
}

func TestLibraryHasEveryPolicyAndNoTest(t *testing.T) {
	names := func(fsys fs.FS) (out []string) {
		t.Helper()
		found, err := fs.Glob(fsys, "veto/*.rego")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	var want []string
	for _, n := range names(policies.Tests()) {
		if !strings.HasSuffix(n, "_test.rego") {
			want = append(want, n)
		}
	}
	if diff := cmp.Diff(want, names(policies.Library())); diff != "" || len(want) == 0 {
		t.Errorf("-folder +embedded:\n%s", diff)
	}
}
