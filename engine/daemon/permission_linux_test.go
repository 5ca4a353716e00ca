package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/daemon"
)

// asNobody makes this test binary try a socket and say what came of it.
const asNobody = "DAEMON_TEST_AS_NOBODY"

// A socket of somebody else's is told from none.
func TestPermission(t *testing.T) {
	if path := os.Getenv(asNobody); path != "" {
		for _, o := range []daemon.Options{daemon.Docker(environment("DOCKER_HOST", "unix://"+path)),
			daemon.Podman(environment("CONTAINER_HOST", "unix://"+path))} {
			_, err := daemon.Open(t.Context(), o)
			if err == nil {
				t.Fatal("it may")
			}
			p := engine.ProblemOf(err)
			fmt.Printf("%s|%s\n", p.What, p.Hint)
		}
		return
	}
	path := listen(t, &standIn{})
	bin := filepath.Join(t.TempDir(), "daemon.test")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, bin} {
		for dir := filepath.Dir(p); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), bin, "-test.run", "^TestPermission$")
	cmd.Dir, cmd.Env = "/", []string{asNobody + "=" + path}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"asking docker at unix://" + path + ": permission denied on the socket|the group of the socket may use it (sudo usermod -aG docker USER",
		"asking podman at unix://" + path + ": permission denied on the socket|" +
			"that is another user's: start your own (systemctl --user start podman.socket)",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it says\n%s\nwant %s", out, want)
		}
	}
}
