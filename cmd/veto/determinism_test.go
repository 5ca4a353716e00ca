package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vetoci/veto/formats"
)

// The same image, data, policies and clock give the same bytes in every format: whatever the directory, the number of processors,
// the state of the cache.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	image := quickstart(t, "image.tar")
	advisories := quickstart(t, "advisories")
	sameBytes(t, image, advisories, sample(20))
}

func TestSameBytesOfARealImage(t *testing.T) {
	t.Parallel()
	sameBytes(t, filepath.Join(images(t), "web.tar"), databaseDir(t), max(2, sample(4)))
}

func sameBytes(t *testing.T, image, db string, runs int) {
	var want map[string]string
	cache := t.TempDir()
	for i := range runs {
		dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", i%3), "work")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(image, filepath.Join(dir, "image.tar")); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			cache = t.TempDir()
		}
		args := []string{"scan", "./image.tar", "--db", db, "--now", clock, "-o", "facts=facts"}
		for _, f := range formats.Names() {
			args = append(args, "-o", f+"="+f)
		}
		code, _, stderr := vetoIn(t, dir, []string{"VETO_CACHE=" + cache, fmt.Sprint("GOMAXPROCS=", 1+i%4)}, args...)
		if code != exitDenied {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		got := map[string]string{}
		for _, f := range append(formats.Names(), "facts") {
			b, err := os.ReadFile(filepath.Join(dir, f))
			if err != nil {
				t.Fatal(err)
			}
			got[f] = fmt.Sprintf("%x", sha256.Sum256(b))
			if strings.Contains(string(b), dir) {
				t.Errorf("%s holds a path of the machine", f)
			}
		}
		if want == nil {
			want = got
			continue
		}
		for f := range want {
			if want[f] != got[f] {
				t.Errorf("run %d: %s differs from the first run's", i, f)
			}
		}
	}
}

// Every command says what it is for, shows an example and the exit status, and every flag says what it does.
func TestHelp(t *testing.T) {
	root := newRoot(&system{environ: nil})
	each(root, func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if cmd.Name() == "help" {
			return
		}
		if !strings.Contains(cmd.Long, "EXIT STATUS") {
			t.Errorf("%s --help has no EXIT STATUS", path)
		}
		if cmd.Example == "" && !strings.Contains(path, "completion") {
			t.Errorf("%s has no example", path)
		}
		if cmd.Short == "" {
			t.Errorf("%s has no summary", path)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s says nothing", path, f.Name)
			}
		})
	})
}
