package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/catalog/rpmdb"
)

// rpm reads rpm's database in any of its three formats.
type rpm struct{}

func (rpm) Name() string { return "rpm/4" }

func rpmFolders() []string {
	return []string{"var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"}
}

func (rpm) Anchors() []string { return rpmFolders() }

// Records implements engine.Recording. Each package's header says which of them its files have.
func (rpm) Records() engine.Algorithms { return engine.AllSums }

// BaseNames implements engine.Placed.
func (rpm) BaseNames() []string { return []string{} }

func (rpm) Wants(p string, _ fs.FileMode, size int64) bool {
	switch p[strings.LastIndexByte(p, '/')+1:] {
	case "Packages", "Packages.db", "rpmdb.sqlite":
	case "rpmdb.sqlite-wal", "rpmdb.sqlite-journal":
		if size == 0 {
			return false
		}
	default:
		return false
	}
	dir := path.Dir(p)
	return dir == "var/lib/rpm" || dir == "usr/lib/sysimage/rpm" || dir == "usr/share/rpm"
}

func (rpm) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	if strings.HasSuffix(f.Path, "-wal") || strings.HasSuffix(f.Path, "-journal") {
		return engine.Evidence{}, sqliteBeside(f)
	}
	if f.Size == 0 {
		return engine.Evidence{}, fmt.Errorf("the database is empty")
	}
	at, err := f.ReaderAt(engine.MaxRPMDatabase)
	if err != nil {
		return engine.Evidence{}, err
	}
	err = rpmdb.Read(ctx, at, f.Size, func(raw []byte) error {
		h, err := rpmdb.Parse(raw)
		if err != nil {
			return addMalformed(&ev, err.Error())
		}
		p := rpmPackage(h)
		if h.Ambiguous {
			if err := addMalformed(&ev, fmt.Sprintf("package %.60q has two names, versions or sources", p.Name)); err != nil {
				return err
			}
		}
		switch {
		case h.Text(rpmdb.Name) == "gpg-pubkey": // a key, which rpm keeps as a package
			return nil
		case p.Name == "" || h.Text(rpmdb.Version) == "" || h.Text(rpmdb.Release) == "":
			return addMalformed(&ev, fmt.Sprintf("package %.60q has no name, version or release", p.Name))
		}
		owned, err := rpmFiles(h)
		if err != nil {
			return addMalformed(&ev, fmt.Sprintf("the files of %.60q: %v", p.Name, err))
		}
		owned.Package, owned.Arch = p.Name, string(p.Arch)
		ev.Owned = append(ev.Owned, owned)
		return addPackage(&ev, p)
	})
	return ev, err
}

// journalMagic begins a journal that SQLite rolls back when it opens the database; of one that is done with it is zero (SQLite, "Database
// File Format", 3).
const journalMagic = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

// sqliteBeside returns an error, which becomes the gap, where a file beside a database of SQLite holds what the database itself does not
// say.
func sqliteBeside(f *engine.File) error {
	if strings.HasSuffix(f.Path, "-journal") {
		head, err := f.Head(len(journalMagic))
		if err != nil || string(head) != journalMagic {
			return err
		}
	}
	return fmt.Errorf("changes that are not in the database itself: " +
		"run a program that opens and closes it, such as rpm -qa, before the image is saved")
}

// rpmPackage returns the package that a header describes, with the version [epoch:]version-release.
func rpmPackage(h *rpmdb.Header) *engine.Package {
	p := &engine.Package{Name: h.Text(rpmdb.Name), Type: "rpm", Version: h.Text(rpmdb.Version) + "-" + h.Text(rpmdb.Release),
		Arch: engine.Maybe(h.Text(rpmdb.Arch)), Vendor: engine.Maybe(h.Text(rpmdb.Vendor)),
		Module: engine.Maybe(rpmModule(h.Text(rpmdb.ModularityLabel)))}
	if p.Vendor == "(none)" {
		p.Vendor = ""
	}
	p.Signer = h.Signer()
	epoch := ""
	if e, err := h.Numbers(rpmdb.Epoch); err == nil && len(e) > 0 {
		epoch = fmt.Sprintf("%d:", e[0])
	}
	p.Version = epoch + p.Version
	// An error says that these are no texts: then the package needs and provides nothing that is known.
	requires, _ := h.Texts(rpmdb.RequireName)
	provides, _ := h.Texts(rpmdb.ProvideName)
	p.Depends, p.Provides = joinRelations("", strings.Join(requires, "\n"), ""), joinRelations("", strings.Join(provides, "\n"), "")
	if l := h.Text(rpmdb.License); l != "" {
		p.Licenses = []string{l}
	}
	p.Source = rpmSource(h.Text(rpmdb.SourceRPM), epoch, p)
	return p
}

