package catalog

import (
	"path"
	"strings"

	"github.com/vetoci/veto/engine"
)

// packageContent says which kinds of files a package has in the merged tree.
type packageContent struct {
	code, headers, docs, data bool
	listed                    bool // by a list of files, and not only by their checksums
	owned                     []*engine.Owned
}

// packageContents returns the content of each package of the distribution: by "deb/bash:amd64", or by "deb/bash" where the list of files
// names no architecture. dpkg's lists hold links and configuration, its checksums do not: they count only where there is no list.
func (a *assembly) packageContents() map[string]*packageContent {
	out := map[string]*packageContent{}
	for _, readLists := range []bool{true, false} {
		for _, key := range a.visible {
			for i := range a.latest(key).Owned {
				o := &a.latest(key).Owned[i]
				isList := len(o.Files) == 0 || o.Files[0].Sum == "" || o.Type != "deb"
				if isList != readLists {
					continue
				}
				id := o.Type + "/" + o.Package
				if o.Arch != "" {
					id += ":" + o.Arch
				}
				content := out[id]
				if content == nil {
					content = &packageContent{}
					out[id] = content
				} else if content.listed && !isList {
					continue
				}
				content.listed, content.owned = content.listed || isList, append(content.owned, o)
				a.addFiles(content, o.Files)
			}
		}
	}
	return out
}

// addFiles notes the kinds of a package's files that the merged tree has. It stops at code: nothing else matters then.
func (a *assembly) addFiles(c *packageContent, files []engine.OwnedFile) {
	for i := range files {
		if c.code {
			return
		}
		n := a.tree.Nodes[files[i].Path]
		if n == nil {
			n = a.tree.Nodes[a.canonical(files[i].Path)]
		}
		if n == nil || n.Type != engine.TypeFile {
			continue
		}
		switch p := files[i].Path; {
		case strings.HasPrefix(p, "usr/share/doc/") && isNotice(path.Base(p)):
		case isDocumentation(p):
			c.docs = true
		case n.Mode&0o111 != 0 || isCodeByName(p):
			c.code = true
		case strings.HasPrefix(p, "usr/include/") || isBuildInput(p):
			c.headers = true
		default:
			c.data = true
		}
	}
}

// isNotice says whether a file is one that every package has: its copyright and changes. A package of such files alone is empty.
func isNotice(base string) bool {
	return base == "copyright" || strings.HasPrefix(base, "changelog") || strings.HasPrefix(base, "NEWS.Debian")
}

// isDocumentation says whether a file is for people to read, or a translation.
func isDocumentation(p string) bool {
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

// isCodeByName says whether a file that is not executable by its mode is code all the same: something loads or interprets it.
func isCodeByName(p string) bool {
	base := path.Base(p)
	if strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") || strings.Contains(base, ".ko") {
		return true
	}
	switch strings.ToLower(path.Ext(base)) {
	case ".py", ".pyc", ".pyo", ".js", ".mjs", ".cjs", ".node", ".ts", ".rb", ".pl", ".pm", ".ph", ".php", ".phar", ".jar", ".war", ".class",
		".sh", ".bash", ".zsh", ".fish", ".lua", ".luac", ".tcl", ".tm", ".el", ".elc", ".lisp", ".scm", ".go", ".r", ".rdb", ".rds", ".jl",
		".beam", ".ex", ".exs", ".wasm", ".dll", ".exe", ".awk", ".vim", ".ps1", ".psm1", ".groovy", ".qml", ".gresource", ".swf", ".efi",
		".bin", ".hs", ".hi", ".ml", ".cmo", ".cmxs", ".rules", ".service", ".policy", ".xsl":
		return true
	}
	return path.Ext(base) == "" && strings.HasPrefix(p, "usr/lib/") // plug-ins and helpers often have no suffix
}

// isBuildInput says whether a file is for compilers and linkers only.
func isBuildInput(p string) bool {
	switch path.Ext(p) {
	case ".h", ".hh", ".hpp", ".hxx", ".inc", ".pc", ".a", ".la", ".o", ".cmake", ".m4", ".gir", ".vapi", ".def", ".in", ".am":
		return true
	}
	return false
}

