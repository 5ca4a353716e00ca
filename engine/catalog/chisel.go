package catalog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/vetoci/veto/engine"
)

// chisel reads the manifest that Canonical's chisel leaves in an image that it cuts out of Ubuntu's packages: the only list of what is
// there. A slice says in which folder it is, var/lib/chisel by custom.
type chisel struct{}

func (chisel) Name() string { return "chisel/1" }

func (chisel) Wants(p string, _ fs.FileMode, _ int64) bool {
	return strings.HasSuffix(p, "/manifest.wall") || p == "manifest.wall"
}

// Inspect reads lines of JSON, compressed with zstd (chisel, "Chisel manifest"; its format is jsonwall): the first says which format it
// is, one of kind package is a package. They name no source packages, which Ubuntu's advisories speak of. What the binary package has
// another name than its source for is therefore judged by nobody, and that is a gap.
func (chisel) Inspect(ctx context.Context, f *engine.File) (ev engine.Evidence, err error) {
	body, err := f.Bytes(engine.MaxPackageDB)
	if err != nil {
		return ev, err
	}
	z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(engine.MaxWindow))
	if err != nil {
		return ev, err
	}
	defer z.Close()
	limited := &io.LimitedReader{R: z, N: engine.MaxPackageDB + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, engine.MaxManifest)
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return ev, err
		}
		if err := chiselLine(&ev, n, lines.Bytes()); err != nil {
			return ev, err
		}
	}
	switch err := lines.Err(); {
	case limited.N <= 0:
		return ev, &engine.LimitError{What: "bytes of a manifest of chisel", Limit: engine.MaxPackageDB}
	case err != nil:
		return ev, fmt.Errorf("a manifest of chisel: %w", err)
	case len(ev.Packages) == 0:
		return ev, errors.New("a manifest of chisel that lists no package")
	}
	ev.Gaps = append(ev.Gaps, engine.Gap{Kind: engine.GapUnsupported, Subject: "packages of chisel",
		Detail: "the manifest does not say which source " +
			"packages they are built from, and the advisories speak of those: only what has its source's name is judged"})
	return ev, nil
}

// chiselLine reads one line of the manifest.
func chiselLine(ev *engine.Evidence, n int, line []byte) error {
	var o object
	if err := json.Unmarshal(line, &o); err != nil {
		return fmt.Errorf("line %d of a manifest of chisel: %w", n, err)
	}
	if n == 1 {
		if format, err := o.text("jsonwall"); err != nil || !strings.HasPrefix(format, "1.") {
			return errors.New("no manifest of chisel, or one of an unknown format")
		}
		return nil
	}
	if kind, err := o.text("kind"); err != nil || kind != "package" {
		return err
	}
	p := &engine.Package{Type: "deb"}
	arch := ""
	for _, field := range []struct {
		key string
		to  *string
	}{{"name", &p.Name}, {"version", &p.Version}, {"arch", &arch}} {
		text, err := o.text(field.key)
		if err != nil {
			return fmt.Errorf("line %d of a manifest of chisel: %w", n, err)
		}
		*field.to = text
	}
	if p.Name == "" || p.Version == "" {
		return addMalformed(ev, fmt.Sprintf("line %d: a package without a name or a version", n))
	}
	p.Arch = engine.Maybe(arch)
	p.Source = engine.Source{Name: p.Name, Version: p.Version}
	return addPackage(ev, p)
}
