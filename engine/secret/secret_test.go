package secret

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine"
)

// sample makes a text that a pattern matches, so that nothing in this repository looks like a credential.
func sample(r *rand.Rand, re *syntax.Regexp) string {
	var b strings.Builder
	var walk func(re *syntax.Regexp)
	repeat := func(sub *syntax.Regexp, least, most int) {
		if most < 0 || most > least+3 {
			most = least + 3
		}
		for range least + r.IntN(most-least+1) {
			walk(sub)
		}
	}
	walk = func(re *syntax.Regexp) {
		switch re.Op {
		case syntax.OpLiteral:
			b.WriteString(string(re.Rune))
		case syntax.OpCharClass:
			for {
				pair := r.IntN(len(re.Rune)/2) * 2
				lo, hi := re.Rune[pair], min(re.Rune[pair+1], '~')
				if lo <= hi && lo >= ' ' || lo == '\n' {
					b.WriteRune(lo + rune(r.IntN(int(max(hi-lo, 0))+1)))
					return
				}
			}
		case syntax.OpCapture, syntax.OpConcat:
			for _, sub := range re.Sub {
				walk(sub)
			}
		case syntax.OpAlternate:
			walk(re.Sub[r.IntN(len(re.Sub))])
		case syntax.OpStar:
			repeat(re.Sub[0], 0, 0)
		case syntax.OpPlus:
			repeat(re.Sub[0], 1, 2)
		case syntax.OpQuest:
			repeat(re.Sub[0], 0, 0)
		case syntax.OpRepeat:
			repeat(re.Sub[0], re.Min, re.Max)
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			b.WriteByte('x')
		}
	}
	walk(re.Simplify())
	return b.String()
}

func samples(t testing.TB, r *rand.Rand, x rule) (texts []string) {
	t.Helper()
	letters := func(from string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		return string(b)
	}
	const hex, all = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for range 30 { // rules whose patterns match much that no real secret looks like

		switch x.id {
		case "twilio-key":
			texts = append(texts, "twilio_key: SK"+letters(hex, 32)+"\n")
		case "mailgun-key":
			texts = append(texts, "MAILGUN = key-"+letters(hex, 32)+"\n")
		case "private-key":
			texts = append(texts, "-----BEGIN RSA PRIVATE KEY-----\n"+letters(all, 64)+"\n"+letters(all, 64)+"\n")
		case "encrypted-private-key":
			texts = append(texts, "-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n"+letters(all, 64)+"\r\n"+letters(all, 64)+"\n")
		case "generic-secret":
			texts = append(texts, "db_password = \""+letters(all, 24)+"\"\n")
		}
	}
	if texts != nil {
		return texts
	}
	re, err := syntax.Parse(strings.ReplaceAll(x.pattern, "(?-i:SK)", "SK"), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		texts = append(texts, "\n"+sample(r, re)+"\n")
	}
	return texts
}

// Two values differ in their hashes, wherever they differ: in what follows the lines of a key that are alike in all keys of its kind. A
// value has the same hash in another file.
func TestHashes(t *testing.T) {
	s := New()
	hash := func(text string) string {
		t.Helper()
		all, _ := s.find([]byte(text), inConfiguration)
		found := dropGeneric(all)
		if len(found) == 0 || len(found[0].Hash) != 4 {
			t.Fatalf("%.60q: %+v", text, found)
		}
		return found[0].Hash
	}
	line := strings.Repeat("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ", 2)[:70] + "\n"
	pem := func(last string) string {
		const kind = "OPENSSH PRIVATE" + " KEY-----\n"
		return "-----BEGIN " + kind + strings.Repeat(line, 9) + last + "\n-----END " + kind
	}
	putty := func(last string) string {
		return "PuTTY-User-Key-" + "File-3: ssh-rsa\nEncryption: none\nComment: a\nPrivate-Lines: 1\n" + last + "\nPrivate-MAC: 00\n"
	}
	short := func(last string) string { return "aws_access_key_id = AKIA" + "Q3EGRT5YHN7UJM" + last + "\n" }
	for name, text := range map[string]func(string) string{"PEM": pem, "PuTTY": putty, "a word": short} {
		a, b := hash(text("4K")), hash(text("5L"))
		if a == b {
			t.Errorf("%s: both are %s", name, a)
		}
		if again := hash("# a comment\n\n" + text("4K") + "\n# another\n"); again != a {
			t.Errorf("%s: elsewhere it is %s, not %s", name, again, a)
		}
	}
}

