package catalog

import (
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// substance is what the files of a package are made of.
type substance struct {
	code, headers, docs, data, files bool
	listed                           bool // a list of its files has been seen, and not only their checksums
}

// substances tells for each package of the distribution ("deb/bash:amd64", and "deb/bash" where the list names no architecture) what it ships,
// by the paths that its list of files names and the merged tree still has. A list holds links and configuration, checksums do not, so that
// they count only where there is no list.
func (a *assembly) substances() map[string]*substance {
	out := map[string]*substance{}
	for _, lists := range []bool{true, false} {
		for _, at := range a.visible {
			for i := range a.last(at).Owned {
				o := &a.last(at).Owned[i]
				list := len(o.Files) == 0 || o.Files[0].Sum == "" || o.Type != "deb"
				if list != lists {
					continue
				}
				key := o.Type + "/" + o.Package
				if o.Arch != "" {
					key += ":" + o.Arch
				}
				s := out[key]
				if s == nil {
					s = &substance{}
					out[key] = s
				} else if s.listed && !list {
					continue
				}
				s.listed = s.listed || list
				a.weigh(s, o.Files)
			}
		}
	}
	return out
}

// weigh looks at files until one of them is code: then nothing else matters.
func (a *assembly) weigh(s *substance, files []engine.OwnedFile) {
	for i := range files {
		if s.code {
			return
		}
		n := a.tree.Nodes[files[i].Path]
		if n == nil {
			n = a.tree.Nodes[a.canonical(files[i].Path)]
		}
		if n == nil || n.Type != engine.TypeFile {
			continue
		}
		s.files = true
		switch p := files[i].Path; {
		case strings.HasPrefix(p, "usr/share/doc/") && notice(path.Base(p)):
		case documentation(p):
			s.docs = true
		case n.Mode&0o111 != 0 || runs(p):
			s.code = true
		case strings.HasPrefix(p, "usr/include/") || builds(p):
			s.headers = true
		default:
			s.data = true
		}
	}
}

// notice says whether a file of a package's documentation is there for law and history only.
func notice(base string) bool {
	return base == "copyright" || strings.HasPrefix(base, "changelog") || strings.HasPrefix(base, "NEWS.Debian")
}

func documentation(p string) bool {
	rest, ok := strings.CutPrefix(p, "usr/share/")
	if !ok {
		return false
	}
	dir, _, _ := strings.Cut(rest, "/")
	switch dir {
	case "doc", "man", "info", "locale", "lintian", "doc-base", "bug", "help", "gtk-doc", "licenses":
		return true
	}
	return false
}

// runs says whether a file without the mode of an executable is code all the same: something loads or interprets it.
func runs(p string) bool {
	base := path.Base(p)
	if strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") || strings.Contains(base, ".ko") {
		return true
	}
	switch strings.ToLower(path.Ext(base)) {
	case ".py", ".pyc", ".pyo", ".js", ".mjs", ".cjs", ".node", ".ts", ".rb", ".pl", ".pm", ".ph", ".php", ".phar", ".jar", ".war", ".class", ".sh", ".bash", ".zsh", ".fish",
		".lua", ".luac", ".tcl", ".tm", ".el", ".elc", ".lisp", ".scm", ".go", ".r", ".rdb", ".rds", ".jl", ".beam", ".ex", ".exs", ".wasm", ".dll", ".exe", ".awk", ".vim", ".ps1", ".psm1",
		".groovy", ".qml", ".gresource", ".swf", ".efi", ".bin", ".hs", ".hi", ".ml", ".cmo", ".cmxs", ".rules", ".service", ".policy", ".xsl":
		return true
	}
	return path.Ext(base) == "" && strings.HasPrefix(p, "usr/lib/") // plug-ins and helpers often have no suffix
}

// builds says whether a file is for compilers and linkers only.
func builds(p string) bool {
	switch path.Ext(p) {
	case ".h", ".hh", ".hpp", ".hxx", ".inc", ".pc", ".a", ".la", ".o", ".cmake", ".m4", ".gir", ".vapi", ".def", ".in", ".am":
		return true
	}
	return false
}

