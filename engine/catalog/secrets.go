package catalog

import "github.com/vetoci/veto/engine"

// secrets returns the secrets of all layers, also those that a later layer deletes: whoever pulls an image has every layer. A secret in a
// file that a package of the distribution owns has that owner: it is published to the world.
func (a *assembly) secrets() []engine.Secret {
	var out []engine.Secret
	for key, evs := range a.histories {
		for _, ev := range evs {
			if ev.Traits == nil {
				continue
			}
			visible := a.tree.Visible(ev.Layer, ev.Path)
			owner := ""
			if visible && len(ev.Traits.Secrets) > 0 {
				owner = a.ownerOf(key, ev.Sums)
			}
			for _, s := range ev.Traits.Secrets {
				s.Path, s.Layer, s.DeletedLater, s.OwnedBy = engine.Maybe(ev.Path), a.diffID(ev.Layer), !visible, engine.Maybe(owner)
				out = append(out, s)
			}
		}
	}
	return out
}
