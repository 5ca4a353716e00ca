package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// Whatever is done to a file, it gives what was stored or nothing.
func TestDamageIsAMiss(t *testing.T) {
	c, dir := open(t, 1<<30)
	key := keyOf("one")
	if err := c.Store(key, small()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, key+layerSuffix)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	missed := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if lf, ok := c.Load(key); ok {
			t.Fatalf("%s: loaded %+v", what, lf)
		}
	}
	for i := range whole {
		for _, flip := range []byte{1, 0x80, 0xff} {
			data := bytes.Clone(whole)
			data[i] ^= flip
			missed(fmt.Sprintf("byte %d of %d ^ %#x", i, len(whole), flip), data)
		}
		missed(fmt.Sprintf("cut to %d bytes", i), whole[:i])
	}
	missed("a byte more", append(bytes.Clone(whole), 0))
	missed("twice", append(bytes.Clone(whole), whole...))
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if lf, ok := c.Load(key); !ok || !reflect.DeepEqual(lf, small()) {
		t.Fatal("the whole file is no hit any more")
	}
}

// A file under another's name, or of the other kind, is not taken for it.
func TestNamesAreBound(t *testing.T) {
	c, dir := open(t, 1<<30)
	if err := c.Store(keyOf("one"), small()); err != nil {
		t.Fatal(err)
	}
	if err := c.Record("two", "sha256:00"); err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(filepath.Join(dir, keyOf("one")+layerSuffix))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(filepath.Join(dir, engine.Fingerprint("state", "two")+stateSuffix))
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(keyOf("other")+layerSuffix, one)
	put(engine.Fingerprint("state", "two")+layerSuffix, two)
	put(engine.Fingerprint("state", "three")+stateSuffix, two)
	put(keyOf("one")+stateSuffix, one)
	for _, key := range []string{keyOf("other"), engine.Fingerprint("state", "two")} {
		if _, ok := c.Load(key); ok {
			t.Errorf("%s was loaded under a name that is not its own", key)
		}
	}
	if d, ok := c.Hashed("three"); ok {
		t.Errorf("another state's digest %s was given", d)
	}
	if d, ok := c.Hashed("two"); !ok || d != "sha256:00" {
		t.Errorf("the recorded digest is %q, %v", d, ok)
	}
}

// The file of a state that says something else under a sound checksum, as two states of one fingerprint would.
func TestStateIsCompared(t *testing.T) {
	c, dir := open(t, 1<<30)
	w := newPayloadWriter()
	w.string("another")
	w.string("sha256:00")
	payload, err := w.payload()
	if err != nil {
		t.Fatal(err)
	}
	key := engine.Fingerprint("state", "mine")
	if err := os.WriteFile(filepath.Join(dir, key+stateSuffix), bytes.Join(seal(key+stateSuffix, key, payload), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, ok := c.Hashed("mine"); ok {
		t.Errorf("got %s", d)
	}
}

func TestKeysAreChecked(t *testing.T) {
	c, dir := open(t, 1<<30)
	for _, key := range []string{"", "x", strings.ToUpper(keyOf("a")), keyOf("a")[1:], keyOf("a") + "0", "../" + keyOf("a")[3:],
		strings.Repeat("g", 64)} {
		if err := c.Store(key, small()); err == nil {
			t.Errorf("stored under %q", key)
		}
		if _, ok := c.Load(key); ok || c.Has(key) {
			t.Errorf("%q is there", key)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}

func TestVersionIsPartOfTheFile(t *testing.T) {
	c, dir := open(t, 1<<30)
	key := keyOf("one")
	name := key + layerSuffix
	if err := c.Store(key, small()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	other := header(name, key)
	other[8]++
	forged := append(append(bytes.Clone(other), checksum(other, data[headerSize:])...), data[headerSize:]...)
	if err := os.WriteFile(filepath.Join(dir, name), forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load(key); ok {
		t.Error("the file of another version was loaded")
	}
}

// A count that lies must not take memory: every byte of a payload in turn becomes a very large number.
func TestLyingCountsTakeNoMemory(t *testing.T) {
	payload := packed(t, anyFacts(t, rand.New(rand.NewPCG(3, 3))))
	if len(payload) > 4096 {
		payload = payload[:4096]
	}
	var before, after runtime.MemStats
	for i := range payload {
		for _, huge := range []string{"\xff\xff\xff\xff\x0f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x80\x80\x40"} {
			data := append(append(bytes.Clone(payload[:i]), huge...), payload[i+1:]...)
			runtime.ReadMemStats(&before)
			_, _ = decode(data)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Fatalf("byte %d: %d bytes of memory for a payload of %d", i, took, len(data))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	const brief = 3000 // bytes: the fuzzer works on small inputs
	for seed := range uint64(100) {
		if payload := packed(f, anyFacts(f, rand.New(rand.NewPCG(seed, 2)))); len(payload) < brief {
			f.Add(payload)
		}
	}
	f.Add(packed(f, small()))
	f.Fuzz(func(t *testing.T, payload []byte) {
		lf, err := decode(payload)
		if err != nil {
			return
		}
		again, err := encode(lf)
		if err != nil {
			return // within the limits of reading, beyond those of writing
		}
		same, err := decode(bytes.Join(again, nil))
		if err != nil || !reflect.DeepEqual(lf, same) {
			t.Fatalf("decoded %+v, which is written and read as %+v (%v)", lf, same, err)
		}
	})
}

// Text may not unfold to more than a payload can answer for; such a layer is not kept.
func TestUnfoldingIsBounded(t *testing.T) {
	lf := &engine.LayerFacts{}
	for i := range 2000 {
		lf.Entries = append(lf.Entries, engine.Entry{Path: strings.Repeat("deep/", 700) + fmt.Sprint(i)})
	}
	c, dir := open(t, 1<<30)
	if err := c.Store(keyOf("deep"), lf); err == nil {
		t.Error("it was kept")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v (%v)", left, err)
	}
}
