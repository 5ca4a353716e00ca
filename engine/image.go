package engine

import (
	"context"
	"io/fs"
	"strings"
)

// Digest is an OCI digest such as "sha256:" followed by 64 lower-case hex digits. The empty Digest is unknown (null in JSON).
type Digest string

// Short returns the first 12 hex digits, for people; the empty Digest stays empty.
func (d Digest) Short() string {
	_, hex, ok := strings.Cut(string(d), ":")
	if !ok || len(hex) < 12 {
		return string(d)
	}
	return hex[:12]
}

// MarshalJSON writes the empty Digest as null.
func (d Digest) MarshalJSON() ([]byte, error) { return Maybe(d).MarshalJSON() }

// UnmarshalJSON reads null as the empty Digest.
func (d *Digest) UnmarshalJSON(b []byte) error { return (*Maybe)(d).UnmarshalJSON(b) }

// Platform is an OCI platform: GOOS and GOARCH words and an optional variant.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      Maybe  `json:"variant"`
}

// String is "linux/amd64" or "linux/arm/v7".
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + string(p.Variant)
	}
	return s
}

// Identity says which image this is.
type Identity struct {
	// Name is what the user typed, or --as: a registry reference as typed, the base name of a path (never a host path), "stdin".
	// Suites and waivers match it and nothing else.
	Name string `json:"name"`
	// Named is true when Name came from --as or is a registry reference: a name that can be trusted to select waivers for an image.
	Named bool `json:"named"`
	// Source is the kind of source: registry, docker, podman, docker-archive, oci, oci-archive, rootfs, sbom.
	Source string `json:"source"`
	// Digest is the manifest's digest; for an archive without an OCI manifest, the image ID (the config's digest); empty for a rootfs.
	Digest Digest `json:"digest"`
	// ConfigDigest is the digest of the image configuration, which veto hashed.
	ConfigDigest Digest `json:"config_digest"`
	// ContainedNames are names found inside an archive (RepoTags, ref.name annotations): shown, never trusted.
	ContainedNames []string `json:"contained_names"`
	// Platform of the image, from its configuration.
	Platform Platform `json:"-"`
}

// Config is the part of the OCI image configuration that facts carry (image-spec config.md, "Properties").
type Config struct {
	User         Maybe             `json:"user"`
	Env          []string          `json:"env"`
	Entrypoint   []string          `json:"entrypoint"`
	Cmd          []string          `json:"cmd"`
	WorkingDir   Maybe             `json:"working_dir"`
	ExposedPorts []string          `json:"exposed_ports"` // sorted, "80/tcp"
	Volumes      []string          `json:"volumes"`       // sorted
	Labels       map[string]string `json:"labels"`
	StopSignal   Maybe             `json:"stop_signal"`
	Healthcheck  []string          `json:"healthcheck"` // Docker's extension: the test command, [] when none
	Created      Maybe             `json:"created"`     // RFC 3339, UTC
	History      []History         `json:"history"`
}

// History is one entry of the configuration's history, oldest first.
type History struct {
	Created    Maybe `json:"created"` // RFC 3339, UTC
	CreatedBy  Maybe `json:"created_by"`
	Comment    Maybe `json:"comment"`
	EmptyLayer bool  `json:"empty_layer"`
}

// Verified says how much of a layer veto itself has hashed.
type Verified string

// The states of a layer's verification: content was hashed and matched, or the digest is only what the image claims.
const (
	VerifiedContent Verified = "content"
	VerifiedClaimed Verified = "claimed"
)

// LayerInfo describes a layer. Its JSON is one element of report.layers.
type LayerInfo struct {
	Index     int      `json:"index"`  // from 1, oldest first
	Digest    Digest   `json:"digest"` // of the blob as stored; of an uncompressed layer it is its diff ID
	DiffID    Digest   `json:"diff_id"`
	Verified  Verified `json:"verified" enum:"content,claimed"`
	CreatedBy Maybe    `json:"created_by"` // the history entry that made it
	Size      int64    `json:"size"`       // bytes of the blob as stored
	// What the layer holds once unpacked: entries with whiteouts, bytes of its files' bodies, and those of them that the merged
	// image does not show, because a later layer (or entry) replaced or removed them.
	Entries      int   `json:"entries"`
	ContentBytes int64 `json:"content_bytes"`
	WastedBytes  int64 `json:"wasted_bytes"`
}