// Each rule finds what its pattern describes, through the keywords and the least entropy, and never shows it.
func TestRules(t *testing.T) {
	s := New()
	r := rand.New(rand.NewPCG(3, 4))
	ids := map[string]bool{}
	for _, x := range s.rules {
		if ids[x.id] || regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).FindString(x.id) == "" {
			t.Errorf("%q is no id, or one that stands twice", x.id)
		}
		ids[x.id] = true
		for _, k := range x.keywords {
			if len(k) < 3 {
				t.Errorf("%s: the keyword %q is too short to narrow anything down", x.id, k)
			}
		}
		hits := 0
		for _, text := range samples(t, r, x) {
			all, _ := s.find([]byte(text), inConfiguration)
			for _, found := range all {
				if found.Rule != x.id {
					continue
				}
				hits++
				if m := x.compile().FindStringSubmatch(text); len(m) > 0 {
					shown := strings.TrimSuffix(found.Redacted, "********")
					if len(shown) > 0 && len(m[len(m)-1]) <= len(shown) {
						t.Errorf("%s: %q shows all of it", x.id, found.Redacted)
					}
				}
			}
		}
		if hits < 5 {
			t.Errorf("%s: found in %d of 30 samples, such as %q", x.id, hits, samples(t, r, x)[0])
		}
	}
	if t.Logf("%d rules", len(ids)); len(ids) < 80 {
		t.Errorf("%d rules, want 80", len(ids))
	}
}

// What looks like a secret and is none must not be reported: users switch a rule off that cries wolf.
func TestPlaceholders(t *testing.T) {
	s := New()
	for _, text := range []string{
		"aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE", "token = ghp_" + strings.Repeat("x", 36), "token: ghp_" + strings.Repeat("a", 36),
		"password = ${DB_PASSWORD}", "password: changeme12345", "api_key = your-api-key-goes-here1", "secret = <insert secret here 1>",
		"password=os.environ['PASSWORD1234']", "token = some_function_name_2_token", "https://user:$PASSWORD@example.test/",
		"https://user:%s@example.test/", "passwordLengthMinimum = 12", "-----BEGIN PRIVATE KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\n" + strings.Repeat("MIIB", 40), "AccountKey=short", "eyJhbGciOi",
		"password_file = /run/secrets/database_1", "secretName: my-app-tls-2024",
	} {
		if found, _ := s.find([]byte(text+"\n"), inConfiguration); len(found) > 0 {
			t.Errorf("%q: %+v", text, found)
		}
	}
}

func TestAutomaton(t *testing.T) {
	a := newAutomaton([]string{"he", "She", "his", "HERS", "-x-"})
	got := map[int]int{}
	a.each([]byte("ushers -X- HISHE"), func(k, end int) bool {
		got[k] += end
		return true
	})
	want := map[int]int{0: 4 + 16, 1: 4 + 16, 3: 6, 4: 10, 2: 14}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("keyword %d: %d, want %d", k, got[k], v)
		}
	}
}

