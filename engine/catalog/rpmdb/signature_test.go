package rpmdb

import (
	"encoding/hex"
	"strings"
	"testing"
)

// Signatures as rpm's headers have them: version 3 and 4, lengths in the old and the new form, the key named by its id or its fingerprint.
func TestKeyID(t *testing.T) {
	const id = "d36cb86cb86b3716"
	v4 := func(hashed, unhashed string) string {
		area := func(s string) string { return hex.EncodeToString([]byte{byte(len(s) / 2 >> 8), byte(len(s) / 2)}) + s }
		return "04000108" + area(hashed) + area(unhashed) + "abcd0000"
	}
	byID, byFingerprint := "0910"+id, "1621"+"04"+strings.Repeat("00", 12)+id
	old := func(body string) string {
		return "89" + hex.EncodeToString([]byte{byte(len(body) / 2 >> 8), byte(len(body) / 2)}) + body
	}
	for name, c := range map[string]struct{ packet, want string }{
		"version 3":                 {old("030500" + "65000000" + id + "0108abcd"), id},
		"version 4":                 {old(v4("05026500000000"[:12], byID)), id},
		"by fingerprint":            {old(v4(byFingerprint, "")), id},
		"the new form of lengths":   {"c2" + hex.EncodeToString([]byte{byte(len(v4("", byID)) / 2)}) + v4("", byID), id},
		"five bytes of length":      {"c2ff000000" + hex.EncodeToString([]byte{byte(len(v4("", byID)) / 2)}) + v4("", byID), id},
		"five bytes, cut off":       {"c2ff0000", ""},
		"a reserved length":         {"c2e0" + v4("", byID), ""},
		"one byte of length":        {"88" + hex.EncodeToString([]byte{byte(len(v4("", byID)) / 2)}) + v4("", byID), id},
		"no key":                    {old(v4("", "")), ""},
		"no signature":              {"990101" + "04", ""},
		"cut off":                   {old(v4("", byID))[:20], ""},
		"a subpacket of no length":  {old(v4("00", byID)), id},
		"a subpacket that is large": {old(v4("ffffffffff10"+id, "")), ""},
		"empty":                     {"", ""},
	} {
		b, err := hex.DecodeString(c.packet)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := keyID(b); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzKeyID(f *testing.F) {
	f.Add([]byte("\x89\x00\x10\x04\x00\x01\x08\x00\x00\x00\x0a\x09\x10\xd3\x6c\xb8\x6c\xb8\x6b\x37\x16"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id := keyID(b); id != "" && len(id) != 16 {
			t.Errorf("%q is no id", id)
		}
	})
}
