// Package catalog reads package databases and manifests, and assembles what they say into an inventory.
package catalog

import "github.com/vetoci/veto/engine"

// All returns all inspectors of packages, accounts and licences, in the order in which they see a file. The one that hashes files of any
// size stands last: after it nobody can read a large file again that is streamed.
func All() []engine.Inspector {
	all := []engine.Inspector{osRelease{}, dpkg{}, dpkgFiles{}, chisel{}, apk{},
		rpm{}, rpmManifest{}, pacman{}, npm{}, python{}, pythonArchives{}, java{}}
	all = append(all, manifestReaders()...)
	return append(all, programs{}, signature{}, renamed{}, accounts{}, licenseFiles{}, sbomFiles{}, unsupported{}, verify{})
}
