package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vetoci/veto/engine/image/imagetest"
)

// desk is a machine as the documents suppose it: a folder with images, policies and the examples, in a git repository; daemons; and, behind
// a proxy, the registries and feeds that the documents name. All of it is on loopback; nothing else is reached.
type desk struct {
	t       *testing.T
	dir     string
	environ []string
}

// newDesk makes a desk; packed is the form of layers in its registries.
func newDesk(t *testing.T, packed imagetest.Compression) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	image := quickstartImage(t)
	d.fill(image)
	image.Compression = packed
	sites := d.sites(image)
	a := newAuthority(t, sortedKeys(sites)...)
	writeText(t, filepath.Join(d.dir, "corp.pem"), string(a.pem))
	proxy, _ := connectProxy(t, serveTLS(t, a, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := strings.Cut(r.Host, ":")
		sites[host].ServeHTTP(w, r)
	})))
	archive := d.read("app.tar")
	daemon := serveDaemon(t, "app:1.2", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, archive) })
	d.environ = []string{"PATH=" + d.programs() + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "VETO_NOW=" + clock,
		"VETO_CACHE=" + t.TempDir(), "VETO_CA_FILE=" + filepath.Join(d.dir, "corp.pem"), "HTTPS_PROXY=" + proxy,
		"DOCKER_HOST=" + daemon, "CONTAINER_HOST=" + daemon, standInImage + "=" + filepath.Join(d.dir, "app.tar"),
		standInSBOM + "=" + filepath.Join(d.dir, "app.cdx.json"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	return d
}

// quickstartImage is the image of examples/quickstart, under the name that the documents use.
func quickstartImage(t *testing.T) imagetest.Image {
	t.Helper()
	b, err := os.ReadFile(quickstart(t, "image.txt"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := describeImage(quickstart(t, "."), string(b))
	if err != nil {
		t.Fatal(err)
	}
	m.Name = "ghcr.io/example/app:1.2"
	return m
}

func (d *desk) read(name string) string {
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// fill writes the working directory.
func (d *desk) fill(app imagetest.Image) {
	t := d.t
	base := app
	base.Layers = app.Layers[:1]
	layout := app
	layout.Compression = imagetest.Gzip
	for form, out := range map[string]string{"save": "app.tar", "oci": "layout"} {
		if err := packImage(form, filepath.Join(d.dir, out), map[string]imagetest.Image{"save": app, "oci": layout}[form]); err != nil {
			t.Fatal(err)
		}
	}
	if err := packImage("save", filepath.Join(d.dir, "base.tar"), base); err != nil {
		t.Fatal(err)
	}
	files, err := txtar.ParseFile(filepath.Join("testdata", "documents", "desk.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if err := txtar.Write(files, d.dir); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(d.dir, "nvdcve-2.0-2026.json.gz"), string(gzipped(t, []byte(d.read("nvdcve-2.0-2026.json")))))
	for _, copied := range [][2]string{{"examples", "examples"}, {"examples/custom-policy/policy", "policy"}} {
		if err := os.CopyFS(filepath.Join(d.dir, copied[1]), os.DirFS(filepath.Join(root(t), copied[0]))); err != nil {
			t.Fatal(err)
		}
	}
	git(t, d.dir, "init", "-q")
	git(t, d.dir, "add", "policy", "trusted")
	git(t, d.dir, "commit", "-qm", "policies")
	git(t, d.dir, "update-ref", "refs/remotes/origin/main", "HEAD")
}

// gzipped packs bytes with gzip.
func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// programs makes the folder of veto and the stand-ins.
func (d *desk) programs() string {
	bin := filepath.Join(d.dir, ".bin")
	linkVeto(d.t, bin)
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	for name := range standIns() {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			d.t.Fatal(err)
		}
	}
	return bin
}

// sites are the places in the network that the documents name, or that veto reaches by itself.
func (d *desk) sites(app imagetest.Image) map[string]http.Handler {
	base := app
	base.Layers = app.Layers[:1]
	images := imageRegistry{}
	for repository, m := range map[string]imagetest.Image{"example/app": app, "shop/web": app, "library/debian": base} {
		p, err := imagetest.Pack(m)
		if err != nil {
			d.t.Fatal(err)
		}
		images[repository] = p
	}
	exports := osvExports(d.t, quickstart(d.t, "advisories"))
	mirror := fileSite{}
	for name, b := range exports {
		mirror["/osv"+name] = b
	}
	kev, err := os.ReadFile(quickstart(d.t, "advisories/kev.json"))
	if err != nil {
		d.t.Fatal(err)
	}
	return map[string]http.Handler{
		"ghcr.io": images, "registry.corp.example": images, "index.docker.io": images,
		"osv-vulnerabilities.storage.googleapis.com": exports, "mirror.corp.example": mirror,
		"www.cisa.gov":               fileSite{"/sites/default/files/feeds/known_exploited_vulnerabilities.json": kev},
		"epss.empiricalsecurity.com": fileSite{"/epss_scores-current.csv.gz": gzipped(d.t, []byte(d.read("epss.csv")))},
	}
}

// fileSite is a web server of files by path, all changed on the day of the clock.
type fileSite map[string][]byte

func (f fileSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := f[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Last-Modified", "Mon, 23 Nov 2026 00:00:00 GMT")
	w.Write(b)
}

// osvExports lays a folder of OSV records out as OSV's bucket is: ecosystems.txt and <ecosystem>/all.zip.
func osvExports(t *testing.T, dir string) fileSite {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d records, %v", dir, len(names), err)
	}
	byEcosystem := map[string]map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var record osvRecord
		if err := json.Unmarshal(b, &record); err != nil {
			t.Fatal(err)
		}
		for _, a := range record.Affected {
			base, _, _ := strings.Cut(a.Package.Ecosystem, ":")
			if byEcosystem[base] == nil {
				byEcosystem[base] = map[string]string{}
			}
			byEcosystem[base][filepath.Base(name)] = string(b)
		}
	}
	out := fileSite{"/ecosystems.txt": []byte(strings.Join(sortedKeys(byEcosystem), "\n") + "\n")}
	for base, records := range byEcosystem {
		out["/"+base+"/all.zip"] = archived(t, records)
	}
	return out
}

// run runs a line in a shell, and returns its exit code and what was said.
func (d *desk) run(line string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(d.t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.dir, d.environ, &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("%s: %v", line, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// unset takes variables out of the environment.
func (d *desk) unset(names ...string) {
	d.environ = slices.DeleteFunc(d.environ, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(names, name)
	})
}

// archived packs files into a zip.
func archived(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// must runs a line that prepares something.
func (d *desk) must(line string) {
	d.t.Helper()
	if code, stdout, stderr := d.run(line); code != 0 {
		d.t.Fatalf("%s: exit %d\n%s%s", line, code, stdout, stderr)
	}
}

// append adds to a file, or makes it.
func (d *desk) append(name, text string) {
	d.t.Helper()
	path, old := filepath.Join(d.dir, name), ""
	if exists(path) {
		old = d.read(name) + "\n"
	}
	writeText(d.t, path, old+text)
}

// clearPolicies leaves a desk without policies of its own.
func (d *desk) clearPolicies() {
	if err := os.RemoveAll(filepath.Join(d.dir, "policy")); err != nil {
		d.t.Fatal(err)
	}
}
