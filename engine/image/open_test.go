package image_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// small is an image of two layers with every kind of entry.
func small(c imagetest.Compression) imagetest.Image {
	long := strings.Repeat("directory/", 20) + "file"
	return imagetest.Image{Name: "example.test/app:1", Compression: c,
		Config: map[string]any{"User": "app", "Labels": map[string]string{"a": "b"}},
		Layers: []imagetest.Layer{
			{CreatedBy: "FROM base", Entries: []imagetest.Entry{imagetest.Dir("./"), imagetest.File("./etc/passwd", "root\n"),
				imagetest.File("/bin/sh", noise(70_000)),
				imagetest.Symlink("lib", "usr/lib"), imagetest.File(long, "deep"), {Path: "bin/su", Mode: 0o4755, UID: 1, GID: 2}}},
			{CreatedBy: "COPY . /", Entries: []imagetest.Entry{imagetest.Hardlink("bin/bash", "/bin/sh"), imagetest.Whiteout("etc/passwd"),
				imagetest.Opaque("var"), imagetest.File("a\nb", "x")}},
		}}
}

// noise is text that compresses little, the same each time.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.IntN(90))
	}
	return string(b)
}

// forms writes an image in every stored form and returns the sources.
func forms(t *testing.T, m imagetest.Image) map[string]string {
	t.Helper()
	dir := t.TempDir()
	out := map[string]string{}
	save := func(kind string, write func(b *bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		p := filepath.Join(dir, kind+".tar")
		if err := os.WriteFile(p, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out[kind] = p
		z, err := imagetest.Compress(imagetest.Gzip, b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p+".gz", z, 0o600); err != nil {
			t.Fatal(err)
		}
		out[kind+" gzip"] = p + ".gz"
	}
	save("docker", func(b *bytes.Buffer) error { return imagetest.WriteDockerArchive(b, m) })
	save("docker-oci", func(b *bytes.Buffer) error { return imagetest.WriteDockerOCIArchive(b, m) })
	save("oci-archive", func(b *bytes.Buffer) error { return imagetest.WriteOCIArchive(b, m) })
	out["oci"] = filepath.Join(dir, "layout")
	if err := imagetest.WriteOCILayout(out["oci"], m); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryFormHoldsTheSame(t *testing.T) {
	var want [][]engine.Entry
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		for kind, source := range forms(t, small(c)) {
			for _, verify := range []bool{false, true} {
				id, facts := walkAll(t, source, image.Options{Verify: verify})
				var got [][]engine.Entry
				for _, lf := range facts {
					got = append(got, lf.Entries)
					if content := lf.Info.Verified == engine.VerifiedContent; content != (verify || c != imagetest.Plain) {
						t.Errorf("%s %s verify=%t: verified is %s", kind, c, verify, lf.Info.Verified)
					}
					if lf.Info.CreatedBy == "" || lf.Info.DiffID == "" {
						t.Errorf("%s %s: %+v", kind, c, lf.Info)
					}
				}
				if want == nil {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %s: %s", kind, c, diff)
				}
				if id.Name != filepath.Base(source) || id.Named || id.Platform.String() != "linux/amd64" || len(id.ContainedNames) != 1 {
					t.Errorf("%s: %+v", kind, id)
				}
			}
		}
	}
	if n := len(want[0]); n != 6 || want[0][5].Mode&os.ModeSetuid == 0 || want[1][0].Link != "bin/sh" {
		t.Errorf("the entries are %+v", want)
	}
}

func TestStdinHoldsTheSame(t *testing.T) {
	for kind, source := range forms(t, small(imagetest.Gzip)) {
		if kind == "oci" {
			continue
		}
		b, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		id, facts := walkAll(t, "-", image.Options{Stdin: bytes.NewReader(b), As: "shop/web"})
		if id.Name != "shop/web" || !id.Named || len(facts) != 2 || len(facts[0].Entries) != 6 {
			t.Errorf("%s from a pipe: %+v, %d layers", kind, id, len(facts))
		}
		f, err := os.Open(source)
		if err != nil {
			t.Fatal(err)
		}
		if id, facts := walkAll(t, "-", image.Options{Stdin: f}); id.Name != "stdin" || id.Named || len(facts) != 2 {
			t.Errorf("%s from a file: %+v, %d layers", kind, id, len(facts))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBodiesAreReadFromEveryForm(t *testing.T) {
	for _, c := range []imagetest.Compression{imagetest.Plain, imagetest.Gzip} {
		for kind, source := range forms(t, small(c)) {
			m, err := opened(context.Background(), source, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			bodies := map[string]string{}
			if _, err := m.Layers()[0].Walk(context.Background(), func(f *engine.File) error {
				b, err := f.Bytes(1 << 20)
				bodies[f.Path] = string(b)
				return err
			}); err != nil {
				t.Errorf("%s %s: %v", kind, c, err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if bodies["etc/passwd"] != "root\n" || len(bodies["bin/sh"]) != 70_000 {
				t.Errorf("%s %s: etc/passwd is %q, bin/sh has %d bytes", kind, c, bodies["etc/passwd"], len(bodies["bin/sh"]))
			}
		}
	}
}

func TestPlatforms(t *testing.T) {
	amd, arm, v7 := small(imagetest.Gzip), small(imagetest.Gzip), small(imagetest.Gzip)
	amd.Group, arm.Group, v7.Group = "g", "g", "g"
	arm.Platform, v7.Platform = "linux/arm64", "linux/arm/v7"
	other := small(imagetest.Gzip)
	other.Name = "example.test/other:2"
	dir := filepath.Join(t.TempDir(), "multi")
	if err := imagetest.WriteOCILayout(dir, amd, arm, v7); err != nil {
		t.Fatal(err)
	}
	two := filepath.Join(t.TempDir(), "two")
	if err := imagetest.WriteOCILayout(two, small(imagetest.Plain), other); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ source, platform, want, fault string }{
		{dir, "", "linux/amd64", ""},
		{dir, "linux/arm64", "linux/arm64", ""},
		{dir, "linux/arm64/v8", "linux/arm64", ""},
		{dir, "linux/arm", "linux/arm/v7", ""},
		{"oci:" + dir + ":1", "linux/arm/v7", "linux/arm/v7", ""},
		{dir, "linux/s390x", "", "no image for linux/s390x"},
		{dir, "linux", "", "not of the form"},
		{"oci:" + dir + ":3", "", "", "unknown tag"},
		{two, "", "", "holds several images"},
		{"oci:" + two + ":2", "", "linux/amd64", ""},
		{"oci:" + two + ":2", "linux/arm64", "", "linux/arm64"},
	} {
		m, err := opened(context.Background(), c.source, image.Options{Platform: c.platform})
		if c.fault != "" {
			usage := (*engine.UsageError)(nil)
			if err == nil || !strings.Contains(err.Error(), c.fault) || !errors.As(err, &usage) {
				t.Errorf("%s %s: %v, want a usage error with %q", c.source, c.platform, err, c.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.source, c.platform, err)
			continue
		}
		if got := m.Identity().Platform.String(); got != c.want {
			t.Errorf("%s %s: platform %s", c.source, c.platform, got)
		}
		if p, ok := m.(engine.Partial); c.source == dir &&
			(!ok || c.platform == "" && len(p.Unscanned()) != 2 || c.platform != "" && p.Unscanned() != nil) {
			t.Errorf("%s %s: unscanned %v", c.source, c.platform, p.Unscanned())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRootDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"etc", "usr/lib"} {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "usr/lib/os-release"), []byte("ID=debian\n"), 0o600),
		os.Symlink("../usr/lib/os-release", filepath.Join(dir, "etc/os-release")), os.Symlink("/", filepath.Join(dir, "outside"))); err != nil {
		t.Fatal(err)
	}
	m, err := opened(context.Background(), "rootfs:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	v, err := m.Layers()[0].Walk(context.Background(), func(f *engine.File) error {
		line := f.Type.String() + " " + f.Path + " " + f.Link
		if f.Type == engine.TypeFile {
			b, err := f.Bytes(100)
			if err != nil {
				return err
			}
			line += string(b)
		}
		got = append(got, line)
		return nil
	})
	if err := errors.Join(err, m.Close()); err != nil || v != engine.VerifiedClaimed {
		t.Fatal(err, v)
	}
	want := []string{"dir etc ", "symlink etc/os-release ../usr/lib/os-release", "symlink outside /", "dir usr ", "dir usr/lib ",
		"file usr/lib/os-release ID=debian\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A walk that is interrupted is an error: what it has shown by then is no whole root file system.
func TestRootDirectoryInterrupted(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "a/b"), 0o755), os.WriteFile(filepath.Join(dir, "c"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	m, err := opened(context.Background(), "rootfs:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, last := range []string{"", "a", "a/b"} {
		ctx, cancel := context.WithCancel(context.Background())
		if last == "" {
			cancel()
		}
		_, err := m.Layers()[0].Walk(ctx, func(f *engine.File) error {
			if f.Path == last {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at %q: %v", last, err)
		}
	}
}

// An entry has the owner that its file has.
func TestRootDirectoryOwners(t *testing.T) {
	uid, gid := os.Getuid(), os.Getgid()
	switch uid {
	case -1:
		t.Skip("files have no numbers of owners here")
	case 0:
		uid, gid = 1234, 5678 // root may give files away, and its own would have the numbers of no owner
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Lchown(name, uid, gid)); err != nil {
		t.Fatal(err)
	}
	m, err := opened(context.Background(), "rootfs:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	seen := 0
	_, err = m.Layers()[0].Walk(context.Background(), func(f *engine.File) error {
		seen++
		if int(f.UID) != uid || int(f.GID) != gid {
			t.Errorf("%s is %d:%d's, want %d:%d", f.Path, f.UID, f.GID, uid, gid)
		}
		return nil
	})
	if err != nil || seen != 1 {
		t.Errorf("%d entries, %v", seen, err)
	}
}
