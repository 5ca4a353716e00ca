package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/vetoci/veto/engine"
)

// manifestReader is an inspector of files that name packages of one language. They are read whole, up to engine.MaxMetadata.
type manifestReader struct {
	name  string
	base  string // of its files; one that begins with "*" is how names end
	wants func(dir, base string) bool
	read  func(dir string, body []byte, ev *engine.Evidence) error
}

func (m manifestReader) Name() string { return m.name }

// BaseNames implements engine.Placed.
func (m manifestReader) BaseNames() []string { return []string{m.base} }

func (m manifestReader) Wants(p string, _ fs.FileMode, _ int64) bool {
	i := strings.LastIndexByte(p, '/') + 1
	return m.wants(p[:i], p[i:])
}

func (m manifestReader) Inspect(_ context.Context, f *engine.File) (ev engine.Evidence, err error) {
	body, err := f.Bytes(engine.MaxMetadata)
	if err != nil {
		return ev, err
	}
	return ev, m.read(path.Dir(f.Path), body, &ev)
}

// languagePackage makes a package of a language, which is its own source. Empty licences are left out.
func languagePackage(typ, ecosystem, name, version string, licenses ...string) *engine.Package {
	p := &engine.Package{Name: name, Version: version, Type: typ, Ecosystem: engine.Maybe(ecosystem),
		Source: engine.Source{Name: name, Version: version}}
	for _, l := range licenses {
		if l != "" {
			p.Licenses = append(p.Licenses, l)
		}
	}
	return p
}

// manifestReaders returns the inspectors of languages whose packages are named in a single file each.
func manifestReaders() []engine.Inspector {
	return []engine.Inspector{
		manifestReader{"gem/4", "*.gemspec", isGemspec, readGemspec},
		manifestReader{"composer/3", "installed.json", func(dir, base string) bool {
			return base == "installed.json" && inComposerFolder(dir)
		}, readComposer},
		manifestReader{"composer-runtime/1", "installed.php", func(dir, base string) bool {
			return base == "installed.php" && inComposerFolder(dir)
		}, readComposerRuntime},
		manifestReader{"nuget/3", "*.json", func(_, base string) bool { return strings.HasSuffix(base, ".deps.json") }, readDotNet},
		manifestReader{"conda/2", "*.json", func(dir, base string) bool {
			return strings.HasSuffix(dir, "conda-meta/") && strings.HasSuffix(base, ".json")
		}, readConda},
		manifestReader{"cran/2", "DESCRIPTION", func(dir, base string) bool {
			folder := path.Base(path.Dir(strings.TrimSuffix(dir, "/")))
			return base == "DESCRIPTION" && (folder == "library" || folder == "site-library")
		}, readR},
		manifestReader{"hex/2", "*.app", func(dir, base string) bool {
			return strings.HasSuffix(base, ".app") && strings.HasSuffix(dir, "/ebin/")
		}, readErlang},
		manifestReader{"wordpress/1", "version.php", func(dir, base string) bool {
			return base == "version.php" && strings.HasSuffix(dir, "wp-includes/")
		}, readWordPress},
		manifestReader{"maven/1", "pom.properties", func(dir, base string) bool {
			return base == "pom.properties" && strings.Contains(dir, mavenMark)
		}, readUnpackedPom},
		manifestReader{"pub/3", "pubspec.lock", func(_, base string) bool { return base == "pubspec.lock" }, readPubspec},
	}
}

// stringOrList returns a JSON string or the strings of a list; none of anything else.
func stringOrList(raw json.RawMessage) []string {
	var list []string
	var one string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	return nil
}

