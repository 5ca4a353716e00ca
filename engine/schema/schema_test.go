package schema

import (
	"reflect"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestSchemaNamesEveryField(t *testing.T) {
	s := Of(reflect.TypeFor[engine.Input]())
	props := s["properties"].(map[string]any)
	for _, want := range []string{"schema_version", "packages", "findings", "index", "weakened", "os"} {
		if props[want] == nil {
			t.Errorf("the schema of the input lacks %s", want)
		}
	}
	if s["additionalProperties"] != false {
		t.Error("the input's schema allows unknown properties")
	}
}
