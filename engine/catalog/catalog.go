// Package catalog reads package databases and manifests, and assembles what they say into an inventory.
package catalog

import "github.com/vetoci/veto/engine"

// All is the one list of inspectors.
func All() []engine.Inspector {
	return []engine.Inspector{osRelease{}, dpkg{}, dpkgFiles{}, apk{}, npm{}, python{}, golang{}, unsupported{}}
}