// readDotNet reads the dependencies that the .NET host resolves for an application (dotnet/runtime, docs "runtime-configuration-file.md").
func readDotNet(_ string, body []byte, ev *engine.Evidence) error {
	type assets struct{ Runtime, RuntimeTargets, Native, Resources map[string]json.RawMessage }
	var doc struct {
		Libraries map[string]struct{ Type string }
		Targets   map[string]map[string]assets
	}
	if err := engine.CheckDepth(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	if doc.Libraries == nil {
		return errors.New("it has no libraries")
	}
	keys := make([]string, 0, len(doc.Libraries))
	for key := range doc.Libraries {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		kind := doc.Libraries[key].Type
		if kind != "package" && kind != "runtimepack" {
			continue // the application's own projects
		}
		deployed, named := false, false
		var files []string
		for _, target := range doc.Targets {
			a, ok := target[key]
			named = named || ok
			for _, list := range []map[string]json.RawMessage{a.Runtime, a.RuntimeTargets, a.Native, a.Resources} {
				deployed = deployed || len(list) > 0
				for name := range list {
					files = append(files, strings.ToLower(path.Base(name)))
				}
			}
		}
		if named && !deployed && kind == "package" {
			continue // it only depends on others: none of its files is deployed with the application
		}
		name, version, _ := strings.Cut(strings.TrimPrefix(key, "runtimepack."), "/")
		err := error(nil)
		if name == "" || version == "" {
			err = addMalformed(ev, fmt.Sprintf("the library %.80q has no name or no version", key))
		} else {
			p := languagePackage("nuget", "NuGet", name, version)
			if kind == "package" {
				slices.Sort(files)
				p.Files = slices.Compact(files)
			}
			err = addPackage(ev, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropUndeployed drops packages of which no file is in the image. The host takes a library of .NET from the application's folder, from a
// store or from NuGet's cache, and one that the shared framework has, in a newer version, from there: that is judged as the framework.
func (a *assembly) dropUndeployed(all []*occurrence) []*occurrence {
	wanted := map[string]bool{}
	for _, o := range all {
		for _, f := range o.Files {
			wanted[f] = false
		}
	}
	if len(wanted) == 0 {
		return all
	}
	for p, n := range a.tree.Nodes {
		if n.Type == engine.TypeDir || strings.Contains("/"+p, "/shared/Microsoft.") {
			continue
		}
		base := strings.ToLower(p[strings.LastIndexByte(p, '/')+1:])
		if _, asked := wanted[base]; asked {
			wanted[base] = true
		}
	}
	return slices.DeleteFunc(all, func(o *occurrence) bool {
		return len(o.Files) > 0 && !slices.ContainsFunc(o.Files, func(f string) bool { return wanted[f] })
	})
}

// readConda reads conda's record of an installed package. No feed has advisories for conda's packages; Python's among them have their own
// metadata, which python reads.
func readConda(_ string, body []byte, ev *engine.Evidence) error {
	doc, err := readObject(body)
	if err != nil {
		return err
	}
	name, nameErr := doc.text("name")
	version, versionErr := doc.text("version")
	if err := errors.Join(nameErr, versionErr); err != nil {
		return err
	}
	if name == "" || version == "" {
		return errors.New("a package without a name or a version")
	}
	return addPackage(ev, languagePackage("conda", "", name, version, stringOrList(doc["license"])...))
}

// readR reads the DESCRIPTION of an R package. Only an installed one has the field Built ("R Installation and Administration").
func readR(_ string, body []byte, ev *engine.Evidence) error {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		return errors.New(cutOff)
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(string(body), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			fields[key] = strings.TrimSpace(value)
		}
	}
	if fields["Built"] == "" && fields["Package"] != "" {
		return nil
	}
	if fields["Package"] == "" || fields["Version"] == "" {
		return errors.New("an installed package without its name or version")
	}
	return addPackage(ev, languagePackage("cran", "CRAN", fields["Package"], fields["Version"], fields["License"]))
}

// readErlang reads an application's resource file, {application, name, [{vsn, "1.2.3"}, …]} (Erlang's app(4)). An application that comes
// with Erlang or Elixir itself is no package of Hex: it is a gap, unless a package of the distribution owns it.
func readErlang(dir string, body []byte, ev *engine.Evidence) error {
	var code strings.Builder
	for line := range strings.Lines(string(body)) {
		line, _, _ = strings.Cut(line, "%") // a comment: no name or version has a percent sign
		code.WriteString(line)
	}
	text := strings.Join(strings.Fields(code.String()), "")
	_, rest, ok := strings.Cut(text, "{application,")
	name, rest, ok2 := strings.Cut(rest, ",")
	_, rest, ok3 := strings.Cut(rest, `{vsn,"`)
	version, _, ok4 := strings.Cut(rest, `"`)
	name = strings.Trim(name, "'")
	if !ok || !ok2 || !ok3 || !ok4 || name == "" || version == "" {
		return errors.New("an application whose name or version is not written out")
	}
	// A release has the applications of Erlang beside those of Hex: only their names tell them apart.
	if isOTPApplication(name) || strings.Contains(dir, "/erlang/lib/") || strings.Contains(dir, "/elixir/lib/") {
		ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: "erlang/otp",
			Detail: "applications of Erlang and Elixir themselves are no packages of Hex, whose advisories do not judge them"})
		return nil
	}
	return addPackage(ev, languagePackage("hex", "Hex", name, version))
}

// isOTPApplication says whether an application comes with Erlang/OTP or Elixir (the folders lib/ of their repositories).
func isOTPApplication(name string) bool {
	switch name {
	case "asn1", "common_test", "compiler", "crypto", "debugger", "dialyzer", "diameter", "edoc", "eldap", "erl_interface", "erts", "et",
		"eunit", "ftp", "inets", "jinterface", "kernel", "megaco", "mnesia", "observer", "odbc", "os_mon", "parsetools", "public_key",
		"reltool", "runtime_tools", "sasl", "snmp", "ssh", "ssl", "stdlib", "syntax_tools",
		"tftp", "tools", "wx", "xmerl", "elixir", "eex", "ex_unit", "iex", "logger", "mix":
		return true
	}
	return false
}

// readPubspec reads pubspec.lock, the packages that a Dart program depends on: below "packages:", an entry for each with its source and
// version. Pub writes the file, always with one key a line and the same indents, so that it is not parsed as YAML.
func readPubspec(_ string, body []byte, ev *engine.Evidence) error {
	body, err := wholeLines(body, ev)
	if err != nil {
		return err
	}
	inPackages, seenPackages := false, false
	var name, source, version string
	endEntry := func() error {
		defer func() { name, source, version = "", "", "" }()
		switch {
		case source != "hosted": // a path, git or the SDK: no advisory speaks of it
			return nil
		case name == "" || version == "":
			return addMalformed(ev, fmt.Sprintf("package %q without a name or a version", name))
		}
		return addPackage(ev, languagePackage("pub", "Pub", name, version))
	}
	value := func(s, key string) string { return strings.Trim(strings.TrimSpace(strings.TrimPrefix(s, key)), `"'`) }
	for line := range strings.SplitSeq(string(body), "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if trimmed == "" || trimmed[0] == '#' || indent > 4 {
			continue
		}
		switch {
		case indent <= 2:
			if err := endEntry(); err != nil {
				return err
			}
			if indent == 0 {
				inPackages = strings.HasPrefix(trimmed, "packages:")
				seenPackages = seenPackages || inPackages
			} else if inPackages {
				name = value(strings.TrimSuffix(trimmed, ":"), "")
			}
		case inPackages && strings.HasPrefix(trimmed, "source:"):
			source = value(trimmed, "source:")
		case inPackages && strings.HasPrefix(trimmed, "version:"):
			version = value(trimmed, "version:")
		}
	}
	if !seenPackages {
		return errors.New("it has no packages")
	}
	return endEntry()
}
