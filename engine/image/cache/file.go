package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// The names of the cache's files: a key and one of two suffixes, or a prefix and random text while a file is being written.
const (
	layerSuffix = ".layer"
	stateSuffix = ".state"
	tempPrefix  = ".veto-layer-"
)

// isOwnName reports whether the cache gives files such a name.
func isOwnName(name string) bool {
	key, ok := strings.CutSuffix(name, layerSuffix)
	if !ok {
		key, ok = strings.CutSuffix(name, stateSuffix)
	}
	return ok && isKey(key) || isTemp(name)
}

func isTemp(name string) bool {
	id, ok := strings.CutPrefix(name, tempPrefix)
	return ok && len(id) == 26 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" // rand.Text's form
}

// formatVersion must change whenever the same facts would be written as other bytes, or other facts as the same bytes: a test compares it
// with the engine's types. It must also change when walking a layer gives other facts of the same tar. What an inspector finds has a
// version of its own, which is part of the key.
const formatVersion = 8

// A file consists of a magic number for its kind (8 bytes), the format's version (4, little-endian), the key (32), the SHA-256 of all of
// the rest (32), and the payload.
const (
	layerMagic     = "vetolayr"
	stateMagic     = "vetostat"
	keySize        = sha256.Size
	checksumOffset = 8 + 4 + keySize
	headerSize     = checksumOffset + sha256.Size
)

// header returns what stands before a file's checksum.
func header(name, key string) []byte {
	magic := layerMagic
	if strings.HasSuffix(name, stateSuffix) {
		magic = stateMagic
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), formatVersion)
	raw, err := hex.DecodeString(key)
	if err != nil {
		return nil
	}
	return append(b, raw...)
}

// seal puts header and checksum before the parts of a payload.
func seal(name, key string, payload [][]byte) [][]byte {
	h := header(name, key)
	return append([][]byte{h, checksum(h, payload...)}, payload...)
}

// unseal returns the payload of a file; false when its header or checksum is wrong.
func unseal(name, key string, data []byte) ([]byte, bool) {
	h := header(name, key)
	if len(data) < headerSize || !bytes.Equal(data[:checksumOffset], h) {
		return nil, false
	}
	payload := data[headerSize:]
	if !bytes.Equal(data[checksumOffset:headerSize], checksum(h, payload)) {
		return nil, false
	}
	return payload, true
}

// checksum is the SHA-256 of a file without its checksum.
func checksum(head []byte, payload ...[]byte) []byte {
	h := sha256.New()
	h.Write(head)
	for _, p := range payload {
		h.Write(p)
	}
	return h.Sum(nil)
}

// statTrusted describes a file of the cache. It returns false for one that is not there, another user's, or writable by others.
func (c *Cache) statTrusted(name string) (fs.FileInfo, bool) {
	info, err := c.root.Lstat(name)
	return info, err == nil && info.Mode().IsRegular() && ownedByUser(info) && !writableByOthers(info)
}

// touchAfter is how old a file's time of use may become before it is set anew: a scan in a loop must not write to the disk each time.
const touchAfter = time.Hour

// read returns the payload of a file and notes that it was used.
func (c *Cache) read(name, key string) ([]byte, bool) {
	info, ok := c.statTrusted(name)
	if !ok || info.Size() > engine.MaxCacheFile {
		return nil, false
	}
	f, err := c.root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, false
	}
	data, err := readUnchanged(f, info)
	if cerr := f.Close(); err != nil || cerr != nil {
		return nil, false
	}
	payload, ok := unseal(name, key, data)
	if now := c.now(); ok && now.Sub(info.ModTime()).Abs() > touchAfter {
		// An error is of no consequence: where times cannot be set, as on a read-only disk, nothing is evicted either.
		_ = c.root.Chtimes(name, now, now)
	}
	return payload, ok
}

// readUnchanged reads a file, which must still be the one that info describes.
func readUnchanged(f *os.File, info fs.FileInfo) ([]byte, error) {
	opened, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(info, opened) {
		return nil, fs.ErrNotExist
	}
	data := make([]byte, info.Size())
	_, err = io.ReadFull(f, data)
	return data, err
}