// Image is an opened, immutable image of one platform. Whoever opened it closes it, once, after every Walk has returned.
type Image interface {
	Identity() Identity
	Config() Config
	Layers() []Layer // oldest first
	Close() error
}

// Partial is the ability of an Image that was chosen from several platforms, and not by the user: each of the others, sorted, becomes a
// gap.
type Partial interface {
	Unscanned() []Platform
}

// Several is the ability of an Image of whose platform the source holds more than one: variants, compressions, copies. Which of them runs
// is up to the runtime, so each is judged.
type Several interface {
	// Others are the other images, open as long as this one; of a source that streams they are known when Stream has returned nil.
	Others() []Image
	// Copies are layers that claim to hold what layers of this image hold, in another compression. Walking them to the end proves it.
	Copies() []Layer
}

// Doubted is the ability of an Image to say what its documents contradict, or name and nobody can read.
type Doubted interface {
	Gaps() []Gap
}

// Streamed is the ability of an Image whose source passes by once, such as a pipe: its layers come before anything says which
// image they belong to.
type Streamed interface {
	// Stream shows every layer of the source once, in the source's order; the layer can be read during the call to visit only.
	// When the layer has been read, its Info has the digest of its content. When Stream has returned nil, Identity, Config and Layers are
	// known, and the digest of each layer is one that visit saw.
	Stream(ctx context.Context, visit func(Layer) error) error
}

// Listed is the ability of an Image that is a list of packages and nothing else: an SBOM. It has no layers.
type Listed interface {
	Inventory() *Inventory
	// Missing names the sections of the facts that such a list cannot give ("config", "layers", "files"): a rule that reads one has no data.
	Missing() []string
}

// Referred is the ability of an Image to say what refers to it: signatures, attestations, SBOMs.
type Referred interface {
	Referrers(ctx context.Context) ([]Referrer, error)
}

// Hashed is the ability of a Layer to say what its blob's digest is without being walked.
type Hashed interface {
	// Hash returns the digest of the content that Walk would read: what a registry can only give under that digest, what veto hashed
	// before in a file that has not changed since, or what it hashes now. It is empty when a walk is the cheaper way to know, and
	// then nothing has been read. A digest that differs from the one that the image says is an error.
	Hash(ctx context.Context) (Digest, error)
}

// Sketched is the ability of a Layer that may be read by its table of contents alone (eStargz, zstd:chunked).
type Sketched interface {
	// Gaps says what walks have left unread, and is valid once they are over. A walk that leaves gaps returns VerifiedClaimed.
	Gaps() []Gap
}

// Layer is one layer of an image.
type Layer interface {
	// Info may be called at any time; its Verified is only what is known before the walk.
	Info() LayerInfo
	// Walk streams every entry once, in the order of the tar, whiteouts included as they are named there. The File is valid during
	// the call to visit only. An error from visit ends the walk and is returned as it is. Walk reads to the end of the blob, so a
	// digest that does not match is an error here. It returns how far the content has been verified.
	Walk(ctx context.Context, visit func(*File) error) (Verified, error)
	// Rereadable says whether Walk may be called a second time (a stream from standard input may not).
	Rereadable() bool
}

// EntryType is the kind of a file-system entry. It is one byte, because an image may have half a million entries.
type EntryType uint8

// The kinds of entries.
const (
	TypeFile EntryType = iota + 1
	TypeDir
	TypeSymlink
	TypeHardlink
	TypeChar
	TypeBlock
	TypeFifo
)

// String is the word for it in facts and messages.
func (t EntryType) String() string {
	words := [...]string{"unknown", "file", "dir", "symlink", "hardlink", "char", "block", "fifo"}
	if int(t) >= len(words) {
		t = 0
	}
	return words[t]
}

// Entry is one header of a layer, serialisable.
type Entry struct {
	// Path is clean, slash-separated and relative to the image's root: no leading "/" or "./"; "." is the root itself.
	// A whiteout keeps its .wh. name.
	Path string
	Type EntryType
	Mode fs.FileMode // permissions with set-uid, set-gid and sticky bits; no type bits
	UID  uint32
	GID  uint32
	Size int64  // bytes of the body
	Link string // a symbolic link's target as written; a hard link's target as a clean path like Path
}
