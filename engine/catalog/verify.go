package catalog

import (
	"context"
	"io/fs"

	"github.com/vetoci/veto/engine"
)

// verify hashes files, so that annotateFiles can compare them with the checksums in package databases: set-uid and set-gid programs, or
// all.
type verify struct{ all bool }

// VerifyFiles returns the inspector that hashes every regular file, in place of the one in All that hashes set-uid and set-gid programs.
func VerifyFiles() engine.Inspector { return verify{all: true} }

func (v verify) Name() string {
	if v.all {
		return "verify-all/1"
	}
	return "verify/1"
}

func (v verify) Wants(_ string, mode fs.FileMode, _ int64) bool {
	return v.all || mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 && mode&0o111 != 0
}

// HashesFiles implements engine.Hashing.
func (verify) HashesFiles() {}

func (verify) Inspect(context.Context, *engine.File) (engine.Evidence, error) {
	return engine.Evidence{}, nil
}
