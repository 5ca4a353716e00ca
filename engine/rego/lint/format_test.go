package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

func formatted(t *testing.T, name string, text []byte) {
	t.Helper()
	want, err := format.SourceWithOpts(name, text, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("VETO_FORMAT") != "" {
		if err := os.WriteFile(filepath.Join("../../../policies", name), want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s is not formatted (-want +got):\n%s", name, diff)
	}
}
