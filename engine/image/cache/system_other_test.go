//go:build !linux

package cache

import "errors"

func pipe(string) error { return nil }

func mountTemp(string, string) (unmount func() error, err error) {
	return nil, errors.New("only on Linux")
}
