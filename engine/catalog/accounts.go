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

// accounts reads the users of the image from passwd(5), shadow(5) and group(5).
type accounts struct{}

func (accounts) Name() string { return "accounts/1" }
func (accounts) Anchors() []string {
	return []string{"etc/passwd", "etc/shadow", "etc/group"}
}

func (accounts) Wants(p string, _ fs.FileMode, _ int64) bool {
	return p == "etc/passwd" || p == "etc/shadow" || p == "etc/group"
}

// Inspect returns whole accounts from passwd, names with the state of their passwords from shadow, and members with their groups from
// group. assembly.accounts puts the three together.
func (accounts) Inspect(_ context.Context, f *engine.File) (engine.Evidence, error) {
	body, err := f.Bytes(engine.MaxAccounts)
	if err != nil {
		return engine.Evidence{}, err
	}
	var ev engine.Evidence
	traits := &engine.Traits{}
	parsers := map[string]func([]string) ([]engine.Account, error){"passwd": passwdLine, "shadow": shadowLine, "group": groupLine}
	parse := parsers[path.Base(f.Path)]
	n := 0
	for line := range strings.SplitSeq(string(body), "\n") {
		n++
		if strings.TrimSpace(line) == "" || line[0] == '#' || line[0] == '+' || line[0] == '-' { // + and - are for NIS (nsswitch.conf(5))
			continue
		}
		accounts, err := parse(strings.Split(strings.TrimRight(line, "\r"), ":"))
		if err != nil {
			if err := addMalformed(&ev, fmt.Sprintf("line %d: %v", n, err)); err != nil {
				return ev, err
			}
			continue
		}
		if traits.Accounts = append(traits.Accounts, accounts...); len(traits.Accounts) > engine.MaxAccountLines {
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
	a := engine.Account{Name: fields[0], UID: int(uid), GID: int(gid), Home: engine.Maybe(fields[5]), Shell: engine.Maybe(fields[6]),
		Login: login(fields[6]), Password: "unknown"}
	if fields[1] != "x" { // else shadow has it
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

// password returns the state of a password field (shadow(5)): an empty one lets anybody in, one that starts with "!" or "*" nobody.
func password(field string) string {
	switch {
	case field == "":
		return "empty"
	case field[0] == '!' || field[0] == '*':
		return "locked"
	}
	return "set"
}

// login says whether a shell lets a person in. An empty field means /bin/sh (passwd(5)).
func login(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "shutdown", "halt", "null":
		return false
	}
	return true
}

// accounts returns the accounts of the merged image, sorted by number and name. Of entries with one name the first counts, as in
// getpwnam(3).
func (a *assembly) accounts() []engine.Account {
	known := map[string]int{}
	var out []engine.Account
	type entry struct{ name, password string }
	var shadow []entry
	groups := map[string][]string{}
	for _, key := range a.visible {
		ev := a.latest(key)
		if ev.Traits == nil {
			continue
		}
		for _, account := range ev.Traits.Accounts {
			switch path.Base(ev.Path) {
			case "group":
				groups[account.Name] = append(groups[account.Name], account.Groups...)
			case "shadow":
				shadow = append(shadow, entry{account.Name, account.Password})
			default:
				account.Path = engine.Maybe(key.path)
				if _, twice := known[account.Name]; !twice {
					known[account.Name] = len(out)
					out = append(out, account)
				}
			}
		}
	}
	for _, e := range shadow {
		if i, ok := known[e.name]; ok && out[i].Password == "unknown" {
			out[i].Password = e.password
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
