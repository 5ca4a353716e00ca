package main

import (
	"context"
	"errors"
	"io"

	"github.com/vetoci/veto/engine/daemon"
)

// export streams an image of the daemon that its prefix names. Closing the stream ends the connection too.
func (s *scanner) export(ctx context.Context, kind, name string) (io.ReadCloser, error) {
	o := daemon.Docker(s.sys.getenv)
	if kind == "podman" {
		o = daemon.Podman(s.sys.getenv)
	}
	o.UserAgent, o.PlainHTTP = "veto/"+version, s.images.plainHTTP
	client, err := daemon.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	stream, err := client.Export(ctx, name)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return exported{stream, client}, nil
}

type exported struct {
	io.ReadCloser
	client *daemon.Client
}

func (e exported) Close() error { return errors.Join(e.ReadCloser.Close(), e.client.Close()) }
