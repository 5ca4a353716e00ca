package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
)

// fillAny puts a value into every field that v reaches, so that a field which the codec does not know makes a round trip fail. Lists
// are nil, empty or filled.
func fillAny(t testing.TB, rnd *rand.Rand, v reflect.Value, depth int) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(anyString(rnd))
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(anyNumber(rnd))
	case reflect.Uint64:
		v.SetUint(rnd.Uint64() >> rnd.IntN(64))
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(uint64(anyNumber(rnd)) & (1<<v.Type().Bits() - 1))
	case reflect.Pointer:
		if rnd.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillAny(t, rnd, v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fillAny(t, rnd, v.Field(i), depth)
		}
	case reflect.Slice:
		switch n := rnd.IntN(8); n {
		case 0: // nil
		case 1:
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		default:
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			for i := range v.Len() {
				fillAny(t, rnd, v.Index(i), depth+1)
			}
		}
	default:
		t.Fatalf("the facts hold a %s now: teach it to the codec, and to this test", v.Type())
	}
}

func anyNumber(rnd *rand.Rand) int64 {
	if rnd.IntN(4) == 0 {
		return -int64(rnd.Uint64() >> rnd.IntN(64) >> 1)
	}
	return int64(rnd.Uint64() >> rnd.IntN(64) >> 1)
}

func anyString(rnd *rand.Rand) string {
	hexed := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return hex.EncodeToString(b)
	}
	switch rnd.IntN(9) {
	case 0:
		return ""
	case 1:
		return "md5:" + hexed(16)
	case 2:
		return "sha1:" + hexed(20)
	case 3:
		return "md5:" + strings.ToUpper(hexed(16))
	case 4:
		return "md5:" + hexed(1+rnd.IntN(20))
	case 5:
		return string([]byte{byte(rnd.Uint32()), 0, '\n', 0xff})
	case 6:
		return strings.Repeat("long/", rnd.IntN(200))
	default:
		return fmt.Sprintf("usr/share/doc/package-%d/file-%d", rnd.IntN(4), rnd.IntN(10))
	}
}

func anyFacts(t testing.TB, rnd *rand.Rand) *engine.LayerFacts {
	t.Helper()
	lf := &engine.LayerFacts{}
	fillAny(t, rnd, reflect.ValueOf(lf).Elem(), 0)
	return lf
}

// packed is the payload of lf in one piece.
func packed(t testing.TB, lf *engine.LayerFacts) []byte {
	t.Helper()
	parts, err := encode(lf)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join(parts, nil)
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(2000) {
		lf := anyFacts(t, rand.New(rand.NewPCG(seed, 1)))
		payload := packed(t, lf)
		got, err := decode(payload)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(lf, got) {
			t.Fatalf("seed %d: (-stored +loaded):\n%s", seed, cmp.Diff(lf, got))
		}
		if !bytes.Equal(payload, packed(t, got)) {
			t.Fatalf("seed %d: the same facts are other bytes", seed)
		}
	}
}

// shape spells out a type with everything that it is made of.
func shape(b *strings.Builder, t reflect.Type) {
	fmt.Fprintf(b, "%s %s", t, t.Kind())
	switch t.Kind() {
	case reflect.Struct:
		b.WriteString("{")
		for i := range t.NumField() {
			b.WriteString(t.Field(i).Name + " ")
			shape(b, t.Field(i).Type)
			b.WriteString(";")
		}
		b.WriteString("}")
	case reflect.Slice, reflect.Pointer, reflect.Array:
		b.WriteString("(")
		shape(b, t.Elem())
		b.WriteString(")")
	}
}

// The facts of another shape must never be taken for these: whoever changes engine's types comes here.
func TestFormatVersionFollowsTheTypes(t *testing.T) {
	const (
		version = 8
		want    = "9f1d6cc5f5458348"
	)
	var b strings.Builder
	shape(&b, reflect.TypeFor[engine.LayerFacts]())
	sum := sha256.Sum256([]byte(b.String()))
	if got := hex.EncodeToString(sum[:8]); got != want || formatVersion != version {
		t.Errorf("the types of the facts have changed: write the new fields in fields.go, bump formatVersion, "+
			"and set version to it and want to %q here\n%s", got, &b)
	}
}
