package formats

import (
	"cmp"
	"fmt"

	"github.com/vetoci/veto/engine"
)

// base says what the image was built on and whose the findings are: "debian:12, verified: 1 of 3 layers; 12 findings are the base's, 3 your own".
func (v *view) base() string {
	b := v.Base
	if b == nil {
		return ""
	}
	s := Escape(cmp.Or(string(b.Name), b.Digest.Short(), "the base")) + ", " + b.State
	if b.State == "claimed" {
		s += " by " + map[string]string{"labels": "its labels", "history": "its history", "flag": "layers that were not hashed"}[b.From]
	}
	switch {
	case b.State == "mismatch":
		return s + ": its layers are not the oldest ones of this image"
	case b.Layers == 0:
		return s + ": where it ends is not known"
	}
	n := map[engine.Origin]int{}
	for i := range v.Findings {
		n[v.Findings[i].Origin]++
	}
	are := map[bool]string{true: "is", false: "are"}[n[engine.OriginBase] == 1]
	return s + fmt.Sprintf(": %d of %s; %s %s the base's, %d your own", b.Layers, plural(len(v.Layers), "layer", "layers"),
		plural(n[engine.OriginBase], "finding", "findings"), are, n[engine.OriginOwn])
}

// space says how many bytes the layers hold, and how many of them for nothing: "1116 MB in 3 layers, 167 MB of them replaced or removed by
// later layers; efficiency 0.85".
func (v *view) space() string {
	return fmt.Sprintf("%s in %s, %s of them replaced or removed by later ones; efficiency %.2f", megabytes(v.Space.ContentBytes),
		plural(len(v.Layers), "layer", "layers"), megabytes(v.Space.WastedBytes), v.Space.Efficiency)
}

func megabytes(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%d kB", (n+999)/1000)
	}
	return fmt.Sprintf("%d MB", (n+500_000)/1_000_000)
}
