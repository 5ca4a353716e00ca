package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vetoci/veto/engine"
)

// accounts reads the users of the image (passwd(5), shadow(5), group(5)).
type accounts struct{}

func (accounts) Name() string { return "accounts/1" }
func (accounts) Anchors() []string {
	return []string{"etc/passwd", "etc/shadow", "etc/group"}
}

func (accounts) Wants(p string, _ fs.FileMode, _ int64) bool {
	return p == "etc/passwd" || p == "etc/shadow" || p == "etc/group"
}

// Inspect gives of passwd whole accounts, of shadow names with the state of their passwords, of group members with the groups.
func (accounts) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxAccounts)
	if err != nil {
		return engine.Evidence{}, err
	}
	var ev engine.Evidence
	traits := &engine.Traits{}
	read := map[string]func([]string) ([]engine.Account, error){"passwd": passwdLine, "shadow": shadowLine, "group": groupLine}[path.Base(f.Path)]
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		n++
		if strings.TrimSpace(line) == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' { // the signs are NIS's
			continue
		}
		list, err := read(strings.Split(strings.TrimRight(line, "\r"), ":"))
		if err != nil {
			if err := malformed(&ev, fmt.Sprintf("line %d: %v", n, err)); err != nil {
				return ev, err
			}
			continue
		}
		if traits.Accounts = append(traits.Accounts, list...); len(traits.Accounts) > engine.MaxAccountLines {
			return ev, &engine.LimitError{What: "number of accounts", Limit: engine.MaxAccountLines}
		}
	}
	if len(traits.Accounts) > 0 {
		ev.Traits = traits
	}
	return ev, nil
}

func passwdLine(fields []string) ([]engine.Account, error) {
	if len(fields) != 7 {
		return nil, fmt.Errorf("an account has 7 fields, this %d", len(fields))
	}
	uid, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%.20q is no number of a user", fields[2])
	}
	gid, err := strconv.ParseUint(fields[3], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%.20q is no number of a group", fields[3])
	}
	a := engine.Account{Name: fields[0], UID: int(uid), GID: int(gid), Home: engine.Maybe(fields[5]), Shell: engine.Maybe(fields[6]), Login: login(fields[6]), Password: "unknown"}
	if fields[1] != "x" {
		a.Password = password(fields[1])
	}
	return []engine.Account{a}, nil
}

func shadowLine(fields []string) ([]engine.Account, error) {
	if len(fields) < 2 {
		return nil, fmt.Errorf("an account has at least 2 fields, this %d", len(fields))
	}
	return []engine.Account{{Name: fields[0], Password: password(fields[1])}}, nil
}

func groupLine(fields []string) ([]engine.Account, error) {
	if len(fields) != 4 {
		return nil, fmt.Errorf("a group has 4 fields, this %d", len(fields))
	}
	var out []engine.Account
	for member := range strings.SplitSeq(fields[3], ",") {
		if member = strings.TrimSpace(member); member != "" {
			out = append(out, engine.Account{Name: member, Groups: []string{fields[0]}})
		}
	}
	return out, nil
}

// password tells what crypt(5) could match: an empty field anything, one that starts with "!" or "*" nothing.
func password(field string) string {
	switch {
	case field == "":
		return "empty"
	case field[0] == '!' || field[0] == '*':
		return "locked"
	}
	return "set"
}

// login says whether a shell lets a person in. An empty one is /bin/sh (passwd(5)).
func login(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "null":
		return false
	}
	return true
}

// accounts puts together what the three files of the merged image say. Of a name that stands twice, the first counts, as getpwnam(3) has it.
func (a *assembly) accounts() []engine.Account {
	known := map[string]int{}
	var out []engine.Account
	type word struct{ name, password string }
	var words []word
	groups := map[string][]string{}
	for _, at := range a.visible {
		ev := a.last(at)
		if ev.Traits == nil {
			continue
		}
		for _, account := range ev.Traits.Accounts {
			switch path.Base(ev.Path) {
			case "group":
				groups[account.Name] = append(groups[account.Name], account.Groups...)
			case "shadow":
				words = append(words, word{account.Name, account.Password})
			default:
				account.Path = engine.Maybe(at.path)
				if _, twice := known[account.Name]; !twice {
					known[account.Name] = len(out)
					out = append(out, account)
				}
			}
		}
	}
	for _, w := range words {
		if i, ok := known[w.name]; ok && out[i].Password == "unknown" {
			out[i].Password = w.password
		}
	}
	for i := range out {
		out[i].Groups = slices.Compact(slices.Sorted(slices.Values(groups[out[i].Name])))
	}
	slices.SortStableFunc(out, func(x, y engine.Account) int {
		if x.UID != y.UID {
			return x.UID - y.UID
		}
		return strings.Compare(x.Name, y.Name)
	})
	return out
}
