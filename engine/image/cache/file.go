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

// Names of the cache's own files: a key and what it is about, or a file that is being written.
const (
	layerSuffix = ".layer"
	stateSuffix = ".state"
	tempPrefix  = ".veto-layer-"
)

// own says whether a name is one that the cache gives.
func own(name string) bool {
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

// formatVersion changes whenever the same facts would be written otherwise, or other facts could be written the same: a test holds the
// engine's types to it. It also changes when the walk of a layer comes to say other things of the same tar; what an inspector says is in
// its own version, which is part of the key.
const formatVersion = 4

// A file is a magic number of its kind (8 bytes), the format's version (4, little-endian), the key (32), the checksum of everything else
// (32), and the payload.
const (
	layerMagic = "vetolayr"
	stateMagic = "vetostat"
	keySize    = sha256.Size
	sumAt      = 8 + 4 + keySize
	headSize   = sumAt + sha256.Size
)

func head(name, key string) []byte {
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

// seal puts before the parts of a payload what makes a file of them.
func seal(name, key string, payload [][]byte) [][]byte {
	h := head(name, key)
	return append([][]byte{h, checksum(h, payload...)}, payload...)
}

func unseal(name, key string, data []byte) ([]byte, bool) {
	h := head(name, key)
	if len(data) < headSize || !bytes.Equal(data[:sumAt], h) || !bytes.Equal(data[sumAt:headSize], checksum(h, data[headSize:])) {
		return nil, false
	}
	return data[headSize:], true
}

func checksum(head []byte, payload ...[]byte) []byte {
	h := sha256.New()
	h.Write(head)
	for _, p := range payload {
		h.Write(p)
	}
	return h.Sum(nil)
}

// find describes a file of the cache, if it is there and no one else had a hand in it.
func (c *Cache) find(name string) (fs.FileInfo, bool) {
	info, err := c.root.Lstat(name)
	return info, err == nil && info.Mode().IsRegular() && mine(info) && !loose(info)
}

// touchAfter is how old a file's time of use may become: a scan in a loop must not write to the disk each time.
const touchAfter = time.Hour

// read returns the payload of a file and notes that it was used.
func (c *Cache) read(name, key string) ([]byte, bool) {
	info, ok := c.find(name)
	if !ok || info.Size() > engine.MaxCacheFile {
		return nil, false
	}
	f, err := c.root.OpenFile(name, os.O_RDONLY|dontWait, 0)
	if err != nil {
		return nil, false
	}
	data, err := readSame(f, info)
	if cerr := f.Close(); err != nil || cerr != nil {
		return nil, false
	}
	payload, ok := unseal(name, key, data)
	if now := c.now(); ok && now.Sub(info.ModTime()).Abs() > touchAfter {
		// Where it cannot be noted, as on a read-only disk, nothing is evicted either.
		_ = c.root.Chtimes(name, now, now)
	}
	return payload, ok
}

// readSame reads a file that must still be the one that was looked at.
func readSame(f *os.File, info fs.FileInfo) ([]byte, error) {
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
