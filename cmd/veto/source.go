package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/registry"
)

// imageFlags say how a SOURCE is opened.
type imageFlags struct {
	platform  string
	as        string
	verify    bool
	files     bool
	noSecrets bool
	toc       bool
	base      string
	plainHTTP bool
	timeout   time.Duration
	network   networkFlags
}

func (f *imageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.platform, "platform", "",
		"`OS/ARCH[/VARIANT]` to choose from an index, or all (default linux/amd64; the others are then a gap that policies see)")
	cmd.Flags().StringVar(&f.as, "as", "", "`NAME` of an image that has no trustworthy name of its own: waivers for images match it")
	cmd.Flags().StringVar(&f.base, "base", "",
		"`SOURCE` of the image that this one was built on: findings then say whether they are the base's or your own (implies --verify)")
	cmd.Flags().BoolVar(&f.verify, "verify", false, "hash plain local layers too; compressed ones always are")
	cmd.Flags().BoolVar(&f.noSecrets, "no-secrets", false, "look for no credentials in files and configuration: listed as weakened")
	cmd.Flags().BoolVar(&f.files, "verify-files", false,
		"hash every file and compare it with what its package recorded (files[].intact); otherwise only set-uid and set-gid ones")
	cmd.Flags().BoolVar(&f.toc, "toc", false,
		"trust the tables of contents of eStargz and zstd:chunked layers and pull only the files needed: "+
			"a gap that the default policy denies unless it is waived")
	cmd.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "talk plain HTTP to a registry that is not on loopback")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 15*time.Minute,
		"how `LONG` the pull of one image from a registry or daemon may take in all")
	f.network.add(cmd)
}

const sourceHelp = `SOURCE is a registry reference (nginx:1.27, ghcr.io/x/y@sha256:…), a path (./app.tar, an OCI layout directory),
or - for standard input. What ends in .tar, .tar.gz or .tgz, or starts with . or /, is a path. Prefixes say it outright:
registry: docker: podman: docker-archive: oci: oci-archive: rootfs: sbom:`

// target is one platform of a source.
type target struct {
	source, platform string
	err              error // that the source could not be asked for its platforms
}

// targets spreads --platform all over the platforms of each source.
func (s *scanner) targets(ctx context.Context, sources []string) (out []target) {
	for _, source := range sources {
		if s.images.platform != "all" {
			out = append(out, target{source: source, platform: s.images.platform})
			continue
		}
		platforms, err := s.platforms(ctx, source)
		if err != nil {
			out = append(out, target{source: source, err: err})
		}
		for _, p := range platforms {
			out = append(out, target{source: source, platform: p})
		}
	}
	return out
}

// platforms lists what a source holds images for: without the variant where one stands for all of its architecture.
func (s *scanner) platforms(ctx context.Context, source string) (out []string, err error) {
	img, err := s.open(ctx, target{source: source})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	if _, ok := img.(engine.Streamed); ok {
		err := engine.Usage("--platform all needs a source that can be read several times, and %s passes by once", source)
		return nil, engine.Hint(err, "save it to a file first")
	}
	first := img.Identity().Platform
	first.Variant = ""
	out = append(out, first.String())
	if partial, ok := img.(engine.Partial); ok {
		for _, p := range partial.Unscanned() {
			plain := engine.Platform{OS: p.OS, Architecture: p.Architecture}
			if !slices.Contains(out, plain.String()) {
				out = append(out, p.String())
			}
		}
	}
	return out, nil
}

