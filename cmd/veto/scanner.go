package main

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/catalog"
	"github.com/vetoci/veto/engine/image"
	"github.com/vetoci/veto/engine/image/cache"
	"github.com/vetoci/veto/engine/scan"
	"github.com/vetoci/veto/engine/secret"
)

// scanFlags are those of the verbs that read an image.
type scanFlags struct {
	policy   policyFlags
	database databaseFlags
	images   imageFlags
	cache    cacheFlags
}

func (f *scanFlags) add(cmd *cobra.Command) {
	f.policy.add(cmd)
	f.database.add(cmd)
	f.images.add(cmd)
	f.cache.add(cmd)
}

// scanner reads images one after the other under one ruleset and database. Whoever opened it closes its database.
type scanner struct {
	sys      *system
	ruleset  *ruleset
	database *database
	network  *network
	images   imageFlags
	sources  []string // what is scanned
	bar      *progress
	facts    bool              // they are written, and then whole, whatever the policies read
	layers   *cache.Cache      // nil for none
	secrets  *secret.Inspector // nil looks for none
	weakened []engine.Relaxation
}

// open makes a scanner. The policies go on compiling, and the database opens, while the first image is read.
func (f *scanFlags) open(cmd *cobra.Command, sys *system, bar *progress, facts bool) (*scanner, error) {
	if f.images.timeout <= 0 {
		return nil, engine.Hint(engine.Usage("--timeout %s: it is the longest that a pull may take", f.images.timeout), "for example 15m or 1h")
	}
	rules, err := f.policy.begin(cmd.Context(), cmd, sys)
	if err != nil {
		return nil, err
	}
	s := &scanner{sys: sys, ruleset: rules, images: f.images, bar: bar, facts: facts}
	if f.images.noSecrets {
		s.weakened = append(s.weakened, engine.Relaxation{What: noSecretsFlag, Where: whence(cmd, "no-secrets")})
	} else {
		s.secrets = secret.New()
	}
	if s.layers, err = f.cache.open(sys, rules.workspace); err != nil {
		return nil, err
	}
	if s.network, err = f.images.network.open(sys, rules.workspace.read); err != nil {
		return nil, err
	}
	if s.database, err = f.database.open(cmd, sys, rules, s.network, bar); err != nil {
		return nil, err
	}
	s.database.begin(cmd.Context())
	return s, nil
}

// inspect opens a source, gathers the facts about the image of the platform, or about each that a runtime could pick, and closes it again;
// an error of closing counts.
func (s *scanner) inspect(ctx context.Context, t target) (ins []*engine.Input, err error) {
	if t.err != nil {
		return nil, t.err
	}
	ctx, explain, stop := s.within(ctx, t.source)
	defer stop()
	defer func() { err = explain(err) }()
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
	return reader.Read(ctx, img, s.ruleset.at)
}

// reader puts together what gathers the facts about one image.
func (s *scanner) reader(base func(engine.Config, []engine.LayerInfo) *engine.Base) (*scan.Reader, error) {
	parts := scan.Parts{
		Inspectors: s.inspectors(),
		Merge:      image.Merge,
		Assemble:   catalog.Assemble,
		Matcher:    s.database,
		Workers:    max(4, runtime.GOMAXPROCS(0)), // some of them wait for the network
		Memory:     engine.MaxMemory,
		Base:       base,
		Progress:   s.bar.layers,
		Wants: func(section string) bool {
			return s.facts || s.ruleset.wait() == nil && s.ruleset.policy.Reads(section)
		},
	}
	if s.layers != nil {
		parts.Cache = s.layers
	}
	if s.secrets != nil {
		parts.Secrets = s.secrets.MaskFacts
	}
	return scan.NewReader(parts)
}

func (s *scanner) inspectors() []engine.Inspector {
	all := catalog.All()
	if s.secrets != nil {
		all = append([]engine.Inspector{s.secrets}, all...) // before what hashes large bodies as they pass
	}
	if s.images.files {
		all = append(all, catalog.VerifyFiles())
	}
	return all
}

// gate puts together what decides about one image.
func (s *scanner) gate(id engine.Identity) (*engine.Gate, error) {
	return s.ruleset.gate(id, slices.Concat(s.weakened, s.database.weakened))
}
