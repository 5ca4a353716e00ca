package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/advisory"
)

func osvJSON(id, ecosystem, name string) string {
	return fmt.Sprintf(`{"schema_version":"1.7.3","id":%q,"modified":"2026-01-02T03:04:05Z",
		"affected":[{"package":{"ecosystem":%q,"name":%q},"versions":["1"]}]}`, id, ecosystem, name)
}

type file struct {
	name, body string
	method     uint16
}

func pack(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.CreateHeader(&zip.FileHeader{Name: f.name, Method: f.method})
		if err == nil {
			_, err = e.Write([]byte(f.body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// claiming packs one stored entry whose headers claim other sizes than it has.
func claiming(t testing.TB, name string, body []byte, packed, inflated uint64, method, flags uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	e, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: method, Flags: flags, CRC32: crc32.ChecksumIEEE(body), CompressedSize64: packed,
		UncompressedSize64: inflated})
	if err == nil {
		_, err = e.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "all.zip")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll reads a zip as `--source all.zip` does.
func readAll(path string) (ids []string, err error) {
	s, err := OpenOSV(path, Options{})
	if err != nil {
		return nil, err
	}
	x, err := s.Export(context.Background(), "npm")
	if err != nil {
		return nil, err
	}
	defer x.Close()
	err = x.Each(context.Background(), func(a *advisory.Advisory) error {
		ids = append(ids, a.ID)
		return nil
	})
	return ids, err
}

func TestZip(t *testing.T) {
	path := save(t, pack(t, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Deflate}, file{name: "more/"},
		file{"more/A-2.json", osvJSON("A-2", "Debian:12", "b"), zip.Store}))
	ids, err := readAll(path)
	if diff := cmp.Diff([]string{"A-1", "A-2"}, ids); err != nil || diff != "" {
		t.Error(err, diff)
	}
	s, err := OpenOSV(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.Ecosystems(context.Background())
	if diff := cmp.Diff([]string{"Debian", "npm"}, names); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func hostileZips(t testing.TB) map[string]struct {
	data []byte
	want string
} {
	good := file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Deflate}
	whole := pack(t, good, file{"A-2.json", osvJSON("A-2", "npm", "b"), zip.Deflate})
	flipped := bytes.Clone(pack(t, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Store}))
	flipped[bytes.Index(flipped, []byte(`"a"`))+1] ^= 1
	overlapping := bytes.Clone(whole)
	second := bytes.LastIndex(overlapping, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(overlapping[second+20:], uint32(len(whole))) // compressed size, APPNOTE.TXT 4.3.12
	body := []byte(good.body)
	return map[string]struct {
		data []byte
		want string
	}{
		"empty file":       {nil, "zip: not a valid zip file"},
		"not a zip":        {[]byte(strings.Repeat("hello ", 1000)), "not a valid zip"},
		"truncated":        {whole[:len(whole)-30], "not a valid zip"},
		"first half":       {whole[:len(whole)/2], "not a valid zip"},
		"no entry":         {pack(t), "holds no record"},
		"only a folder":    {pack(t, file{name: "a/"}), "holds no record"},
		"not JSON":         {pack(t, good, file{"A-2.json", "<html>", zip.Deflate}), `"A-2.json"`},
		"cut JSON":         {pack(t, file{"A-2.json", good.body[:40], zip.Deflate}), `"A-2.json"`},
		"empty record":     {pack(t, file{"A-2.json", "", zip.Deflate}), `"A-2.json"`},
		"no id":            {pack(t, file{"A-2.json", `{"modified":"2026-01-02T03:04:05Z"}`, zip.Deflate}), `"A-2.json"`},
		"other file":       {pack(t, good, file{"README.md", "hello", zip.Deflate}), `"README.md": not an OSV record`},
		"outside":          {pack(t, file{"../A-1.json", good.body, zip.Deflate}), "not a plain name"},
		"absolute":         {pack(t, file{"/A-1.json", good.body, zip.Deflate}), "not a plain name"},
		"backslash":        {pack(t, file{`a\A-1.json`, good.body, zip.Deflate}), "not a plain name"},
		"dots":             {pack(t, file{"a/./A-1.json", good.body, zip.Deflate}), "not a plain name"},
		"long name":        {pack(t, file{strings.Repeat("a", 5000) + ".json", good.body, zip.Deflate}), "not a plain name"},
		"same name twice":  {pack(t, good, good), "is in it twice"},
		"same id twice":    {pack(t, good, file{"B.json", good.body, zip.Deflate}), `both hold the record "A-1"`},
		"flipped byte":     {flipped, "checksum"},
		"overlapping":      {overlapping, "overlap"},
		"claims too much":  {claiming(t, "A-1.json", body, uint64(len(body)), engine.MaxAdvisory+1, zip.Store, 0), "over the limit"},
		"claims too few":   {claiming(t, "A-1.json", body, uint64(len(body)), 10, zip.Store, 0), `"A-1.json"`},
		"claims more":      {claiming(t, "A-1.json", body, uint64(len(body)), 10000, zip.Store, 0), `"A-1.json"`},
		"unknown method":   {claiming(t, "A-1.json", body, uint64(len(body)), uint64(len(body)), 99, 0), "unsupported compression"},
		"encrypted":        {claiming(t, "A-1.json", body, uint64(len(body)), uint64(len(body)), zip.Store, 1), "encrypted"},
		"garbage deflated": {claiming(t, "A-1.json", body, uint64(len(body)), uint64(len(body)), zip.Deflate, 0), `"A-1.json"`},
	}
}

func TestHostileZips(t *testing.T) {
	for name, c := range hostileZips(t) {
		t.Run(name, func(t *testing.T) {
			_, err := readAll(save(t, c.data))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for location, want := range map[string]string{
		filepath.Join(dir, "absent"):  "no such file",
		"http://example.test/osv":     "plain http to example.test",
		"http://127.0.0.1.evil.test/": "refused",
		"ftp://example.test/":         `a "ftp" URL cannot be fetched`,
		"https:///path":               "no host",
		"file:///etc":                 "no host",
		"/dev/null":                   "neither a directory nor a zip",
	} {
		if _, err := OpenOSV(location, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s): %v, want %q", location, err, want)
		}
	}
	s, err := OpenOSV("https://user:secret@example.test/osv", Options{})
	if err != nil || strings.Contains(s.name, "secret") {
		t.Errorf("name %q shows the password; %v", s.name, err)
	}
	if s, err := OpenOSV("", Options{}); err != nil || s.name != OSVURL {
		t.Errorf("the default is %v, %v", s, err)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	put := func(path, body string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenOSV(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if names, err := s.Ecosystems(ctx); err == nil {
		t.Errorf("an empty directory has ecosystems %v", names)
	}
	put("npm/all.zip", string(pack(t, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Store})))
	if names, err := s.Ecosystems(ctx); err != nil || !cmp.Equal(names, []string{"npm"}) {
		t.Errorf("ecosystems %v, %v", names, err)
	}
	put("ecosystems.txt", "npm\nDebian:12\r\nDebian\n\n[EMPTY]\nRed Hat\n")
	if names, err := s.Ecosystems(ctx); err != nil || !cmp.Equal(names, []string{"Debian", "Red Hat", "npm"}) {
		t.Errorf("ecosystems %v, %v", names, err)
	}
	x, err := s.Export(ctx, "npm")
	if err != nil || x.AsOf != "" {
		t.Errorf("a directory dates its export %q, %v", x.AsOf, err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"Debian", "../npm", "npm/..", "", "Debian:12", "a\x00b"} {
		if _, err := s.Export(ctx, name); err == nil {
			t.Errorf("Export(%q) did not fail", name)
		}
	}
	put("ecosystems.txt", "npm\n../../etc\n")
	if _, err := s.Ecosystems(ctx); err == nil || !strings.Contains(err.Error(), "no ecosystem's name") {
		t.Errorf("error %v", err)
	}
	put("ecosystems.txt", strings.Repeat("npm\n", engine.MaxEcosystemList/4+1))
	if _, err := s.Ecosystems(ctx); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("error %v", err)
	}
}

func FuzzZip(f *testing.F) {
	for _, c := range hostileZips(f) {
		f.Add(c.data)
	}
	f.Add(pack(f, file{"A-1.json", osvJSON("A-1", "npm", "a"), zip.Deflate}))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := listZip(bytes.NewReader(data), int64(len(data)), "fuzz")
		if err != nil {
			return
		}
		if len(entries) == 0 {
			t.Fatal("no entry and no error")
		}
		for _, e := range entries {
			if a, err := e.parse(); err == nil && a.ID == "" {
				t.Fatal("a record without an id")
			}
		}
	})
}
