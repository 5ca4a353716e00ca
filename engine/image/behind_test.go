package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// An archive that holds what no image tool writes is refused, even where nothing refers to it: tools differ in what they make of it.
func TestArchiveOfOddEntries(t *testing.T) {
	for name, e := range map[string]imagetest.Entry{
		"a pipe":                              {Path: "pipe", Type: tar.TypeFifo},
		"a device":                            {Path: "null", Type: tar.TypeChar},
		"a hard link that leaves the archive": {Path: "x", Type: tar.TypeLink, Link: "../../etc/passwd"},
	} {
		m := imagetest.Image{Name: "a:1", Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "x")}}}}
		var good bytes.Buffer
		if err := imagetest.WriteDockerArchive(&good, m); err != nil {
			t.Fatal(err)
		}
		odd, err := imagetest.Tar(e)
		if err != nil {
			t.Fatal(err)
		}
		// Before the image's own entries: a tar ends with two blocks of zeros, which the joined one must not have in its middle.
		path := filepath.Join(t.TempDir(), "odd.tar")
		if err := os.WriteFile(path, append(odd[:len(odd)-1024], good.Bytes()...), 0o600); err != nil {
			t.Fatal(err)
		}
		if img, err := Open(context.Background(), path, Options{}); err == nil {
			t.Errorf("%s: the archive was opened: %v", name, errors.Join(img.Close()))
		}
	}
}

// A path that is short where it stands and too long where a link leads is a limit reached, not a path.
func TestPathsBehindLinks(t *testing.T) {
	deep := strings.Repeat("d/", engine.MaxDepth-1) + "d"
	long := strings.Repeat(strings.Repeat("x", 250)+"/", engine.MaxPath/251) + strings.Repeat("y", 100)
	for name, target := range map[string]string{"depth": deep, "length": long} {
		dir := func(p string) engine.Entry { return engine.Entry{Path: p, Type: engine.TypeDir} }
		var lower []engine.Entry
		for i, c := range target {
			if c == '/' {
				lower = append(lower, dir(target[:i]))
			}
		}
		lower = append(lower, dir(target), engine.Entry{Path: "l", Type: engine.TypeSymlink, Link: "/" + target})
		for _, below := range []string{"", "/a/b/c"} {
			upper := []engine.Entry{{Path: "l/" + strings.Repeat("z", 200) + below, Type: engine.TypeFile}}
			_, err := Merge([]engine.LayerFacts{{Info: engine.LayerInfo{Index: 1}, Entries: lower},
				{Info: engine.LayerInfo{Index: 2}, Entries: upper}})
			if limit := (*engine.LimitError)(nil); !errors.As(err, &limit) {
				t.Errorf("%s%s: %v, want a limit", name, below, err)
			}
		}
	}
}
