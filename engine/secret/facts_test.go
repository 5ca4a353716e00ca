package secret

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// Nothing of a value leaves the inspector, nor anything computed from it: evidence holds only its kind and where it stands.
func TestNothingLeaks(t *testing.T) {
	s := New()
	r := rand.New(rand.NewPCG(5, 6))
	value := func(n int) string {
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	a, b := value(36), value(36)
	inspect := func(secret string) string {
		body := "# settings\nGITHUB=ghp_" + secret + "\ndb_password = Zq9" + secret[:20] + "\n"
		e := engine.Entry{Path: "app/.env", Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
		ev, err := s.Inspect(t.Context(), engine.NewFileAt(e, strings.NewReader(body)))
		if err != nil || ev.Traits == nil || len(ev.Traits.Secrets) != 2 {
			t.Fatalf("%+v, %v", ev, err)
		}
		text, err := json.Marshal(ev.Traits.Secrets)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if x, y := inspect(a), inspect(b); x != y {
		t.Errorf("two values can be told apart:\n%s\n%s", x, y)
	}
	created := engine.Maybe("RUN curl -H token=glpat-" + a[:20] + " https://example.test")
	facts := &engine.Facts{
		Config: engine.Config{
			Env: []string{"PATH=/usr/bin", "API_TOKEN=Zk7" + a[:24]}, Labels: map[string]string{"build": "ghp_" + b, "x": "y"},
			History: []engine.History{{CreatedBy: created}}, Healthcheck: []string{"CMD", "true"},
		},
		Layers: []engine.LayerInfo{{CreatedBy: created}},
	}
	found := s.MaskFacts(facts)
	if len(found) != 3 || found[0].Subject != "env API_TOKEN" || found[1].Subject != "label build" || found[2].Subject != "history 1" {
		t.Errorf("%+v", found)
	}
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{a[:20], b} {
		if strings.Contains(string(text), v) {
			t.Errorf("the facts show a value: %s", text)
		}
	}
	if facts.Config.Labels["x"] != "y" || facts.Config.Env[0] != "PATH=/usr/bin" ||
		facts.Layers[0].CreatedBy != "RUN curl -H token=glpat-******** https://example.test" {
		t.Errorf("%+v %+v", facts.Config, facts.Layers)
	}
}

// pemKey is a private key of many lines, which no rule matches to its end.
func pemKey(separator string) (key string, lines []string) {
	r := rand.New(rand.NewPCG(7, 8))
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for range 25 {
		b := make([]byte, 64)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		lines = append(lines, string(b))
	}
	all := append(append([]string{"-----BEGIN RSA PRIVATE KEY-----"}, lines...), "-----END RSA PRIVATE KEY-----")
	return strings.Join(all, separator), lines
}

// Facts become reports: nothing of a secret in them may stand, also where it takes several lines, where two secrets overlap, where a
// specific secret stands beside a generic one, and where there are more of them than are listed.
func TestMaskFactsMasksAll(t *testing.T) {
	s := New()
	ghp := func(n int) string { return "ghp_" + strings.Repeat(fmt.Sprintf("aZ9xQ2wE4r%02d", n), 3) }
	key, lines := pemKey("\n")
	var many string
	var values []string
	for n := range 2 * engine.MaxSecrets {
		many += "TOKEN=" + ghp(n) + "-" + strings.Repeat("x", 9000) + " "
		values = append(values, ghp(n)[4:])
	}
	for name, c := range map[string]struct {
		text, want string
		hidden     []string
		listed     string
	}{
		"a private key": {"echo " + key + "\nnext", "echo -----BEGIN********\nnext", lines, "private-key"},
		"a private key without its end": {"K=" + strings.TrimSuffix(key, "-----END RSA PRIVATE KEY-----") + " and more",
			"K=-----BEGIN********", lines, "private-key"},
		"an entry of .netrc in a command": {"echo machine example.test login me password Zq9vTb2LmNx > /root/.netrc",
			"echo machine example.test login me password ******** > /root/.netrc", []string{"Zq9vTb2LmNx"}, "netrc-password"},
		"one in the other": {"https://me:begin-" + ghp(1) + "-end@example.test/", "https://me:********@example.test/",
			[]string{"begin-", ghp(1)[4:], "-end"}, "git-credentials github-pat"},
		"a generic one beside a specific one": {`{"password":"Zq9vTb2LmNxW","token":"` + ghp(2) + `"}`,
			`{"password":"********","token":"ghp_********"}`, []string{"Zq9vTb2LmNxW", ghp(2)[4:]}, "github-pat"},
		"more than are listed": {many, "********", values, strings.TrimSpace(strings.Repeat("github-pat ", engine.MaxSecrets))},
		"none":                 {"-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----", nil, ""},
	} {
		facts := &engine.Facts{Config: engine.Config{Env: []string{c.text}}}
		var rules []string
		for _, x := range s.MaskFacts(facts) {
			rules = append(rules, x.Rule)
		}
		got := facts.Config.Env[0]
		if got != c.want {
			t.Errorf("%s: %.300q, want %q", name, got, c.want)
		}
		for _, h := range c.hidden {
			if strings.Contains(got, h) {
				t.Errorf("%s: %q stands in the facts", name, h)
			}
		}
		slices.Sort(rules)
		if listed := strings.Join(rules, " "); listed != c.listed {
			t.Errorf("%s: listed %q, want %q", name, listed, c.listed)
		}
	}
}