// In real software the rules find little; -v lists what. A rule that matches ordinary text fails here.
func TestRealText(t *testing.T) {
	dir := os.Getenv("VETO_IMAGES")
	if dir == "" {
		t.Skip("VETO_IMAGES is not set")
	}
	s := New()
	files, found := 0, 0
	root := filepath.Join(dir, "root")
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // a folder that cannot be read is none of this test's
		}
		info, err := d.Info()
		rel, relErr := filepath.Rel(root, p)
		if err != nil || relErr != nil || !s.Wants(rel, info.Mode(), info.Size()) {
			return nil //nolint:nilerr // likewise
		}
		body, err := os.ReadFile(p)
		if err != nil {
			return nil //nolint:nilerr // likewise
		}
		files++
		e := engine.Entry{Path: rel, Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
		ev, err := s.Inspect(t.Context(), engine.NewFileAt(e, strings.NewReader(string(body))))
		if err != nil {
			return err
		}
		if ev.Traits != nil {
			for _, x := range ev.Traits.Secrets {
				found++
				t.Logf("%s:%d %s %s", rel, x.Line, x.Rule, x.Redacted)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d secrets in %d files", found, files); files < 1000 || found > 60 {
		t.Errorf("%d secrets in %d files", found, files)
	}
}

// On a line without an end, a secret is found wherever it stands, however many keywords stand before it; and a text of keywords alone ends
// at a limit, or says at once that there is nothing.
func TestLongLines(t *testing.T) {
	s := New()
	const value = "aws_secret_access_key = \"wJalrXUtnFEMIK7MDENGbPxRfiCYzQkx9vTb2LmN\""
	step, many := 7, 200_000
	if testing.Short() {
		step, many = 61, 20_000
	}
	for at := 3800; at < 4400; at += step {
		for _, before := range []string{"aws ", "x"} {
			text := "aws_key " + strings.Repeat(before, at/len(before)) + " " + value + strings.Repeat(" x", 9000)
			found, whole := s.find([]byte(text), inConfiguration)
			if found = dropGeneric(found); len(found) != 1 || found[0].Rule != "aws-secret-access-key" || !whole {
				t.Fatalf("%d bytes of %q before: %v, whole %v", at, before, found, whole)
			}
		}
	}
	for _, text := range []string{"AKIA=", "ACCA=", "eyJ.", "ghp_="} { // tokens do not begin like this, which shows at once
		if found, whole := s.find([]byte(strings.Repeat(text, many)), inConfiguration); len(found) != 0 || !whole {
			t.Errorf("%s: %v, whole %v", text, found, whole)
		}
	}
	var all strings.Builder
	for _, w := range s.keywords {
		fmt.Fprintf(&all, "%s=%s ", w, w)
	}
	if _, whole := s.find([]byte(strings.Repeat(all.String(), engine.MaxSecretFile/all.Len())), inConfiguration); whole {
		t.Error("a text of all keywords was searched to its end")
	}
	if got, _ := s.mask(strings.ReplaceAll(strings.Repeat(all.String(), 100), " ", ";")); got != "********" {
		t.Errorf("what could not be searched stands in the facts: %.100s", got)
	}
}

func FuzzFind(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	s := New()
	for _, x := range s.rules {
		f.Add([]byte(samples(f, r, x)[0]), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, config bool) {
		which := inAnyText
		if config {
			which = inConfiguration
		}
		found, _ := s.find(body, which)

		for _, x := range found {
			if !strings.HasSuffix(x.Redacted, "********") || x.Line < 1 || len(x.Redacted) > 40 {
				t.Errorf("%+v", x)
			}
		}
	})
}

func BenchmarkFind(b *testing.B) {
	s := New()
	body := []byte(strings.Repeat("func main() { fmt.Println(\"hello, world\"); return x.token(1) }\n", 10_000))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		_, _ = s.find(body, inAnyText)
	}
}

