package engine

import (
	"context"
	"io/fs"
	"strings"
)

// Inspector reads files of one layer and knows no other layer. It must be safe for concurrent use.
type Inspector interface {
	// Name carries a version ("dpkg/1"): it is part of the layer cache's key, so it changes whenever the evidence would.
	Name() string
	// Wants says from path, mode and size alone whether Inspect is to see the file. No I/O, no allocation: it runs for every entry.
	Wants(path string, mode fs.FileMode, size int64) bool
	// Inspect returns facts about this file alone; it must not keep the file's body. An error is turned into a gap
	// (kind limit for a *LimitError, else malformed) and what was found before it is kept; the error of a context aborts the scan.
	Inspect(ctx context.Context, f *File) (Evidence, error)
}

// Anchored is the ability of an Inspector that wants fixed paths. After the merge each anchor is resolved through links, and what
// it leads to is read too when its own path was not wanted. An anchor that is a directory stands for the files right in it.
type Anchored interface {
	Anchors() []string
}

// Placed is the ability of an Inspector that wants files for the folder that they are in. It is asked about links too: a file that is not
// wanted where it is may be wanted where a link leads to it.
type Placed interface {
	// BaseNames are the names that its files can have. One that begins with "*" is how a name ends.
	BaseNames() []string
}

// Sparse is the ability of an Inspector that looks at many files and finds something in few: of the others no evidence is kept.
type Sparse interface {
	FindsLittle()
}

// Unlisted is the ability of an Inspector that wants only files which no package database of their own layer lists.
type Unlisted interface {
	SkipsListed()
}

// Hashing is the ability of an Inspector that wants the checksums of every file that it is shown, whatever else it finds.
type Hashing interface {
	HashesFiles()
}

// Recording is the ability of an Inspector of a package database that records checksums.
type Recording interface {
	// Records are the algorithms of the checksums.
	Records() Algorithms
}

// Evidence is what one inspector learned from one file. It is serialisable, because the layer cache keeps it.
type Evidence struct {
	Inspector string
	Path      string // as the layer names it; once read through a link or a hard link, the path that was asked for
	Layer     int    // index of the layer that it was read from, from 1
	Sums      Sums   // of the file's body; only with packages, gaps or secrets, or where an inspector is Hashing
	OS        *OS
	Packages  []Package
	Owned     []Owned
	Traits    *Traits // what few files have; nil where a file has none of it, to save memory
	// Gaps says what of this file could not be read or understood; path and layer are filled in by the reader.
	Gaps []Gap
}

// Traits are facts about a file besides packages.
type Traits struct {
	Secrets  []Secret
	Accounts []Account
	Program  *Program
	Licenses []string // that the file declares or is the text of, as SPDX writes them
	// Capabilities are those of an executable file (capabilities(7)), sorted: "cap_net_raw".
	Capabilities []string
}

// SymbolsOf are the functions of the program, nil when they are not known. A nil Traits knows none.
func (t *Traits) SymbolsOf() *Symbols {
	if t == nil || t.Program == nil {
		return nil
	}
	return t.Program.Symbols
}

// Sums are checksums of a body in lower-case hex, for comparison with what a package database recorded.
type Sums struct {
	MD5    string
	SHA1   string
	SHA256 string
}

// Same says whether two bodies have the same checksums: all that are known of both, and at least one.
func (s Sums) Same(o Sums) bool {
	known := false
	for _, pair := range [][2]string{{s.MD5, o.MD5}, {s.SHA1, o.SHA1}, {s.SHA256, o.SHA256}} {
		if pair[0] == "" || pair[1] == "" {
			continue
		}
		if known = true; pair[0] != pair[1] {
			return false
		}
	}
	return known
}

// Equal says whether what a package database recorded ("md5:…") is this body's.
func (s Sums) Equal(recorded string) bool {
	algorithm, sum, _ := strings.Cut(recorded, ":")
	switch algorithm {
	case "md5":
		return sum != "" && sum == s.MD5
	case "sha1":
		return sum != "" && sum == s.SHA1
	case "sha256":
		return sum != "" && sum == s.SHA256
	}
	return false
}

// Program is what an executable says of what it is made of.
type Program struct {
	Needed  []string // names of the libraries that it is linked with (DT_NEEDED); of programs outside the distribution's folders only
	RunPath []string // where it looks for them first (DT_RUNPATH or DT_RPATH), as written
	// Symbols are the functions of a Go program, nil when they are not known.
	Symbols *Symbols
}

// Owned is what a package database says about the files of one package.
type Owned struct {
	Type    string // package type: deb, apk, rpm, alpm
	Package string // binary package name
	Arch    string // architecture, "" when the database does not say
	Files   []OwnedFile
}

// OwnedFile is one file that a package database lists.
type OwnedFile struct {
	Path string // clean, like Entry.Path
	Sum  string // "md5:…", "sha1:…" or "sha256:…" in hex; "" when the database records none
}

// LayerFacts is all that was learned from one layer: what the layer cache keeps.
type LayerFacts struct {
	Info     LayerInfo
	Entries  []Entry
	Evidence []Evidence
}

// LayerCache keeps what was learned from layers whose content veto has hashed. Keys are 64 hex digits. It is safe for concurrent
// use, by several processes too.
type LayerCache interface {
	// Load returns what was stored under key; what is not there or damaged is false.
	Load(key string) (*LayerFacts, bool)
	// Store keeps lf, which it does not change. Failing to keep is no failure of the scan: the next one reads the layer again.
	Store(key string, lf *LayerFacts) error
}

// Inventory is what an image contains, after the merge.
type Inventory struct {
	OS       *OS
	Packages []Package
	Secrets  []Secret
	Accounts []Account
	Gaps     []Gap
	// Reach marks the packages that hold what an image starts. Nil marks none.
	Reach func(Config, []Package)
	// Annotate adds to file facts what the inventory knows of them: owners, checksums, capabilities. Nil adds nothing.
	Annotate func([]FileFact)
}
