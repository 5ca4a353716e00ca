package catalog

import "github.com/vetoci/veto/engine"

// secrets lists those of all layers: whoever pulls an image has every layer, whatever a later one hides. One in a file that a package of the
// distribution brought, and nobody changed, is published to the world.
func (a *assembly) secrets() []engine.Secret {
	var out []engine.Secret
	for at, evs := range a.histories {
		for _, ev := range evs {
			if ev.Traits == nil {
				continue
			}
			visible := a.tree.Visible(ev.Layer, ev.Path)
			owner := ""
			if visible && len(ev.Traits.Secrets) > 0 {
				owner = a.ownerOf(at, ev.Sums, a.bringers)
			}
			for _, s := range ev.Traits.Secrets {
				s.Path, s.Layer, s.DeletedLater, s.OwnedBy = engine.Maybe(ev.Path), a.diffID(ev.Layer), !visible, engine.Maybe(owner)
				out = append(out, s)
			}
		}
	}
	return out
}
