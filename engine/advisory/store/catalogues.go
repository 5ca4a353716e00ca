package store

import (
	"context"

	"github.com/vetoci/veto/engine/advisory/feed"
)

// catalogues updates what is no ecosystem's.
func (b *build) catalogues(ctx context.Context) error {
	if b.o.Refresh && b.o.EPSS == "" && b.old.EPSS != nil {
		b.o.EPSS = feed.EPSSURL
	}
	if b.o.KEV != "" {
		if err := b.catalogue(ctx); err != nil {
			return err
		}
	}
	if b.o.EPSS != "" {
		if err := b.scores(ctx); err != nil {
			return err
		}
	}
	if b.o.CVE != "" {
		return b.assessed(ctx)
	}
	return nil
}

func (b *build) catalogue(ctx context.Context) error {
	k, err := feed.FetchKEV(ctx, b.o.KEV, b.feedOptions())
	if err != nil {
		return err
	}
	asOf, err := b.asOf(k.AsOf, catalogueName)
	if err != nil {
		return err
	}
	pairs, err := cataloguePairs(k.Entries)
	if err != nil {
		return err
	}
	info, err := b.write(catalogueName, pairs)
	if err != nil {
		return err
	}
	info.Advisories, info.AsOf, info.Source = len(k.Entries), asOf, k.Name
	b.next.KEV, b.sum.KEV = &info, &info
	return nil
}

func (b *build) scores(ctx context.Context) error {
	e, err := feed.FetchEPSS(ctx, b.o.EPSS, b.feedOptions())
	if err != nil {
		return err
	}
	asOf, err := b.asOf(e.AsOf, scoresName)
	if err != nil {
		return err
	}
	pairs, err := scorePairs(e.Scores)
	if err != nil {
		return err
	}
	info, err := b.write(scoresName, pairs)
	if err != nil {
		return err
	}
	info.Advisories, info.AsOf, info.Source = len(e.Scores), asOf, e.Name
	b.next.EPSS, b.sum.EPSS = &info, &info
	return nil
}
