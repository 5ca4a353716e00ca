package rego

import (
	"bytes"
	"io"
	"io/fs"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/vetoci/veto/engine"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

func typeOfInput() reflect.Type { return reflect.TypeFor[engine.Input]() }

func mapFS(name, text string) fs.FS { return fstest.MapFS{name: &fstest.MapFile{Data: []byte(text)}} }

func FuzzData(f *testing.F) {
	f.Add("d.yaml", []byte("a: [1, 2.5, x]\nb: {c: 2026-01-01}\n"))
	f.Add("d.yaml", []byte("a: &x [1]\nb: *x\n"))
	f.Add("d.json", []byte(`{"a": 9007199254740993, "b": [null, true, 1e400]}`))
	f.Add("d.json", []byte(`{} {}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		doc, err := decode(&file{rel: name, text: data})
		if err != nil {
			return
		}
		if again, err := plain(doc, 0); err != nil || !reflect.DeepEqual(again, any(doc)) {
			t.Errorf("plain is not stable: %v", err)
		}
	})
}