func (s *scanner) open(ctx context.Context, t target) (engine.Image, error) {
	if s.images.toc && (s.images.verify || s.images.base != "") {
		return nil, engine.Usage("--toc reads parts of layers, and --verify and --base need the whole of them")
	}
	if strings.HasPrefix(t.source, sbomPrefix) {
		if s.images.platform != "" || s.images.base != "" || s.images.verify || s.images.toc {
			return nil, engine.Usage("--platform, --base, --verify and --toc are about images, and %s is a list of packages", t.source)
		}
		return s.openSBOM(t.source)
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	var hashes image.Hashes
	if s.layers != nil {
		hashes = s.layers
	}
	return image.Open(ctx, t.source, image.Options{
		Hashes: hashes, Platform: t.platform, TOC: s.images.toc, As: s.images.as, Verify: s.verify(), Stdin: s.sys.stdin,
		Registry: client, Export: s.export, Now: s.sys.now,
	})
}

// pulled says whether a source comes over a network or from a daemon, which may take for ever to send it.
func pulled(source string) bool {
	return image.RegistryOf(source) != "" || strings.HasPrefix(source, "docker:") || strings.HasPrefix(source, "podman:")
}

// within bounds the time of one pull. Its second result puts that into an error which says what the pull was waiting for.
func (s *scanner) within(ctx context.Context, source string) (context.Context, func(error) error, context.CancelFunc) {
	if !pulled(source) && (s.images.base == "" || !pulled(s.images.base)) {
		return ctx, func(err error) error { return err }, func() {}
	}
	s.bar.nextImage()
	ctx, cancel := context.WithTimeoutCause(ctx, s.images.timeout, errPullTimeout)
	return ctx, func(err error) error {
		if err == nil || !errors.Is(context.Cause(ctx), errPullTimeout) {
			return err
		}
		err = fmt.Errorf("the pull took longer than %s in all: %s", s.images.timeout, s.bar.waitedFor())
		return engine.Hint(err,
			"--timeout 1h waits longer; a mirror or a cache of the layers takes less")
	}, cancel
}

var errPullTimeout = errors.New("the pull took too long")

// verify says whether every layer is hashed: asked for, or because a base is only worth something when its layers are.
func (s *scanner) verify() bool { return s.images.verify || s.images.base != "" }

// base opens the image that --base names, for its list of layers alone; without the flag the image says what it was built on.
func (s *scanner) base(ctx context.Context, t target, img engine.Image) (func(engine.Config, []engine.LayerInfo) *engine.Base, error) {
	if s.images.base == "" {
		return image.BaseOf(nil), nil
	}
	platform := t.platform
	if p := img.Identity().Platform; p.OS != "" {
		platform = p.String()
	}
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	base, err := image.Open(ctx, s.images.base, image.Options{Platform: platform, Registry: client})
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	if _, ok := base.(engine.Streamed); ok {
		err := engine.Usage("--base %s: only a registry reference, an archive that is not packed as a whole, or an OCI layout "+
			"can say its layers without being read", s.images.base)
		return nil, errors.Join(engine.Hint(err, "unpack it, or save it to a file"), base.Close())
	}
	return image.BaseOf(base), base.Close()
}

// client makes a client for registries. The credentials of the environment are for one of them: the one that is named, or that of the first
// image that comes from a registry.
func (s *scanner) client() (*registry.Client, error) {
	o := registry.Options{
		User: s.sys.getenv("VETO_REGISTRY_USER"), Password: s.sys.getenv("VETO_REGISTRY_PASSWORD"),
		PlainHTTP: s.images.plainHTTP, UserAgent: "veto/" + version, CAs: s.network.cas, CertDirs: s.network.certDirs, Proxy: s.network.proxies,
	}
	var err error
	if v := s.sys.getenv("VETO_REGISTRY_HOST"); v != "" {
		if o.Host, err = registry.ParseHost(v); err != nil {
			return nil, fmt.Errorf("VETO_REGISTRY_HOST: %w", err)
		}
	}
	for _, source := range s.sources {
		o.Host = cmp.Or(o.Host, image.RegistryOf(source))
	}
	if v := s.sys.getenv("VETO_REGISTRY_TIMEOUT"); v != "" {
		if o.Timeout, err = time.ParseDuration(v); err != nil || o.Timeout <= 0 {
			return nil, engine.Hint(engine.Usage("VETO_REGISTRY_TIMEOUT: %q is not a time to wait", v), "for example 30s or 2m")
		}
	}
	return registry.New(o), nil
}

// nameOf is how an image that could not be opened is called: as Open would have called it.
func nameOf(source, as string) string {
	switch _, rest, prefixed := strings.Cut(source, ":"); {
	case as != "":
		return as
	case source == "-":
		return "stdin"
	case isPath(source) || strings.HasSuffix(source, ".tar") || strings.HasSuffix(source, ".tar.gz") || strings.HasSuffix(source, ".tgz"):
		return filepath.Base(source)
	case prefixed && slices.Contains([]string{"oci", "oci-archive", "docker-archive", "rootfs"}, source[:len(source)-len(rest)-1]):
		return filepath.Base(rest)
	case strings.HasPrefix(source, "docker:"), strings.HasPrefix(source, "podman:"):
		return rest
	case strings.HasPrefix(source, sbomPrefix):
		return sbomName(source)
	}
	return strings.TrimPrefix(source, "registry:")
}
