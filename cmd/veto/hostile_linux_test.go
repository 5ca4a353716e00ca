package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Images made to hurt, each scanned in a process of its own. With -short, those that take seconds of a processor are left out.
func TestHostile(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	if err := os.WriteFile(canary, []byte("Package: canary-of-the-host\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(hostileTrees(canary), hostileBlobs()...) {
		if c.heavy && testing.Short() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}
