package rego

import (
	"reflect"
	"testing"
)

// A data file of any content is an error or a mapping whose values policies can hold.
func FuzzData(f *testing.F) {
	f.Add("d.yaml", []byte("a: [1, 2.5, x]\nb: {c: 2026-01-01}\n"))
	f.Add("d.yaml", []byte("a: &x [1]\nb: *x\n"))
	f.Add("d.json", []byte(`{"a": 9007199254740993, "b": [null, true, 1e400]}`))
	f.Add("d.json", []byte(`{} {}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		doc, err := decodeData(&file{path: name, text: data})
		if err != nil {
			return
		}
		if again, err := normalize(doc, 0); err != nil || !reflect.DeepEqual(again, any(doc)) {
			t.Errorf("normalize is not stable: %v", err)
		}
	})
}