// reason is why nothing of a package can run, "" when something may or nobody knows. A package none of whose files is in the merged tree has
// nothing that could.
func (s *substance) reason() engine.Maybe {
	switch {
	case s == nil || s.code:
		return ""
	case s.headers:
		return "headers"
	case s.data:
		return "data"
	case s.docs:
		return "docs"
	}
	return "empty"
}

// describe adds to each package what its kind, its name and its files say of it.
func (a *assembly) describe(all []*found) {
	ships := a.substances()
	for _, f := range all {
		if f.FoundBy == "" {
			f.FoundBy = foundBy(f.Type)
		}
		if !osType(f.Type) {
			continue
		}
		s := ships[f.Type+"/"+f.Name+":"+string(f.Arch)]
		if s == nil {
			s = ships[f.Type+"/"+f.Name]
		}
		f.NoCode = s.reason()
		f.Kernel = kernel(f.Type, f.Name)
		f.ThirdParty = thirdParty(&f.Package)
		if f.NoCode != "" {
			f.Reached = "no"
		}
	}
}

func foundBy(typ string) engine.Maybe {
	switch {
	case osType(typ):
		return "database"
	case typ == "golang":
		return "program"
	}
	return "manifest"
}

// kernel says whether a package is the kernel, its modules or its headers, by the names that distributions give them. Tools that are built from
// the kernel's source run in a container like others.
func kernel(typ, name string) bool {
	prefixes := []string{"linux-image-", "linux-headers-", "linux-modules-", "linux-libc-dev", "linux-source-", "linux-kbuild-", "linux-support-"}
	if typ == "rpm" {
		if name == "kernel" || name == "kernel-default" {
			return true
		}
		prefixes = []string{"kernel-core", "kernel-modules", "kernel-headers", "kernel-devel", "kernel-uek", "kernel-default-", "kernel-debug", "kernel-rt", "kernel-source", "kernel-macros"}
	}
	if typ == "apk" || typ == "alpm" {
		if name == "linux" {
			return true
		}
		prefixes = []string{"linux-lts", "linux-virt", "linux-edge", "linux-headers", "linux-rpi", "linux-api-headers", "linux-zen", "linux-hardened"}
	}
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// thirdParty recognises packages of well-known repositories that are not the distribution's: by who maintains or built them, and by the marks
// that such repositories put into versions. Nothing in dpkg's database names the repository, so that what is built elsewhere under nobody's
// name is not seen.
func thirdParty(p *engine.Package) bool {
	vendor := strings.ToLower(string(p.Vendor))
	switch p.Type {
	case "deb":
		for _, domain := range []string{"@docker.com", "@nginx.com", "@f5.com", "@nodesource.com", "@microsoft.com", "@google.com", "@hashicorp.com", "@mongodb.com", "@elastic.co", "@oracle.com",
			"@mariadb.org", "@mariadb.com", "@nvidia.com", "@grafana.com", "@gitlab.com", "@redis.com", "@redis.io", "@influxdata.com", "@datadoghq.com", "@newrelic.com", "@cloudflare.com",
			"@percona.com", "@confluent.io", "@amazon.com", "@azul.com", "@adoptium.net", "@github.com", "@kubernetes.io", "@yarnpkg.com", "@clickhouse.com", "@timescale.com"} {
			if strings.Contains(vendor, domain) {
				return true
			}
		}
		for _, mark := range []string{".pgdg", "nodesource", "+sury", "~sury", "ppa", "-1~bookworm", "-1~bullseye", "-1~buster", "-1~trixie"} {
			if strings.Contains(p.Version, mark) {
				return true
			}
		}
	case "rpm":
		for _, name := range []string{"fedora project", "docker", "nodesource", "nginx", "postgresql global", "remi", "microsoft", "google", "hashicorp", "mongodb", "elastic", "oracle and/or", "mariadb",
			"nvidia", "grafana", "gitlab", "redis", "influxdata", "datadog", "percona", "confluent", "elrepo", "rpm fusion"} {
			if strings.Contains(vendor, name) {
				return true
			}
		}
	}
	return false
}
