package image

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// The attributes are as setcap(8) wrote them and getfattr(1) shows them.
func TestCapabilities(t *testing.T) {
	for attribute, want := range map[string]string{
		"0100000200200000000000000000000000000000":         "cap_net_raw",
		"0000000200040000000000000000000000000000":         "cap_net_bind_service",
		"010000020030000000000000c000000000000000":         "cap_bpf cap_net_admin cap_net_raw cap_perfmon",
		"0100000300200000000000000000000000000000e8030000": "cap_net_raw",
		"010000010020000000000000":                         "cap_net_raw",
		"0100000200000000000000000000000000000080":         "cap_63",
		"0000000200000000000000000000000000000000":         "",
	} {
		raw, err := hex.DecodeString(attribute)
		if err != nil {
			t.Fatal(err)
		}
		got, err := capabilities(string(raw))
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, %v; want %q", attribute, got, err, want)
		}
	}
	for _, odd := range []string{"", "01", "0100000200", "0100000900200000000000000000000000000000",
		"01000002002000000000000000000000000000", "010000020020000000000000000000000000000000"} {
		raw, _ := hex.DecodeString(odd)
		if got, err := capabilities(string(raw)); err == nil {
			t.Errorf("%q gave %q", odd, got)
		}
	}
}

func FuzzCapabilities(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := capabilities(string(b)); err == nil && len(got) > 64 {
			t.Errorf("%d capabilities", len(got))
		}
	})
}
