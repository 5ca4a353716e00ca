package image

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// checkExported returns an error when a daemon has exported another image than the ID that it was asked for: that of a configuration, or of
// a manifest or index where the daemon keeps images in containerd's store. The first digits of an ID are an ID too, unless the export has a
// name of that word.
func (a *archive) checkExported(ctx context.Context, asked string, id engine.Identity) error {
	digits, whole := strings.CutPrefix(asked, "sha256:")
	if digits == "" || strings.Trim(digits, "0123456789abcdef") != "" {
		return nil // a name: names move, and whoever needs to know takes the ID
	}
	named := slices.ContainsFunc(id.ContainedNames, func(name string) bool {
		name, _, _ = strings.Cut(path.Base(name), ":")
		return name == asked
	})
	if !whole && len(digits) < 64 && named {
		return nil
	}
	ids := []engine.Digest{id.ConfigDigest, id.Digest}
	if a.has("index.json") {
		index, err := readIndex(localContent{a})
		if err != nil {
			return err
		}
		inner := &candidates{content: localContent{a}}
		if err := inner.gather(ctx, index); err != nil {
			return err
		}
		for _, c := range inner.list {
			if c.Digest == id.Digest {
				ids = append(ids, c.top)
			}
		}
	}
	fits := func(d engine.Digest) bool { return strings.HasPrefix(strings.TrimPrefix(string(d), "sha256:"), digits) }
	if slices.ContainsFunc(ids, fits) {
		return nil
	}
	return engine.Hint(errExported{asked, id.ConfigDigest},
		"list the daemon's images and their IDs; whoever answers at its socket may be another one")
}

// errExported says which image came in place of the one that was asked for.
type errExported struct {
	asked string
	came  engine.Digest
}

func (e errExported) Error() string {
	return "the daemon was asked for the image " + e.asked + " and exported " + string(e.came)
}
