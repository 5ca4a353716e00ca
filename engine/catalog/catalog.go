// Package catalog reads package databases and manifests, and assembles what they say into an inventory.
package catalog

import "github.com/vetoci/veto/engine"

// All is the one list of inspectors. What hashes whole files stands last: a large body that passes by can be read by nobody after it.
func All() []engine.Inspector {
	all := []engine.Inspector{osRelease{}, dpkg{}, dpkgFiles{}, apk{}, rpm{}, rpmManifest{}, pacman{}, npm{}, python{}, java{}}
	all = append(all, manifestReaders()...)
	return append(all, programs{}, signature{}, accounts{}, licenseFiles{}, sbomFiles{}, unsupported{}, verify{})
}
