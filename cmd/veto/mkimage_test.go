package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// mkimage packs an image for the stories: `mkimage FORM OUT DESCRIPTION`. FORM is save, save-gzip, docker (what `docker save` writes
// today), oci, oci-zstd (layout directories), oci-tar. The description has one instruction a line; paths on disk are relative to it.
//
//	name example.test/shop/web:1.0
//	platform linux/arm64
//	config {"User": "app"}
//	layer RUN apt-get install -y nginx
//	add FOLDER                   everything below FOLDER, at the image's root
//	file PATH FILE [MODE]
//	text PATH WORDS…             \n is a new line
//	link PATH TARGET
//	hardlink PATH TARGET [MODE]
//	dir PATH
//	whiteout PATH
//	opaque DIR
//	large PATH MODE              100,000 bytes that are no known format
//	archive PATH FOLDER [MODE] [LINE]   a zip of what is below FOLDER; LINE goes before it
//	zstd PATH FILE
//	program PATH GOVERSION MODULE@VERSION…   an ELF file with Go build information; the first module is the main one
func mkimage(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: mkimage FORM OUT DESCRIPTION")
	}
	text, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	m, err := describeImage(filepath.Dir(args[2]), string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", args[2], err)
	}
	return packImage(args[0], args[1], m)
}

func packImage(form, out string, m imagetest.Image) error {
	switch form {
	case "save-gzip", "docker", "oci", "oci-tar":
		m.Compression = imagetest.Gzip
	case "oci-zstd":
		m.Compression = imagetest.Zstd
	}
	var b bytes.Buffer
	var err error
	switch form {
	case "save", "save-gzip":
		err = imagetest.WriteDockerArchive(&b, m)
	case "docker":
		err = imagetest.WriteDockerOCIArchive(&b, m)
	case "oci-tar":
		err = imagetest.WriteOCIArchive(&b, m)
	case "oci", "oci-zstd":
		return imagetest.WriteOCILayout(out, m)
	default:
		return fmt.Errorf("unknown form %q", form)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}

func describeImage(dir, text string) (imagetest.Image, error) {
	var m imagetest.Image
	for n, line := range strings.Split(text, "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "" || strings.HasPrefix(verb, "#") {
			continue
		}
		switch verb {
		case "name":
			m.Name = rest
			continue
		case "platform":
			m.Platform = rest
			continue
		case "layer":
			m.Layers = append(m.Layers, imagetest.Layer{CreatedBy: rest})
			continue
		case "config":
			if err := json.Unmarshal([]byte(rest), &m.Config); err != nil {
				return m, fmt.Errorf("line %d: %w", n+1, err)
			}
			continue
		}
		if len(m.Layers) == 0 {
			return m, fmt.Errorf("line %d: %s before the first layer", n+1, verb)
		}
		entries, err := instruction(dir, verb, rest)
		if err != nil {
			return m, fmt.Errorf("line %d: %w", n+1, err)
		}
		l := &m.Layers[len(m.Layers)-1]
		l.Entries = append(l.Entries, entries...)
	}
	return m, nil
}

func instruction(dir, verb, rest string) ([]imagetest.Entry, error) {
	f := strings.Fields(rest)
	if len(f) == 0 {
		return nil, fmt.Errorf("%s wants more", verb)
	}
	entry := func(e imagetest.Entry) ([]imagetest.Entry, error) { return []imagetest.Entry{e}, nil }
	switch verb {
	case "add":
		return tree(filepath.Join(dir, f[0]))
	case "file":
		b, err := os.ReadFile(filepath.Join(dir, f[1]))
		e := imagetest.Entry{Path: f[0], Body: b}
		if len(f) > 2 {
			if e.Mode, err = strconv.ParseInt(f[2], 8, 64); err != nil {
				return nil, err
			}
		}
		return []imagetest.Entry{e}, err
	case "text":
		return entry(imagetest.File(f[0], strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(rest, f[0])), `\n`, "\n")))
	case "large":
		mode, err := strconv.ParseInt(f[1], 8, 64)
		return []imagetest.Entry{{Path: f[0], Body: bytes.Repeat([]byte("no format\x00"), 10_000), Mode: mode}}, err
	case "link":
		return entry(imagetest.Symlink(f[0], f[1]))
	case "hardlink":
		e := imagetest.Hardlink(f[0], f[1])
		if len(f) > 2 {
			mode, err := strconv.ParseInt(f[2], 8, 64)
			if err != nil {
				return nil, err
			}
			e.Mode = mode
		}
		return entry(e)
	case "dir":
		return entry(imagetest.Dir(f[0]))
	case "whiteout":
		return entry(imagetest.Whiteout(f[0]))
	case "opaque":
		return entry(imagetest.Opaque(f[0]))
	case "archive":
		return zipOf(dir, f)
	case "zstd":
		b, err := os.ReadFile(filepath.Join(dir, f[1]))
		if err != nil {
			return nil, err
		}
		z, err := zstd.NewWriter(nil)
		if err != nil {
			return nil, err
		}
		return []imagetest.Entry{{Path: f[0], Body: z.EncodeAll(b, nil)}}, z.Close()
	case "program":
		return entry(imagetest.Program(f[0], goProgram(f[1], f[2:])))
	}
	return nil, fmt.Errorf("unknown instruction %q", verb)
}

