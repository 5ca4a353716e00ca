package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/purl"
)

// TestMutantsOfPython compares what importlib.metadata and pip see with what veto sees.
func TestMutantsOfPython(t *testing.T) {
	t.Parallel()
	python := "/usr/bin/python3" // Debian's, which has pip as a library
	if exec.CommandContext(t.Context(), python, "-c", "import pip._internal.metadata").Run() != nil {
		python = "python3"
	}
	m := newMutants(t, "pypi", python)
	honest := map[string]bool{}
	for i := range m.count {
		tree := m.tree(i)
		p := &pythonMutant{t: t, r: m.rand, dir: tree, plain: i%4 == 0}
		for n := range 1 + m.rand.IntN(3) {
			p.add(n)
		}
		if p.plain {
			honest[filepath.Base(tree)] = true
		}
	}
	m.same = func(p listedPackage) listedPackage {
		return listedPackage{purl.NormalPython(strings.Join(strings.Fields(p.name), " ")), strings.Join(strings.Fields(p.version), " ")}
	}
	m.inspect(t)
	m.compare(t, m.ask(t, python, oracle(t, "python.py"), filepath.Join(m.dir, "m")), honest)
}

// pythonMutant writes packages of Python into one tree.
type pythonMutant struct {
	t     *testing.T
	r     *rand.Rand
	dir   string
	plain bool // as honest tools write them
}

func (p *pythonMutant) add(n int) {
	r := p.r
	name := one(r, "Django", "foo_bar", "zope.interface", "Jinja2", "x-y", "PyYAML") + fmt.Sprint(n)
	version := one(r, "1.0", "3.2.1", "2.0rc1", "1.0.post1", "0.0.1")
	stem := strings.ReplaceAll(name, "-", "_") + "-" + version
	files := map[string]string{}
	metadata := p.metadata(name, version)
	form := r.IntN(9)
	suffix := ".dist-info"
	switch {
	case form < 3:
	case form < 6:
		suffix = one(r, "-py3.9.egg-info", ".egg-info")
	}
	if !p.plain && often(r, 20) {
		suffix = one(r, strings.ToUpper(suffix), ".Dist-Info", ".EGG-info")
	}
	dir := stem + suffix
	switch {
	case form < 5:
		files[dir+"/"+p.file(suffix)] = metadata
		p.more(files, dir, name, version)
	case form == 5:
		files[dir] = metadata
	default:
		p.archive(stem, metadata, form)
		return
	}
	if !p.plain && often(r, 10) { // what is in sys.path is a link
		link(p.t, filepath.Join(p.dir, dir), "real/"+dir)
		for f, body := range files {
			put(p.t, filepath.Join(p.dir, "real", f), body)
		}
		return
	}
	for f, body := range files {
		if !p.plain && often(r, 8) {
			link(p.t, filepath.Join(p.dir, f), "/nowhere")
			continue
		}
		put(p.t, filepath.Join(p.dir, f), body)
	}
}

// file is the name of the file with the metadata.
func (p *pythonMutant) file(suffix string) string {
	usual, other := "METADATA", "PKG-INFO"
	if strings.Contains(strings.ToLower(suffix), "egg") {
		usual, other = other, usual
	}
	if !p.plain && often(p.r, 25) {
		return other
	}
	return usual
}

// more adds the other files of a package, or leaves nothing but them.
func (p *pythonMutant) more(files map[string]string, dir, name, version string) {
	files[dir+"/RECORD"] = "x.py,,\n"
	if p.plain {
		return
	}
	switch p.r.IntN(8) {
	case 0: // nothing but the list of files
		for f := range files {
			if !strings.HasSuffix(f, "/RECORD") {
				delete(files, f)
			}
		}
	case 1:
		files[dir+"/METADATA"] = ""
		files[dir+"/PKG-INFO"] = p.metadata(name, version)
	case 2:
		files[dir+"/PKG-INFO"] = p.metadata(name, "9."+version)
	}
}

// metadata writes the header of a package, in any way that the parser of Python's mails takes or does not.
func (p *pythonMutant) metadata(name, version string) string {
	r := p.r
	lines := []string{"Metadata-Version: 2.1", "Name: " + name, "Version: " + version, "Summary: a: b", "License: MIT"}
	if p.plain {
		return strings.Join(append(lines, "Classifier: License :: OSI Approved", "", "Version: of the body", ""), "\n")
	}
	for range r.IntN(4) {
		i := r.IntN(len(lines))
		switch r.IntN(12) {
		case 0:
			lines[i] = strings.ToUpper(lines[i])
		case 1:
			lines = append(lines, "Version: 0.9")
		case 2:
			lines = append(lines, "Name: other")
		case 3:
			lines[i] = strings.Replace(lines[i], ": ", ":", 1)
		case 4:
			lines[i] = strings.Replace(lines[i], ": ", ":\t  ", 1)
		case 5:
			lines[i] = strings.Replace(lines[i], ": ", ":\n ", 1)
		case 6:
			lines[i] += "\n  more"
		case 7:
			lines = append([]string{one(r, "From x", "", "garbage", " folded", "\ufeffX: y")}, lines...)
		case 8:
			lines[i] = strings.Replace(lines[i], ":", " :", 1)
		case 9:
			lines[i] = one(r, "no field", "", "  ", ": x", "From someone")
		case 10:
			r.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
		default:
			lines[i] += one(r, " ", "\t", "\u00a0")
		}
	}
	return strings.Join(lines, one(r, "\n", "\n", "\r\n", "\r")) + one(r, "\n\n", "\n", "", "\n\nVersion: 7\n", "\r\n\r\n")
}

// archive writes a wheel, an egg or a program of one file.
func (p *pythonMutant) archive(stem, metadata string, form int) {
	r := p.r
	var b bytes.Buffer
	if form == 8 {
		b.WriteString("#!/usr/bin/env python3\n")
	}
	z := zip.NewWriter(&b)
	z.SetOffset(int64(b.Len()))
	add := func(name, body string) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(body))
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	add("pkg/__init__.py", "x = 1\n")
	file, name := stem+".dist-info/METADATA", stem+"-py3-none-any.whl"
	switch form {
	case 7:
		file, name = "EGG-INFO/PKG-INFO", stem+one(r, "-py3.9.egg", ".egg")
	case 8:
		name = one(r, "app.pyz", "app.pex", "app", "app.zip") + ""
	}
	if !p.plain && often(r, 20) {
		file = strings.Replace(strings.Replace(file, "dist-info", "DIST-INFO", 1), "EGG-INFO", "egg-info", 1)
	}
	if !p.plain && often(r, 15) {
		file = strings.Replace(strings.Replace(file, "METADATA", "RECORD", 1), "PKG-INFO", "METADATA", 1)
	}
	add(file, metadata)
	if err := z.Close(); err != nil {
		p.t.Fatal(err)
	}
	put(p.t, filepath.Join(p.dir, name), b.String())
}
