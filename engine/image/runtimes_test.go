package image_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/imagetest"
)

// TestRuntimes unpacks random stacks of layers with podman's overlay and vfs drivers and with containerd, and compares what they show with
// what Merge makes of the same layers. Whatever a runtime shows is in one of the merged trees, a tree shows nothing that no runtime shows,
// and what every runtime refuses is an error. argued lists the exceptions. It needs the tools, root and VETO_ORACLES; VETO_STACKS is how
// many, and VETO_SEED which.
func TestRuntimes(t *testing.T) {
	if os.Getenv("VETO_ORACLES") == "" {
		t.Skip("VETO_ORACLES is not set")
	}
	for _, tool := range []string{"podman", "containerd", "ctr"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	count, seed := number(t, "VETO_STACKS", 500), number(t, "VETO_SEED", 1)
	dir, err := os.MkdirTemp("", "stacks-") // podman takes a path for a name, which has no capitals
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := rand.New(rand.NewPCG(uint64(seed), 11)) // a seed
	var stacks []*layerStack
	for i := range count {
		s := &layerStack{name: fmt.Sprintf("s%d", i), dir: filepath.Join(dir, fmt.Sprintf("s%d", i))}
		s.fill(r)
		if err := imagetest.WriteOCILayout(s.dir, s.image()); err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, s)
	}
	runtimes := []runtime{newPodman(t, "overlay"), newPodman(t, "vfs"), newContainerd(t)}
	var wg sync.WaitGroup
	for _, rt := range runtimes {
		wg.Go(func() {
			for _, s := range stacks {
				s.unpack(t, rt)
			}
		})
	}
	wg.Wait()
	accepted, differing := 0, 0
	for _, s := range stacks {
		if len(s.shown) > 0 {
			accepted++
		}
		differing += s.compare(t)
	}
	t.Logf("%d stacks, %d of which some runtime unpacks; of %d the runtimes make different things", count, accepted, differing)
	if accepted < count/3 || differing < count/50 {
		t.Errorf("the generator makes too few stacks that say something: %d accepted, %d with differences", accepted, differing)
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// layerStack is one image of random layers, and what each runtime showed of it.
type layerStack struct {
	name   string
	dir    string // an OCI layout
	layers []engine.LayerFacts

	mu      sync.Mutex
	shown   map[string]map[string]string // by runtime: content by path
	refused map[string]string            // by runtime: why
}

// fill makes one to four layers of few names, so that entries meet. Most entries fit what is there, and some do not.
func (s *layerStack) fill(r *rand.Rand) {
	s.shown, s.refused = map[string]map[string]string{}, map[string]string{}
	files, dirs := []string{}, []string{}
	pick := func(list []string, otherwise string) string {
		if len(list) == 0 {
			return otherwise
		}
		return list[r.IntN(len(list))]
	}
	for range 1 + r.IntN(4) {
		var entries []engine.Entry
		here := map[string]bool{}
		wild := r.IntN(8) == 0
		for range 1 + r.IntN(5) {
			p := randomPath(r)
			if r.IntN(3) == 0 {
				p = pick(dirs, p) + "/" + string(rune('a'+r.IntN(3)))
			}
			if !wild && (here[p] || slices.ContainsFunc(files, func(f string) bool { return here[f] && strings.HasPrefix(p, f+"/") })) {
				continue
			}
			here[p] = true
			e := engine.Entry{Path: p, Type: engine.TypeFile, Mode: 0o644}
			d, base := "", p
			if i := strings.LastIndexByte(p, '/'); i >= 0 {
				d, base = p[:i+1], p[i+1:]
			}
			switch k := r.IntN(100); {
			case k < 34:
				files = append(files, p)
			case k < 44:
				e.Type, e.Mode = engine.TypeDir, 0o755
				dirs = append(dirs, p)
			case k < 62:
				e.Type = engine.TypeSymlink
				e.Link = []string{pick(dirs, "a"), "/" + pick(dirs, "b"), "../" + randomPath(r), randomPath(r)}[r.IntN(4)]
				dirs = append(dirs, p)
			case k < 74:
				e.Type, e.Link = engine.TypeHardlink, pick(files, randomPath(r))
				files = append(files, p)
			case k < 86:
				e.Path = d + ".wh." + base
				if q := pick(append(slices.Clone(files), dirs...), p); q != "" {
					i := strings.LastIndexByte(q, '/') + 1
					e.Path = q[:i] + ".wh." + q[i:]
				}
			case k < 95:
				e.Path = pick(dirs, p) + "/.wh..wh..opq"
			case k < 97:
				e.Path = ".wh..wh..opq"
			default:
				e.Path = ".wh..wh.x/" + base
			}
			entries = append(entries, e)
		}
		s.layers = append(s.layers, engine.LayerFacts{Info: engine.LayerInfo{Index: len(s.layers) + 1}, Entries: entries})
	}
}

func randomPath(r *rand.Rand) string {
	parts := make([]string, []int{1, 1, 2, 2, 3}[r.IntN(5)])
	for i := range parts {
		parts[i] = string(rune('a' + r.IntN(3)))
	}
	return strings.Join(parts, "/")
}

// image packs the layers; the body of each file says which entry it is.
func (s *layerStack) image() imagetest.Image {
	m := imagetest.Image{Name: s.name}
	for i, lf := range s.layers {
		l := imagetest.Layer{CreatedBy: s.name}
		for _, e := range lf.Entries {
			switch e.Type {
			case engine.TypeDir:
				l.Entries = append(l.Entries, imagetest.Dir(e.Path))
			case engine.TypeSymlink:
				l.Entries = append(l.Entries, imagetest.Symlink(e.Path, e.Link))
			case engine.TypeHardlink:
				l.Entries = append(l.Entries, imagetest.Hardlink(e.Path, e.Link))
			default:
				body := fmt.Sprintf("%d:%s", i+1, e.Path)
				if strings.Contains(e.Path, ".wh.") && !strings.HasPrefix(e.Path, ".wh..wh.x/") {
					body = ""
				}
				l.Entries = append(l.Entries, imagetest.File(e.Path, body))
			}
		}
		m.Layers = append(m.Layers, l)
	}
	return m
}

// runtime unpacks an OCI layout and returns the folder that shows it, and what ends that.
type runtime interface {
	name() string
	mount(s *layerStack) (dir string, done func(), err error)
}

func (s *layerStack) unpack(t *testing.T, rt runtime) {
	dir, done, err := rt.mount(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.refused[rt.name()] = err.Error()
		return
	}
	defer done()
	content := map[string]string{}
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		switch {
		case os.IsNotExist(err): // a lower whiteout that the kernel lists and does not find
			return nil
		case err != nil || rel == "." || d.IsDir():
			return err
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			content[rel] = ">" + target
			return err
		case d.Type().IsRegular():
			b, err := os.ReadFile(p)
			content[rel] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %s: %v", s.name, rt.name(), err)
	}
	s.shown[rt.name()] = content
}

// compare reports what is not as it should be, and returns 1 where runtimes differ.
func (s *layerStack) compare(t *testing.T) int {
	t.Helper()
	trees, err := image.Merge(s.layers)
	if err != nil {
		if len(s.shown) > 0 && !s.argued("", "refused by veto alone") {
			t.Errorf("veto: %v; unpacked by some: %v\n%s", err, s.shown, describeStack(s.layers))
		}
		return 0
	}
	if len(s.shown) == 0 {
		if !s.argued("", "refused by all runtimes") {
			t.Errorf("refused by all: %v; veto: %v\n%s", s.refused, treeContent(trees[0]), describeStack(s.layers))
		}
		return 0
	}
	ours := map[string]bool{}
	for _, tree := range trees {
		for p, c := range treeContent(tree) {
			ours[p+" "+c] = true
		}
	}
	theirs, distinct := map[string]bool{}, map[string]bool{}
	for name, content := range s.shown {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		distinct[string(text)] = true
		for p, c := range content {
			theirs[p+" "+c] = true
			if !ours[p+" "+c] && !s.argued(p, "shown by "+name) {
				t.Errorf("%s shows %s with %q, and veto does not\n%s", name, p, c, describeStack(s.layers))
			}
		}
	}
	for entry := range ours {
		if p, _, _ := strings.Cut(entry, " "); !theirs[entry] && !s.argued(p, "shown by veto") {
			t.Errorf("veto shows %s, and no runtime does: %v\n%s", entry, s.shown, describeStack(s.layers))
		}
	}
	if len(distinct) > 1 || len(s.refused) > 0 {
		return 1
	}
	return 0
}

// argued says whether a difference is one that is right, and why. In each of them veto judges more than a runtime shows.
func (s *layerStack) argued(p, what string) bool {
	overlayRefuses := s.refused["podman overlay"] != "" && s.refused["containerd"] != ""
	for _, l := range s.layers {
		kinds := map[string]engine.EntryType{}
		for i, e := range l.Entries {
			dir, base := path.Split(e.Path)
			hidden := dir + strings.TrimPrefix(base, ".wh.")
			opaque := base == ".wh..wh..opq"
			own := func(o engine.Entry) bool {
				return !opaque && (o.Path == hidden || strings.HasPrefix(o.Path, hidden+"/")) || opaque && strings.HasPrefix(o.Path, dir)
			}
			if strings.HasPrefix(base, ".wh.") && slices.ContainsFunc(l.Entries[:i], own) {
				// image-spec layer.md: a whiteout hides nothing of its own layer. Those that unpack one layer over the other remove it, and containerd
				// does so in the first layer; overlay drivers refuse it.
				return true
			}
			if what == "refused by all runtimes" && strings.HasPrefix(base, ".wh.") && slices.ContainsFunc(l.Entries, own) {
				return true // also where the layer brings it after the whiteout; one model stands for containerd and for the overlay drivers
			}
			if _, twice := kinds[e.Path]; twice && what == "refused by all runtimes" {
				// podman refuses a layer that has a path twice, docker does not. All refuse a folder that its own layer replaces by something else,
				// because they set its time at the end.
				return true
			}
			kinds[e.Path] = e.Type
		}
		if what == "refused by all runtimes" && replacesFolder(l.Entries) {
			return true
		}
	}
	if what == "refused by veto alone" && s.linksWhiteout() {
		return true // a hard link to the device that podman makes of a whiteout is a whiteout too: nobody builds that
	}
	if what == "refused by veto alone" && len(s.shown) == 1 && s.shown["podman vfs"] != nil && s.marksLink() {
		return true // podman does not follow the link, so that a hard link finds its target; containerd does, and refuses it too
	}
	if what == "shown by veto" && s.marksLink() {
		return true // veto follows it where it unpacks one layer over the other, as containerd does, and podman's vfs driver does not
	}
	if what == "refused by all runtimes" || what == "shown by veto" && (s.refused["podman vfs"] != "" || overlayRefuses) {
		// containerd's native snapshotter unpacks one layer over the other, follows links as containerd does and makes what they lead to. It
		// cannot be asked here, and podman refuses what leads through a link to nothing.
		return s.leadsThroughLink()
	}
	return false
}

// replacesFolder says whether a layer puts something else where it has a folder.
func replacesFolder(entries []engine.Entry) bool {
	for i, e := range entries {
		for _, o := range entries[:i] {
			if e.Type != engine.TypeDir && (strings.HasPrefix(o.Path, e.Path+"/") || o.Path == e.Path && o.Type == engine.TypeDir) {
				return true
			}
		}
	}
	return false
}

// marksLink says whether an opaque marker stands in what is a link.
func (s *layerStack) marksLink() bool {
	links := map[string]bool{}
	for _, l := range s.layers {
		for _, e := range l.Entries {
			links[e.Path] = links[e.Path] || e.Type == engine.TypeSymlink
			if dir, base := path.Split(e.Path); base == ".wh..wh..opq" && links[strings.TrimSuffix(dir, "/")] {
				return true
			}
		}
	}
	return false
}

// linksWhiteout says whether a layer has a hard link to what it whites out.
func (s *layerStack) linksWhiteout() bool {
	for _, l := range s.layers {
		for _, e := range l.Entries {
			dir, base := path.Split(e.Link)
			if e.Type == engine.TypeHardlink && slices.ContainsFunc(l.Entries, func(o engine.Entry) bool { return o.Path == dir+".wh."+base }) {
				return true
			}
		}
	}
	return false
}

// leadsThroughLink says whether an entry's path leads through a symbolic link.
func (s *layerStack) leadsThroughLink() bool {
	links := map[string]bool{}
	for _, l := range s.layers {
		for _, e := range l.Entries {
			for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
				if links[dir] {
					return true
				}
			}
			if links[e.Path] = e.Type == engine.TypeSymlink; e.Type == engine.TypeHardlink && links[path.Dir(e.Link)] {
				return true
			}
		}
	}
	return false
}

func treeContent(t *engine.Tree) map[string]string {
	out := map[string]string{}
	for p, n := range t.Nodes {
		switch n.Type {
		case engine.TypeFile:
			out[p] = fmt.Sprintf("%d:%s", n.BodyLayer, n.BodyPath)
		case engine.TypeSymlink:
			out[p] = ">" + n.Link
		}
	}
	return out
}

// podman is podman with a storage of its own.
type podman struct {
	driver string
	args   []string
}

func newPodman(t *testing.T, driver string) *podman {
	t.Helper()
	dir := t.TempDir()
	p := &podman{driver: driver, args: []string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"),
		"--storage-driver", driver, "--cgroup-manager", "cgroupfs", "--events-backend", "none"}}
	t.Cleanup(func() {
		_, _ = p.run("image", "unmount", "--all", "--force")
		_ = syscall.Unmount(filepath.Join(dir, "root", driver), syscall.MNT_DETACH)
	})
	return p
}

