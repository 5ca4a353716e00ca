//go:build !unix

package image

import "io/fs"

func isNotDir(error) bool { return false }

// owner is 0, 0 where files have no numeric owners.
func owner(fs.FileInfo) (uid, gid uint32) { return 0, 0 }