// A file with more secrets than are listed has a gap, also when those listed are few because specific rules take the place of generic ones.
// Without it, what stands after the last one found is neither searched nor missed.
func TestManySecretsAreAGap(t *testing.T) {
	s := New()
	inspect := func(body string) engine.Evidence {
		e := engine.Entry{Path: "app/settings.json", Type: engine.TypeFile, Mode: 0o644, Size: int64(len(body))}
		ev, err := s.Inspect(t.Context(), engine.NewFileAt(e, strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	for _, separator := range []string{"\n", ","} {
		for _, n := range []int{engine.MaxSecrets/2 - 1, engine.MaxSecrets / 2, engine.MaxSecrets + 1} {
			var b strings.Builder
			for i := range n { // each is found by two rules
				fmt.Fprintf(&b, `"token":"ghp_aZ9xQ2wE4rT6yU8iO0pLaS5dF7gH9jK1l%03d"%s`, i, separator)
			}
			ev := inspect(b.String())
			if gaps := len(ev.Gaps) > 0; gaps != (n > engine.MaxSecrets) || ev.Traits == nil || len(ev.Traits.Secrets) > engine.MaxSecrets {
				t.Errorf("%d secrets with %q between them: gaps %+v", n, separator, ev.Gaps)
			}
		}
	}
	// Placeholders are not counted, so that a line of them cannot hide a secret.
	body := strings.Repeat(`"token":"changeme12345",`, 3*engine.MaxSecrets) + `"token":"Zq9vTb2LmNxW"`
	if ev := inspect(body); ev.Traits == nil || len(ev.Traits.Secrets) != 1 || len(ev.Gaps) != 0 {
		t.Errorf("a secret behind placeholders: %+v", ev)
	}
}

// Ordinary code holds the keywords of many rules: as parts of words, in another case, without a value. No pattern may be tried there;
// otherwise a scan of source code takes several times as long.
func TestOrdinaryTextTriesNoPattern(t *testing.T) {
	s := New()
	for i := range s.rules {
		r := &s.rules[i]
		if r.minRun == 0 {
			continue
		}
		compile := r.compile
		r.compile = func() *regexp.Regexp {
			t.Errorf("the pattern of %s was tried", r.id)
			return compile()
		}
		run := strings.Repeat("a1", r.minRun) // more than enough token characters
		for _, k := range r.keywords {
			other := strings.ToUpper(k)
			if other == k {
				other = strings.ToLower(k)
			}
			for _, text := range []string{
				k, k + run[:r.minRun-1], k + run[:r.minRun-1] + " " + run, k + "/" + run, // nothing, or too little, behind the keyword
				"x" + k + run, "X" + k + run, "7" + k + run, "_" + k + run, // within a word
			} {
				_, _ = s.find([]byte(text), inConfiguration)
			}
			if other != k {
				_, _ = s.find([]byte(other+run), inConfiguration)
			}
		}
		r.compile = compile // a keyword of this rule may begin with another's
	}
}

// What decides whether a pattern is tried must not decide whether a secret is found: at the start and the end of a text and behind every
// character that is not of a word, a token is found.
func TestTokensAreFoundAnywhere(t *testing.T) {
	s := New()
	for _, x := range []struct{ rule, token string }{
		{"github-pat", "ghp_aZ9xQ2wE4rT6yU8iO0pLaS5dF7gH9jK1lM2n"},
		{"aws-access-key-id", "AKIAQ3EGRZ5VWKXP7DNM"},
		{"gcp-api-key", "AIzaSyD9xQ2wE4rT6yU8iO0pLaS5dF7gH9jK1lM"},
		{"databricks-token", "dapi0f1e2d3c4b5a69788796a5b4c3d2e1f0"},
	} {
		for _, before := range []string{"", " ", "\n", "=", "/", ".", "-", ":", "\"", "\u00e9", "[", "@", "`", "{"} {
			for _, after := range []string{"", " ", "\n", "\"", ",", ";", "/", "\u00e9"} {
				found, whole := s.find([]byte(before+x.token+after), inAnyText)
				if len(found) != 1 || found[0].Rule != x.rule || !whole || found[0].from != len(before) || found[0].to != len(before)+len(x.token) {
					t.Errorf("%s between %q and %q: %+v, whole %v", x.rule, before, after, found, whole)
				}
			}
		}
	}
}
