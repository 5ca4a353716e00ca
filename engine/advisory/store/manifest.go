package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

const (
	schemaVersion = 2
	manifestName  = "manifest.json"
	shardSuffix   = ".shard"
)

// ShardInfo is what the manifest says of one shard.
type ShardInfo struct {
	Ecosystem  string `json:"ecosystem"`  // with its release: "Debian:12", "npm"; "kev", "epss", "cve" and "ratings" are no ecosystems
	Digest     string `json:"digest"`     // "sha256:…" of the file, which is named by it
	Size       int64  `json:"size"`       // in bytes
	Advisories int    `json:"advisories"` // how many records or entries it has
	Packages   int    `json:"packages"`   // how many packages those are about
	AsOf       string `json:"as_of"`      // date of the data, RFC 3339, UTC; "" unknown
	Source     string `json:"source"`     // where the export came from
	Updated    string `json:"updated"`    // when the shard was built, RFC 3339, UTC
}

func (s ShardInfo) describe() advisory.Shard {
	return advisory.Shard{Ecosystem: s.Ecosystem, Digest: s.Digest, Advisories: s.Advisories, AsOf: s.AsOf}
}

func (s ShardInfo) file() string { return strings.TrimPrefix(s.Digest, "sha256:") + shardSuffix }

// retired is a shard that the manifest no longer lists, but that a scan which read an earlier manifest may still open.
type retired struct {
	Digest string `json:"digest"`
	Since  string `json:"since"` // RFC 3339, UTC
}

// manifest lists every shard of a database. Its file is the canonical JSON of this struct and nothing else, so that every changed byte is
// noticed.
type manifest struct {
	SchemaVersion int         `json:"schema_version"`
	Shards        []ShardInfo `json:"shards"`         // sorted by ecosystem
	Ratings       *ShardInfo  `json:"ratings"`        // null in a database without a shard
	KEV           *ShardInfo  `json:"kev"`            // null when the catalogue was never loaded
	EPSS          *ShardInfo  `json:"epss,omitempty"` // absent when the scores were never loaded
	CVE           *ShardInfo  `json:"cve,omitempty"`  // absent when CVE records were never loaded
	Retired       []retired   `json:"retired"`
	Checksum      string      `json:"checksum"` // "sha256:…" of this JSON with an empty checksum
}

// ErrNone is the error when there is no database at all. A faulty one is another error.
var ErrNone = errors.New("no vulnerability database")

// The errors when another version of veto wrote the manifest.
var (
	errOtherVersion = errors.New("unknown schema version")
	errOlderVersion = errors.New("older schema version")
)

// hintUpdate adds the command that builds the database anew, or those ecosystems of it.
func hintUpdate(err error, dir string, ecosystems ...string) error {
	command := "veto db update --db " + shellWord(dir)
	for _, e := range ecosystems {
		command += " --ecosystem " + shellWord(e)
	}
	return engine.Hint(err, "run: %s", command)
}

// shellWord quotes a text that a shell would take apart, so that a command in a hint can be pasted.
func shellWord(s string) string {
	special := func(r rune) bool {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,@%", r)
		return !plain
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// readManifest reads and checks dir's manifest. The error is ErrNone when there is none.
func readManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestName)
	data, err := engine.ReadLimited(path, engine.MaxShardList)
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%w in %s", ErrNone, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the vulnerability database: %w", err)
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("reading the vulnerability database: %s: %w", path, err)
	}
	return m, nil
}

// parseManifest parses a manifest and compares it with its checksum.
func parseManifest(data []byte) (*manifest, error) {
	var version struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if v := version.SchemaVersion; v > 0 && v < schemaVersion {
		return nil, fmt.Errorf("%w %d; this veto writes %d", errOlderVersion, v, schemaVersion)
	}
	if version.SchemaVersion != schemaVersion {
		return nil, fmt.Errorf("%w %d; this veto knows %d", errOtherVersion, version.SchemaVersion, schemaVersion)
	}
	var m manifest
	if err := decodeJSON(data, &m); err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	checksum := m.Checksum
	canonical, err := m.encode()
	if err != nil {
		return nil, err
	}
	if m.Checksum != checksum || !bytes.Equal(canonical, data) {
		return nil, errors.New("damaged: its checksum does not match")
	}
	return &m, m.check()
}

var digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// check refuses what no manifest of veto's says, also when the checksum is right.
func (m *manifest) check() error {
	all := m.all()
	for _, s := range all {
		if !digestPattern.MatchString(s.Digest) {
			return fmt.Errorf("the shard %.80q has the digest %.80q", s.Ecosystem, s.Digest)
		}
		if s.Size < 0 || s.Size > engine.MaxShard || s.Ecosystem == "" {
			return fmt.Errorf("the shard %.80q has the size %d", s.Ecosystem, s.Size)
		}
		if _, err := time.Parse(time.RFC3339, s.AsOf); s.AsOf != "" && err != nil {
			return fmt.Errorf("the shard %.80q is of %.80q, which is no time", s.Ecosystem, s.AsOf)
		}
	}
	for i := 1; i < len(m.Shards); i++ {
		if m.Shards[i-1].Ecosystem >= m.Shards[i].Ecosystem {
			return fmt.Errorf("the shard %.80q is out of order or listed twice", m.Shards[i].Ecosystem)
		}
	}
	for _, r := range m.Retired {
		if _, err := time.Parse(time.RFC3339, r.Since); err != nil || !digestPattern.MatchString(r.Digest) {
			return fmt.Errorf("the retired shard %.80q is listed wrongly", r.Digest)
		}
	}
	if len(m.Shards) > 0 && m.Ratings == nil {
		return errors.New("it lists no ratings")
	}
	return nil
}

// all lists every shard of the manifest.
func (m *manifest) all() []ShardInfo {
	all := slices.Clone(m.Shards)
	if m.Ratings != nil {
		all = append(all, *m.Ratings)
	}
	for _, s := range []*ShardInfo{m.KEV, m.EPSS, m.CVE} {
		if s != nil {
			all = append(all, *s)
		}
	}
	return all
}

func (m *manifest) find(ecosystem string) (ShardInfo, bool) {
	i, ok := slices.BinarySearchFunc(m.Shards, ecosystem, func(s ShardInfo, e string) int { return strings.Compare(s.Ecosystem, e) })
	if !ok {
		return ShardInfo{}, false
	}
	return m.Shards[i], true
}

// encode sets the checksum and returns the content of the file.
func (m *manifest) encode() ([]byte, error) {
	m.Checksum = ""
	unsigned, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(unsigned)
	m.Checksum = "sha256:" + hex.EncodeToString(sum[:])
	data, err := json.MarshalIndent(m, "", "  ")
	return append(data, '\n'), err
}

// writeManifest replaces dir's manifest in one step: a reader finds the old one or the new one.
func writeManifest(dir string, m *manifest) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, manifestName))
	}
	if err != nil {
		return errors.Join(err, ignoreAbsent(os.Remove(f.Name())))
	}
	return syncDir(dir)
}

// ignoreAbsent returns nil for the error of a file that is not there.
func ignoreAbsent(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// syncDir makes a rename outlast a power cut, where the system can: Windows does not open folders for that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || os.IsPermission(err) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
