package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vetoci/veto/engine"
)

// Image is what a daemon says of one of its images. Nothing of it has been checked.
type Image struct {
	ID           engine.Digest // of its configuration, or of its manifest or index where Docker keeps images in containerd's store
	RepoTags     []string      // names with tags, sorted
	RepoDigests  []string      // NAME@sha256:… of the registries that it came from or went to, sorted
	Architecture string
	OS           string
	Size         int64 // bytes, as the daemon counts them
}

// ErrNotFound is what an error wraps when the daemon has no image of that name.
var ErrNotFound = errors.New("there is no such image")

var (
	// imageName is what may become part of a URL's path: a reference with tag or digest, or an image's ID.
	imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}$`)
	imageID   = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// Inspect returns what the daemon says of an image, by its name or ID. The error wraps ErrNotFound when the daemon has no such image, and
// is an engine.UsageError when the name cannot be one.
func (c *Client) Inspect(ctx context.Context, name string) (_ *Image, err error) {
	if err := c.checkName(name); err != nil {
		return nil, err
	}
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, exportTimeouts*c.options.Timeout)
	defer cancel()
	resp, err := c.get(ctx, "/images/"+name+"/json")
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, c.statusError(name, resp)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, engine.MaxConfig+1))
	switch {
	case caller.Err() != nil:
		return nil, fmt.Errorf("asking %s for %s: %w", c.Where(), name, caller.Err())
	case err != nil:
		return nil, c.brokenOff(name, err)
	case len(b) > engine.MaxConfig:
		return nil, fmt.Errorf("asking %s for %s: %w", c.Where(), name, &engine.LimitError{What: "size of the answer", Limit: engine.MaxConfig})
	}
	img, err := parseImage(b)
	if err != nil {
		return nil, fmt.Errorf("asking %s for %s: %w", c.Where(), name, err)
	}
	return img, nil
}

func parseImage(b []byte) (*Image, error) {
	if err := engine.CheckDepth(b); err != nil {
		return nil, err
	}
	var answer struct {
		ID           string `json:"Id"`
		RepoTags     []string
		RepoDigests  []string
		Architecture string
		OS           string `json:"Os"`
		Size         int64
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, fmt.Errorf("its answer is not the JSON of an image: %w", err)
	}
	if !imageID.MatchString(answer.ID) {
		return nil, fmt.Errorf("its answer has no image ID: %q", shorten(answer.ID, 80))
	}
	slices.Sort(answer.RepoTags)
	slices.Sort(answer.RepoDigests)
	return &Image{ID: engine.Digest(answer.ID), RepoTags: answer.RepoTags, RepoDigests: answer.RepoDigests,
		Architecture: answer.Architecture, OS: answer.OS, Size: answer.Size}, nil
}

// Export streams an image, by its name or ID, as the archive that docker save writes: a tar whose layers may come before the manifest.json
// that orders them. The stream ends with io.EOF only when the archive is whole. The caller closes it; ctx ends it. Errors are as of
// Inspect.
func (c *Client) Export(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := c.checkName(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.get(ctx, "/images/"+name+"/get")
	if err != nil {
		err = c.unreachable(ctx, err)
		cancel(nil)
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		err := errors.Join(c.statusError(name, resp), resp.Body.Close())
		cancel(nil)
		return nil, err
	}
	a := &exportStream{body: resp.Body, client: c, name: name, ctx: ctx, cancel: cancel, timeout: exportTimeouts * c.options.Timeout}
	a.timer = time.AfterFunc(a.timeout, func() { cancel(&stallError{a.timeout}) })
	a.timer.Stop()
	return a, nil
}

// checkName refuses a name that would be another path in a URL.
func (c *Client) checkName(name string) error {
	parts := strings.Split(name, "/")
	if imageName.MatchString(name) && !slices.Contains(parts, "") && !slices.Contains(parts, ".") && !slices.Contains(parts, "..") {
		return nil
	}
	return engine.Hint(engine.Usage("%q is no image of a daemon", shorten(name, 200)),
		"%s images lists them: %[1]s:NAME, %[1]s:NAME:TAG or %[1]s:ID", c.options.Program)
}

// statusError is the error of an answer whose status is no success.
func (c *Client) statusError(name string, resp *http.Response) error {
	what := fmt.Sprintf("asking %s for %s", c.Where(), name)
	if resp.StatusCode == http.StatusNotFound {
		return engine.Hint(fmt.Errorf("%s: %w", what, ErrNotFound),
			"%s pull %s; from its registry, without the daemon: registry:%[2]s", c.options.Program, name)
	}
	err := fmt.Errorf("%s: %d %s", what, resp.StatusCode, http.StatusText(resp.StatusCode))
	b, readErr := io.ReadAll(io.LimitReader(resp.Body, maxErrorAnswer))
	var answer struct{ Message string }
	if readErr == nil && engine.CheckDepth(b) == nil && json.Unmarshal(b, &answer) == nil && answer.Message != "" {
		err = fmt.Errorf("%w: %q", err, shorten(answer.Message, 300))
	}
	return engine.Hint(err, "see what %s save %s says", c.options.Program, name)
}

// brokenOff is the error of an answer that does not end as it should.
func (c *Client) brokenOff(name string, err error) error {
	return engine.Hint(fmt.Errorf("asking %s for %s: its answer broke off: %w", c.Where(), name, err),
		"see what %s save %s says", c.options.Program, name)
}

// shorten cuts text that a daemon or an environment brought to n bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
