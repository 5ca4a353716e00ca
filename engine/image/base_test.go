package image

import (
	"testing"

	"github.com/vetoci/veto/engine"
)

func TestBaseByHistory(t *testing.T) {
	layer := func(by string) engine.History { return engine.History{CreatedBy: engine.Maybe(by)} }
	empty := func(by string) engine.History { return engine.History{CreatedBy: engine.Maybe(by), EmptyLayer: true} }
	for name, c := range map[string]struct {
		history []engine.History
		layers  int
		want    int
	}{
		"nothing":           {nil, 0, 0},
		"a base of its own": {[]engine.History{layer("ADD rootfs.tar /"), empty(`CMD ["bash"]`)}, 1, 0},
		"classic": {[]engine.History{layer("/bin/sh -c #(nop) ADD file:1 in / "), empty(`/bin/sh -c #(nop)  CMD ["bash"]`),
			layer("/bin/sh -c apt-get install -y x"), empty(`/bin/sh -c #(nop)  CMD ["x"]`)}, 2, 1},
		"buildkit": {[]engine.History{layer("ADD rootfs.tar.xz / # buildkit"), empty(`CMD ["bash"]`),
			layer("RUN /bin/sh -c apt-get update # buildkit"), empty("ENV A=1"), empty(`ENTRYPOINT ["x"]`)}, 2, 1},
		"a chain": {[]engine.History{layer("ADD a"), empty("CMD a"), layer("RUN b"), layer("RUN c"), empty(`CMD ["python3"]`),
			layer("COPY . ."), empty("CMD d")}, 4, 3},
		"counts that disagree":    {[]engine.History{layer("ADD a"), empty("CMD a"), layer("RUN b")}, 3, 0},
		"a command that says CMD": {[]engine.History{layer("RUN echo CMD"), empty("LABEL x=CMD"), layer("RUN b")}, 2, 0},
	} {
		if got := baseByHistory(c.history, c.layers); got != c.want {
			t.Errorf("%s: %d layers, want %d", name, got, c.want)
		}
	}
}
