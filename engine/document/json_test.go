package document

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct{ text, says string }{
		{`{}`, ""}, {`[]`, ""}, {`null`, ""}, {`"a"`, ""}, {` 1e999 `, ""}, {`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`, ""},
		{`["a","a"]`, ""}, {`{"a":"b","b":"a"}`, ""}, {`{"a":["a","a"],"b":{}}`, ""}, {`{"a":1,"A":2}`, ""},
		{nested(engine.MaxJSONDepth), ""},
		{nested(engine.MaxJSONDepth + 1), "limit"},
		{`{"a":1,"a":1}`, `the key "a" stands twice`},
		{`{"a":1,"b":[{}],"a":1}`, `the key "a" stands twice`},
		{`[{"x":{"a":{},"a":[]}}]`, `the key "a" stands twice`},
		{`{"a":1,"\u0061":2}`, `the key "a" stands twice`},
		{``, "unexpected EOF"}, {"  \n", "unexpected EOF"}, {`{`, "unexpected EOF"}, {`[1,`, "unexpected EOF"}, {`{"a"`, "unexpected EOF"},
		{`{} {}`, "a second value"}, {`1 2`, "a second value"}, {`{}x`, "not JSON"}, {`{"a":1,}`, "not JSON"}, {`{a:1}`, "not JSON"},
	} {
		switch err := CheckJSON([]byte(c.text)); {
		case c.says == "" && err != nil:
			t.Errorf("%.40s: %v", c.text, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%.40s: %v, want %q", c.text, err, c.says)
		}
	}
	if err := CheckJSON(nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("nothing: %v", err)
	}
	if limit := (*engine.LimitError)(nil); !errors.As(CheckJSON([]byte(nested(engine.MaxJSONDepth+1))), &limit) {
		t.Error("too deep is no LimitError")
	}
}

// Keys that encoding/json reads into one field stand twice, also those that only Unicode's folding makes equal (K is the Kelvin sign).
func TestCheckWords(t *testing.T) {
	t.Parallel()
	for _, twice := range []string{`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"kind":1,"\u212aind":2}`, `{"s":1,"\u017f":2}`,
		`[{"b":{"Xy":1,"xY":2}}]`} {
		if err := CheckWords([]byte(twice)); err == nil || !strings.Contains(err.Error(), "stands twice") {
			t.Errorf("%s: %v", twice, err)
		}
	}
	if err := CheckWords([]byte(`{"a":{"A":1},"b":{"a":"A"}}`)); err != nil {
		t.Error(err)
	}
}

// What the check accepts is JSON, and a second reading of what encoding/json writes of it is accepted too.
func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,{"a":null}]`, `{"a":1,"a":2}`, `1 2`, ``, `{"a":{"b":[]}}`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if CheckJSON(raw) != nil {
			return
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
			t.Fatalf("accepted, and then: %v", err)
		}
		if CheckWords(raw) == nil && CheckJSON(raw) != nil {
			t.Fatal("keys of other case stand once, the same keys twice")
		}
	})
}
