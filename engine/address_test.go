package engine

import "testing"

func TestMaskAddresses(t *testing.T) {
	for from, want := range map[string]string{
		"":                             "",
		"nginx:1.27@sha256:ab":         "nginx:1.27@sha256:ab",
		"a@b.example: what? x=1":       "a@b.example: what? x=1",
		"see https://example.com/a#b.": "see https://example.com/a#b.",
		`Get "http://u:pw@h:1/a?sig=S&b=&c&d=x=y": refused`: `Get "http://***@h:1/a?sig=***&b=***&***&d=***": refused`,
		"tcp://token@h and oci+x://a:b@c/d":                 "tcp://***@h and oci+x://***@c/d",
		"https://u:p@ss@h/x":                                "https://***@h/x",
		"https://h/x@y?a=@":                                 "https://h/x@y?a=***",
		"https://h?S3CRET":                                  "https://h?***",
	} {
		if got := MaskAddresses(from); got != want || MaskAddresses(got) != got {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}