// noCode says why nothing of a package can run, as engine.Package.NoCode; "" when something may, or when c is nil because no list of its
// files is known. A package without any file in the merged tree is "empty".
func (c *packageContent) noCode() engine.Maybe {
	switch {
	case c == nil || c.code:
		return ""
	case c.headers:
		return "headers"
	case c.data:
		return "data"
	case c.docs:
		return "docs"
	}
	return "empty"
}

// contentOf returns the content of a package of the distribution, nil when no list of its files is known.
func contentOf(contents map[string]*packageContent, o *occurrence) *packageContent {
	if c := contents[o.Type+"/"+o.Name+":"+string(o.Arch)]; c != nil {
		return c
	}
	return contents[o.Type+"/"+o.Name]
}

// classifyPackages sets how each package was found, and of the distribution's packages whether they have code or are the
// kernel.
func (a *assembly) classifyPackages(all []*occurrence, contents map[string]*packageContent) {
	for _, o := range all {
		if o.FoundBy == "" {
			o.FoundBy = defaultFoundBy(o.Type)
		}
		if !engine.OfDistribution(o.Type) {
			continue
		}
		o.NoCode = contentOf(contents, o).noCode()
		o.Kernel = isKernel(o.Type, o.Name)
		if o.NoCode != "" {
			o.Reached = "no"
		}
	}
}

// defaultFoundBy says how packages of a type are found when their inspector does not say it.
func defaultFoundBy(typ string) engine.Maybe {
	switch {
	case engine.OfDistribution(typ):
		return "database"
	case typ == "golang":
		return "program"
	}
	return "manifest"
}

// isKernel says whether a package is the kernel, its modules or its headers, by the names that distributions give them. Tools that are
// built from the kernel's source are not: they run in a container like others.
func isKernel(typ, name string) bool {
	prefixes := []string{
		"linux-image-", "linux-headers-", "linux-modules-", "linux-libc-dev", "linux-source-", "linux-kbuild-", "linux-support-",
	}
	if typ == "rpm" {
		if name == "kernel" || name == "kernel-default" {
			return true
		}
		prefixes = []string{
			"kernel-core", "kernel-modules", "kernel-headers", "kernel-devel", "kernel-uek", "kernel-default-", "kernel-debug", "kernel-rt",
			"kernel-source", "kernel-macros",
		}
	}
	if typ == "apk" || typ == "alpm" {
		if name == "linux" {
			return true
		}
		prefixes = []string{
			"linux-lts", "linux-virt", "linux-edge", "linux-headers", "linux-rpi", "linux-api-headers", "linux-zen", "linux-hardened",
		}
	}
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// isThirdParty recognises packages of well-known repositories that are not the distribution's: by who maintains or built them, and by the
// marks that such repositories put into versions. No package database names the repository: other third parties are not recognised.
func isThirdParty(p *engine.Package) bool {
	vendor := strings.ToLower(string(p.Vendor))
	switch p.Type {
	case "deb":
		for _, domain := range []string{
			"@docker.com", "@nginx.com", "@f5.com", "@nodesource.com", "@microsoft.com", "@google.com", "@hashicorp.com", "@mongodb.com",
			"@elastic.co", "@oracle.com", "@mariadb.org", "@mariadb.com", "@nvidia.com", "@grafana.com", "@gitlab.com", "@redis.com",
			"@redis.io", "@influxdata.com", "@datadoghq.com", "@newrelic.com", "@cloudflare.com", "@percona.com", "@confluent.io",
			"@amazon.com", "@azul.com", "@adoptium.net", "@github.com", "@kubernetes.io", "@yarnpkg.com", "@clickhouse.com",
			"@timescale.com",
		} {
			if strings.Contains(vendor, domain) {
				return true
			}
		}
		return foreignVersion.MatchString(p.Version)
	case "rpm":
		for _, name := range []string{
			"docker", "nodesource", "nginx", "postgresql global", "remi", "microsoft", "google", "hashicorp", "mongodb",
			"elastic", "oracle and/or", "mariadb", "nvidia", "grafana", "gitlab", "redis", "influxdata", "datadog", "percona", "confluent",
			"elrepo", "rpm fusion",
		} {
			if strings.Contains(vendor, name) {
				return true
			}
		}
	}
	return false
}
