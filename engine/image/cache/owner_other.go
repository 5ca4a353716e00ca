//go:build !unix

package cache

import "io/fs"

const openNonblock = 0

// Where files have no numeric owner or mode, the system's access lists keep others from the user's own folders.
func ownedByUser(fs.FileInfo) bool { return true }

func writableByOthers(fs.FileInfo) bool { return false }
