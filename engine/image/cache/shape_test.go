package cache

import (
	"fmt"
	"math/rand/v2"
	"path"

	"github.com/vetoci/veto/engine"
)

// distribution makes facts of the shape that a Debian layer has: entries in order of folders, and for each package its list of files and
// its list of checksums.
func distribution(entries, packages int) *engine.LayerFacts {
	rnd := rand.New(rand.NewPCG(7, 7))
	lf := &engine.LayerFacts{Info: engine.LayerInfo{Index: 1, Digest: "sha256:00", DiffID: "sha256:01", Verified: engine.VerifiedContent,
		Size: 1 << 28}}
	status := engine.Evidence{Inspector: "dpkg/1", Path: "var/lib/dpkg/status", Layer: 1,
		Sums: engine.Sums{MD5: fmt.Sprintf("%032x", 5), SHA1: fmt.Sprintf("%040x", 6)}}
	for p := range packages {
		name := fmt.Sprintf("lib%s%d", []string{"perl", "boost-program", "x", "gtk-something"}[p%4], p)
		status.Packages = append(status.Packages, engine.Package{Name: name, Version: fmt.Sprintf("1:%d.%d-%d+deb12u1", p%9, p%7, p%5),
			Type: "deb",
			Arch: "amd64", Source: engine.Source{Name: name + "-source", Version: "1.0"}})
		list := engine.Owned{Type: "deb", Package: name}
		sums := engine.Owned{Type: "deb", Package: name}
		folder := path.Join("usr", []string{"share/doc", "lib/x86_64-linux-gnu", "share/locale/de/LC_MESSAGES",
			"lib/python3/dist-packages"}[p%4], name)
		lf.Entries = append(lf.Entries, engine.Entry{Path: folder, Type: engine.TypeDir, Mode: 0o755})
		list.Files = append(list.Files, engine.OwnedFile{Path: folder})
		for f := range entries/packages - 1 {
			e := engine.Entry{Path: path.Join(folder, fmt.Sprintf("some-file-name-%d.txt", f)), Type: engine.TypeFile, Mode: 0o644,
				Size: int64(rnd.IntN(100_000))}
			if f%10 == 9 {
				e.Type, e.Mode, e.Size, e.Link = engine.TypeSymlink, 0o777, 0, fmt.Sprintf("../../target-%d.so.1", p)
			} else {
				sums.Files = append(sums.Files, engine.OwnedFile{Path: e.Path, Sum: fmt.Sprintf("md5:%016x%016x", rnd.Uint64(), rnd.Uint64())})
			}
			list.Files = append(list.Files, engine.OwnedFile{Path: e.Path})
			lf.Entries = append(lf.Entries, e)
		}
		lf.Evidence = append(lf.Evidence,
			engine.Evidence{Inspector: "dpkg-files/1", Path: "var/lib/dpkg/info/" + name + ".list", Layer: 1, Owned: []engine.Owned{list}},
			engine.Evidence{Inspector: "dpkg-files/1", Path: "var/lib/dpkg/info/" + name + ".md5sums", Layer: 1, Owned: []engine.Owned{sums}})
	}
	lf.Evidence = append(lf.Evidence, status)
	lf.Info.Entries = len(lf.Entries)
	return lf
}
