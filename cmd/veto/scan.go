package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/cache"
	"github.com/vetoci/veto/engine/registry"
	"github.com/vetoci/veto/engine/secret"
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
	network   networkFlags
}

func (f *imageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.platform, "platform", "", "`OS/ARCH[/VARIANT]` to choose from an index, or all (default linux/amd64; the others are then a gap that policies see)")
	cmd.Flags().StringVar(&f.as, "as", "", "`NAME` of an image that has no trustworthy name of its own: waivers for images match it")
	cmd.Flags().StringVar(&f.base, "base", "", "`SOURCE` of the image that this one was built on: findings then say whether they are the base's or your own (implies --verify)")
	cmd.Flags().BoolVar(&f.verify, "verify", false, "hash plain local layers too, and check every diff ID")
	cmd.Flags().BoolVar(&f.noSecrets, "no-secrets", false, "look for no credentials in files and configuration: listed as weakened")
	cmd.Flags().BoolVar(&f.files, "verify-files", false, "hash every file and compare it with what its package recorded (files[].intact); otherwise only set-uid and set-gid ones")
	cmd.Flags().BoolVar(&f.toc, "toc", false, "trust the tables of contents of eStargz and zstd:chunked layers and pull only the files needed: a gap that the default policy denies unless it is waived")
	cmd.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "talk plain HTTP to a registry that is not on loopback")
	f.network.add(cmd)
}

const sourceHelp = `SOURCE is a registry reference (nginx:1.27, ghcr.io/x/y@sha256:…), a path (./app.tar, an OCI layout directory), or - for
standard input. What ends in .tar, .tar.gz or .tgz, or starts with . or /, is a path. Prefixes say it outright:
registry: docker: podman: docker-archive: oci: oci-archive: rootfs: sbom:`

func newScan(sys *system) *cobra.Command {
	var pf policyFlags
	var df databaseFlags
	var im imageFlags
	var cf cacheFlags
	var of outputFlags
	cmd := &cobra.Command{
		Use:   "scan SOURCE…",
		Short: "Judge images: inspect, match, decide, report",
		Long:  "Scan judges images and reports the verdict.\n\n" + sourceHelp + "\n" + exitStatus,
		Example: `  veto scan ./app.tar
  veto scan ghcr.io/example/app:1.2 -o sarif=app.sarif -o junit=app.xml
  docker save app:1.2 | veto scan - --as app
  veto scan ./app.tar --policy policy/ --trust origin/main`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && sys.getenv("VETO_IMAGE") != "" {
				args = nonEmptyLines(sys.getenv("VETO_IMAGE"))
			}
			if len(args) == 0 {
				return engine.Hint(engine.Usage("scan takes at least one SOURCE"), "veto scan ./app.tar, or veto scan ghcr.io/example/app:1.2")
			}
			if len(args) > 1 && im.as != "" {
				return engine.Usage("--as names one image, but there are %d sources", len(args))
			}
			outs, err := of.parse(sys, true)
			if err != nil {
				return err
			}
			law, err := pf.begin(cmd.Context(), cmd, sys)
			if err != nil {
				return err
			}
			s := scanner{sys: sys, law: law, images: im, bar: newProgress(sys, of.quiet), facts: asked(outs, "facts")}
			s.look(cmd)
			if s.layers, err = cf.open(sys); err != nil {
				return err
			}
			if s.network, err = im.network.open(sys, law.workspace.read); err != nil {
				return err
			}
			if s.database, err = df.open(cmd, sys, law, s.network, s.bar); err != nil {
				return err
			}
			s.database.begin(cmd.Context())
			return s.scan(cmd.Context(), args, outs)
		},
	}
	pf.add(cmd)
	df.add(cmd)
	im.add(cmd)
	cf.add(cmd)
	of.add(cmd)
	return cmd
}

// scanner judges sources one after the other under one law and database.
type scanner struct {
	sys      *system
	law      *law
	database *database
	network  *network
	images   imageFlags
	bar      *progress
	inputs   []*engine.Input
	facts    bool              // they are written, and then whole, whatever the policies read
	layers   *cache.Cache      // nil for none
	secrets  *secret.Inspector // nil looks for none
	weakened []engine.Relaxation
}

// look sets up the search for secrets, or says that there is none.
func (s *scanner) look(cmd *cobra.Command) {
	if s.images.noSecrets {
		s.weakened = append(s.weakened, engine.Relaxation{What: noSecretsFlag, Where: whence(cmd, "no-secrets")})
		return
	}
	s.secrets = secret.New()
}

func (s *scanner) scan(ctx context.Context, sources []string, outs []output) error {
	run := &engine.Run{SchemaVersion: engine.SchemaVersion, Tool: engine.Tool{Name: "veto", Version: version}}
	var verdicts []engine.Verdict
	var failures []error
	targets, err := s.targets(ctx, sources)
	if err != nil {
		if lerr := s.law.wait(); lerr != nil {
			err = lerr
		}
		return errors.Join(err, s.database.Close())
	}
	for _, t := range targets {
		source := t.source
		report, err := s.one(ctx, t)
		if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
			return errors.Join(err, s.database.Close())
		}
		if err != nil {
			if ctx.Err() != nil {
				return errors.Join(ctx.Err(), s.database.Close())
			}
			failures = append(failures, err)
			report = s.undecided(source, err)
		}
		run.Reports = append(run.Reports, *report)
		verdicts = append(verdicts, report.Decision.Verdict)
	}
	s.bar.done()
	run.Verdict = engine.Worst(verdicts...)
	engine.Fill(run)
	var keeping sync.WaitGroup
	keeping.Go(func() { s.law.keep(s.sys, run) })
	err = write(s.sys, outs, run, s.factsWriter())
	keeping.Wait()
	if err := errors.Join(err, s.database.Close()); err != nil {
		return err
	}
	if len(failures) > 0 && textShown(outs) {
		failures = nil // the text says them already
	}
	explainError(s.sys.stderr, errors.Join(failures...))
	return &verdictError{run.Verdict}
}

