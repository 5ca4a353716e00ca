package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostile(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	if err := os.WriteFile(canary, []byte("Package: canary-of-the-host\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(hostileTrees(canary), hostileBlobs()...) {
		t.Run(c.name, func(t *testing.T) {
			c.check(t)
		})
	}
}
