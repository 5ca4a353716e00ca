package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vetoci/veto/engine"
)

// inComposerFolder says whether a file is in a folder where Composer keeps its lists: VENDOR/composer, whatever config.vendor-dir calls
// VENDOR.
func inComposerFolder(dir string) bool {
	return dir == "composer/" || strings.HasSuffix(dir, "/composer/")
}

// readComposer reads Composer's list of installed packages as Composer does (FilesystemRepository): "packages" of an object, or else the
// object or array itself, whose values are packages.
func readComposer(_ string, body []byte, ev *engine.Evidence) error {
	raw := json.RawMessage(bytes.TrimSpace(body))
	if err := engine.CheckDepth(raw); err != nil {
		return err
	}
	if bytes.HasPrefix(raw, []byte("{")) {
		o, err := readObject(raw)
		if err != nil {
			return err
		}
		if packages, ok := o["packages"]; ok {
			raw = packages
		}
	}
	list, err := elements(raw)
	if err != nil {
		return err
	}
	if list == nil {
		return errors.New("it is null, and no list of packages")
	}
	for i, raw := range list {
		err := error(nil)
		if p := composerPackage(raw); p == nil {
			err = addMalformed(ev, fmt.Sprintf("packages[%d] has no name or no version", i))
		} else {
			err = addPackage(ev, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// composerPackage returns the package of an entry of Composer's list, nil where that does not say name and version. Names are compared
// without regard to case, and written in lower case (purl-spec, "composer").
func composerPackage(raw json.RawMessage) *engine.Package {
	var o object
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	name, nameErr := o.text("name")
	version, versionErr := o.text("version")
	if nameErr != nil || versionErr != nil || name == "" || version == "" {
		return nil
	}
	return languagePackage("composer", "Packagist", strings.ToLower(name), version, stringOrList(o["license"])...)
}

// readComposerRuntime reads the list that a program itself has of its packages (Composer\InstalledVersions). An entry without a version
// is a name that another package provides or replaces, and "root" is the application.
func readComposerRuntime(_ string, body []byte, ev *engine.Evidence) error {
	doc, err := readPHPArray(body)
	if err != nil {
		return err
	}
	root, _ := doc.get("root").(phpArray)
	versions, ok := doc.get("versions").(phpArray)
	if !ok {
		return errors.New("it has no versions")
	}
	for _, e := range versions {
		fields, ok := e.value.(phpArray)
		if !ok {
			if err := addMalformed(ev, fmt.Sprintf("the package %.80q says nothing", e.key)); err != nil {
				return err
			}
			continue
		}
		version, _ := fields.get("pretty_version").(string)
		if version == "" {
			version, _ = fields.get("version").(string)
		}
		if version == "" || e.key == root.get("name") {
			continue
		}
		if err := addPackage(ev, languagePackage("composer", "Packagist", strings.ToLower(e.key), version)); err != nil {
			return err
		}
	}
	return nil
}