func asked(outs []output, name string) bool {
	return slices.ContainsFunc(outs, func(o output) bool { return o.name == name })
}

func textShown(outs []output) bool {
	for _, o := range outs {
		if o.name == "text" && o.path == "" {
			return true
		}
	}
	return false
}

// target is one image of one platform.
type target struct{ source, platform string }

// targets spreads --platform all over the platforms of each source.
func (s *scanner) targets(ctx context.Context, sources []string) (out []target, err error) {
	for _, source := range sources {
		if s.images.platform != "all" {
			out = append(out, target{source, s.images.platform})
			continue
		}
		img, err := s.open(ctx, target{source: source})
		if err != nil {
			return nil, err
		}
		if _, ok := img.(engine.Streamed); ok {
			return nil, errors.Join(engine.Hint(engine.Usage("--platform all needs a source that can be read several times, and %s passes by once", source),
				"save it to a file first"), img.Close())
		}
		out = append(out, target{source, img.Identity().Platform.String()})
		if partial, ok := img.(engine.Partial); ok {
			for _, p := range partial.Unscanned() {
				out = append(out, target{source, p.String()})
			}
		}
		if err := img.Close(); err != nil {
			return nil, err
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
		Hashes: hashes, Platform: t.platform, TOC: s.images.toc, As: s.images.as, Verify: s.verify(), Stdin: s.sys.stdin, Registry: client, Export: s.export, Now: s.sys.now,
	})
}

// one judges one image. Whatever is opened is closed again, and an error of closing counts.
func (s *scanner) one(ctx context.Context, t target) (report *engine.Report, err error) {
	in, err := s.inspect(ctx, t)
	if err != nil {
		return nil, err
	}
	gate, err := s.law.gate(in.Image, slices.Concat(s.weakened, s.database.weakened))
	if err != nil {
		return nil, err
	}
	report, err = gate.Judge(ctx, in)
	if err == nil {
		s.inputs = append(s.inputs, in)
	}
	return report, err
}

// inspect gathers the facts about one image while the policies compile. What is wrong with the policies is said first, whatever became
// of the image.
func (s *scanner) inspect(ctx context.Context, t target) (*engine.Input, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		if s.law.wait() != nil {
			stop()
		}
	}()
	in, err := s.read(reading, t)
	if lerr := s.law.wait(); lerr != nil {
		return nil, lerr
	}
	return in, err
}

func (s *scanner) read(ctx context.Context, t target) (in *engine.Input, err error) {
	img, err := s.open(ctx, t)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	base, err := s.base(ctx, t, img)
	if err != nil {
		return nil, err
	}
	reader, err := s.reader(base)
	if err != nil {
		return nil, err
	}
	return reader.Inspect(ctx, img, s.law.at)
}

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
		return nil, errors.Join(engine.Hint(engine.Usage("--base %s: only a registry reference, an archive that is not packed as a whole, or an OCI layout can say its layers without being read", s.images.base),
			"unpack it, or save it to a file"), base.Close())
	}
	return image.BaseOf(base), base.Close()
}

func (s *scanner) client() (*registry.Client, error) {
	o := registry.Options{
		User: s.sys.getenv("VETO_REGISTRY_USER"), Password: s.sys.getenv("VETO_REGISTRY_PASSWORD"),
		PlainHTTP: s.images.plainHTTP, UserAgent: "veto/" + version, CAs: s.network.cas, CertDirs: s.network.certDirs, Proxy: s.network.proxies.of,
	}
	if v := s.sys.getenv("VETO_REGISTRY_TIMEOUT"); v != "" {
		var err error
		if o.Timeout, err = time.ParseDuration(v); err != nil || o.Timeout <= 0 {
			return nil, engine.Hint(engine.Usage("VETO_REGISTRY_TIMEOUT: %q is not a time to wait", v), "for example 30s or 2m")
		}
	}
	return registry.New(o), nil
}

// undecided is the report of an image that could not be judged.
func (s *scanner) undecided(source string, err error) *engine.Report {
	r := &engine.Report{Decision: engine.Decision{Verdict: engine.Undecided, Weakened: s.law.weakened}, Errors: []engine.Problem{engine.ProblemOf(err)}}
	r.SchemaVersion, r.Now = engine.SchemaVersion, s.law.now()
	r.Image.Name = nameOf(source, s.images.as)
	r.Database.State = "none"
	r.Policy = watched{s.law.policy, s.law.waivers}.Info()
	return r
}

// factsWriter writes the facts of the one image that was judged; of several, or of none, there are none to write.
func (s *scanner) factsWriter() func(io.Writer) error {
	if len(s.inputs) != 1 {
		return nil
	}
	return func(w io.Writer) error { return writeFacts(w, s.inputs[0]) }
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