// rpmSource returns the source package that "bash-5.1.8-6.el9.src.rpm" names; for any other text it is the package itself. The name has no
// epoch: the package's is taken, as a source and its packages nearly always share it.
func rpmSource(file, epoch string, p *engine.Package) engine.Source {
	s, ok := strings.CutSuffix(strings.TrimSuffix(file, ".nosrc.rpm"), ".src.rpm")
	if ok || s != file {
		if i := strings.LastIndexByte(s, '-'); i > 0 {
			if j := strings.LastIndexByte(s[:i], '-'); j > 0 {
				return engine.Source{Name: s[:j], Version: epoch + s[j+1:]}
			}
		}
	}
	return engine.Source{Name: p.Name, Version: p.Version}
}

// rpmModule shortens a module's label, name:stream:version:context, to "nodejs:18"; "" for any other text.
func rpmModule(label string) string {
	parts := strings.SplitN(label, ":", 3)
	if len(parts) < 2 || parts[0] == "" {
		return ""
	}
	return parts[0] + ":" + parts[1]
}

// Flags of files (rpm, include/rpm/rpmfiles.h) and algorithms of their digests (RFC 9580, section 9.5).
const (
	rpmConfig    = 1 << 0
	rpmGhost     = 1 << 6
	digestMD5    = 1
	digestSHA1   = 2
	digestSHA256 = 8
)

// rpmFiles lists a package's files with their checksums. It leaves out ghosts, which the package does not bring, and the checksums of
// configuration, which is there to be changed.
func rpmFiles(h *rpmdb.Header) (engine.Owned, error) {
	owned := engine.Owned{Type: "rpm"}
	names, err := rpmPaths(h)
	if err != nil || len(names) == 0 {
		return owned, err
	}
	digests, err := h.Texts(rpmdb.FileDigests)
	if err != nil {
		return owned, err
	}
	flags, err := h.Numbers(rpmdb.FileFlags)
	if err != nil {
		return owned, err
	}
	algorithm := "md5:"
	if a, err := h.Numbers(rpmdb.FileDigestAlgo); err == nil && len(a) > 0 {
		algorithm = map[uint32]string{digestMD5: "md5:", digestSHA1: "sha1:", digestSHA256: "sha256:"}[a[0]]
	}
	owned.Files = make([]engine.OwnedFile, 0, len(names))
	for i, name := range names {
		f := engine.OwnedFile{Path: strings.TrimPrefix(path.Clean("/"+name), "/")}
		flag := uint32(0)
		if i < len(flags) {
			flag = flags[i]
		}
		if f.Path == "" || flag&rpmGhost != 0 {
			continue
		}
		if i < len(digests) && digests[i] != "" && algorithm != "" && flag&rpmConfig == 0 {
			f.Sum = algorithm + strings.ToLower(digests[i])
		}
		owned.Files = append(owned.Files, f)
	}
	return owned, nil
}

// rpmPaths returns the paths of a package's files, as the header has them.
func rpmPaths(h *rpmdb.Header) ([]string, error) {
	bases, err := h.Texts(rpmdb.BaseNames)
	if err != nil {
		return nil, err
	}
	if len(bases) == 0 {
		return h.Texts(rpmdb.OldFileNames) // rpm before 4
	}
	dirs, err := h.Texts(rpmdb.DirNames)
	if err != nil {
		return nil, err
	}
	indexes, err := h.Numbers(rpmdb.DirIndexes)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(bases))
	for i, base := range bases {
		if i >= len(indexes) || int64(indexes[i]) >= int64(len(dirs)) {
			return nil, fmt.Errorf("the file %d is in no folder", i)
		}
		out[i] = dirs[indexes[i]] + base
	}
	return out, nil
}

// rpmManifest reads the list of packages that images without rpm have in place of its database (CBL-Mariner and Azure Linux, distroless).
type rpmManifest struct{}

func (rpmManifest) Name() string { return "rpmmanifest/2" }

func (rpmManifest) Wants(p string, _ fs.FileMode, _ int64) bool {
	return p == "var/lib/rpmmanifest/container-manifest-2"
}

// Inspect reads lines of ten fields separated by tabs: name, version-release, time of installation, time of building, vendor, epoch, size,
// architecture, epoch number, source rpm.
func (rpmManifest) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	body, err := f.Bytes(engine.MaxPackageDB)
	if err != nil {
		return engine.Evidence{}, err
	}
	if body, err = wholeLines(body, &ev); err != nil {
		return ev, err
	}
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		if n++; strings.TrimSpace(line) == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return ev, err
		}
		fields := strings.Split(strings.TrimRight(line, "\r"), "\t")
		if len(fields) != 10 || fields[0] == "" || !strings.Contains(fields[1], "-") {
			if err := addMalformed(&ev, fmt.Sprintf("line %d: %d fields, want 10 with a name and a version", n, len(fields))); err != nil {
				return ev, err
			}
			continue
		}
		epoch := ""
		if e := fields[8]; e != "" && e != "(none)" && e != "0" {
			epoch = e + ":"
		}
		p := &engine.Package{Name: fields[0], Version: epoch + fields[1], Type: "rpm",
			Arch: engine.Maybe(fields[7]), Vendor: engine.Maybe(fields[4])}
		p.Source = rpmSource(fields[9], epoch, p)
		if err := addPackage(&ev, p); err != nil {
			return ev, err
		}
	}
	return ev, nil
}