// zipOf packs a folder: PATH FOLDER [MODE] [LINE].
func zipOf(dir string, f []string) ([]imagetest.Entry, error) {
	var b bytes.Buffer
	e := imagetest.Entry{Path: f[0]}
	if len(f) > 2 {
		mode, err := strconv.ParseInt(f[2], 8, 64)
		if err != nil {
			return nil, err
		}
		e.Mode = mode
		if len(f) > 3 {
			b.WriteString(strings.Join(f[3:], " ") + "\n")
		}
	}
	z := zip.NewWriter(&b)
	z.SetOffset(int64(b.Len()))
	if err := z.AddFS(os.DirFS(filepath.Join(dir, f[1]))); err != nil {
		return nil, err
	}
	err := z.Close()
	e.Body = b.Bytes()
	return []imagetest.Entry{e}, err
}

// tree is a folder's files as entries, in order; a link stays a link.
func tree(dir string) ([]imagetest.Entry, error) {
	var out []imagetest.Entry
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(dir, p)
		if err != nil || relErr != nil || rel == "." {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case d.IsDir():
			out = append(out, imagetest.Dir(name))
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			out = append(out, imagetest.Symlink(name, to))
		default:
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			out = append(out, imagetest.Entry{Path: name, Body: b, Mode: int64(info.Mode().Perm())})
		}
		return nil
	})
	return out, err
}

// goProgram is the least ELF file that debug/buildinfo reads: one writable segment that holds the build information as Go 1.18 and
// later write it (cmd/link/internal/ld/data.go, buildinfo).
func goProgram(goVersion string, modules []string) []byte {
	info := "path\t" + strings.Split(modules[0], "@")[0] + "\n"
	for i, m := range modules {
		word := "dep"
		if i == 0 {
			word = "mod"
		}
		name, version, _ := strings.Cut(m, "@")
		info += word + "\t" + name + "\t" + version + "\t\n"
	}
	const start, end = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	var data bytes.Buffer
	data.WriteString("\xff Go buildinf:\x08\x02")
	data.Write(make([]byte, 16))
	for _, s := range []string{goVersion, start + info + end} {
		data.Write(binary.AppendUvarint(nil, uint64(len(s))))
		data.WriteString(s)
	}
	const base, offset = 0x400000, 128
	var elf bytes.Buffer
	elf.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, v := range []any{uint16(2), uint16(62), uint32(1), uint64(base), uint64(64), uint64(0), uint32(0), uint16(64), uint16(56),
		uint16(1), uint16(64), uint16(0), uint16(0),
		uint32(1), uint32(6), uint64(offset), uint64(base), uint64(base), uint64(data.Len()), uint64(data.Len()), uint64(16)} {
		if err := binary.Write(&elf, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	elf.Write(make([]byte, offset-elf.Len()))
	elf.Write(data.Bytes())
	return elf.Bytes()
}

// packFolder packs a folder as an image of one layer and returns its path.
func packFolder(t *testing.T, dir string) string {
	t.Helper()
	entries, err := tree(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "image.tar")
	release := imagetest.File(path.Join("etc", "os-release"), "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
	m := imagetest.Image{Name: "example.test/languages:1",
		Layers: []imagetest.Layer{{CreatedBy: "COPY . /", Entries: append(entries, release)}}}
	if err := packImage("save", out, m); err != nil {
		t.Fatal(err)
	}
	return out
}

// entriesOf is the entries of a tar, for tests that change a packed image.
func entriesOf(t *testing.T, archive string) []imagetest.Entry {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []imagetest.Entry
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, imagetest.Entry{Path: h.Name, Type: h.Typeflag, Body: b, Link: h.Linkname, Mode: h.Mode})
	}
}

func lodashLayer(version string) imagetest.Layer {
	return imagetest.Layer{Entries: []imagetest.Entry{
		imagetest.File("srv/node_modules/lodash/package.json", `{"name":"lodash","version":"`+version+`"}`)}}
}

func saveArchive(t *testing.T, m imagetest.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := imagetest.WriteDockerArchive(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// packRelease packs an image of one layer with an os-release and a package database.
func packRelease(t *testing.T, osRelease, path, database string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.tar")
	m := imagetest.Image{Name: "example.test/release:1", Layers: []imagetest.Layer{{CreatedBy: "ADD rootfs.tar /", Entries: []imagetest.Entry{
		imagetest.File("etc/os-release", osRelease), imagetest.File(path, database)}}}}
	if err := packImage("save", out, m); err != nil {
		t.Fatal(err)
	}
	return out
}
