//go:build !unix

package cache

import "io/fs"

const dontWait = 0

// Where files have no numeric owner or mode, the user's own folders are kept from others by the system's access lists.
func mine(fs.FileInfo) bool { return true }

func loose(fs.FileInfo) bool { return false }