func (p *podman) name() string { return "podman " + p.driver }

func (p *podman) run(args ...string) (string, error) {
	cmd := exec.Command("podman", append(slices.Clone(p.args), args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, lastLine(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func (p *podman) mount(s *layerStack) (string, func(), error) {
	id, err := p.run("pull", "-q", "oci:"+s.dir)
	if err != nil {
		return "", nil, err
	}
	dir, err := p.run("image", "mount", id)
	if err != nil {
		return "", nil, err
	}
	return dir, func() { _, _ = p.run("image", "unmount", "--force", id) }, nil
}

// containerd is a daemon of its own, with the overlayfs snapshotter, and its client.
type containerd struct{ dir, socket string }

func newContainerd(t *testing.T) *containerd {
	t.Helper()
	dir := t.TempDir()
	c := &containerd{dir, filepath.Join(dir, "sock")}
	cmd := exec.Command("containerd", "--root", filepath.Join(dir, "root"), "--state", filepath.Join(dir, "state"), "--address", c.socket,
		"--log-level", "fatal")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 200 {
		if _, err := c.run("version"); err == nil {
			return c
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("containerd does not answer")
	return nil
}

func (c *containerd) name() string { return "containerd" }

func (c *containerd) run(args ...string) (string, error) {
	out, err := exec.Command("ctr", append([]string{"-a", c.socket}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, lastLine(string(out)))
	}
	return string(out), nil
}

func (c *containerd) mount(s *layerStack) (string, func(), error) {
	archive, dir := s.dir+".tar", filepath.Join(c.dir, "mounts", s.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	if out, err := exec.Command("tar", "-C", s.dir, "-cf", archive, ".").CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("%w: %s", err, out)
	}
	if _, err := c.run("image", "import", "--no-unpack", "--index-name", s.name, archive); err != nil {
		return "", nil, err
	}
	if _, err := c.run("image", "mount", s.name, dir); err != nil {
		return "", nil, err
	}
	return dir, func() {
		_, _ = c.run("image", "unmount", "--rm", dir)
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
	}, nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
