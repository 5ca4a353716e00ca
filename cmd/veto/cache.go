package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vetoci/veto/engine"
	"github.com/vetoci/veto/engine/image/cache"
	"github.com/vetoci/veto/formats"
)

// cacheFlags say whether what is learned from layers is kept, and how much of it.
type cacheFlags struct {
	limit string
	none  bool
}

// minCache is the least limit that makes sense, in bytes: below, no real layer finds room.
const minCache = 1 << 20

func (f *cacheFlags) add(cmd *cobra.Command) {
	f.addLimit(cmd)
	cmd.Flags().BoolVar(&f.none, "no-cache", false, "neither read nor keep what was learned from layers")
}

func (f *cacheFlags) addLimit(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.limit, "cache-limit", "1GiB", "`SIZE` that the layer cache may have, such as 512MB or 2GiB")
}

// open opens the layer cache, nil when there is none: because of --no-cache, without a folder for it, or where none can be
// made. A folder that others can write is an error, and so is a VETO_CACHE that cannot be a folder.
func (f *cacheFlags) open(sys *system, ws *workspace) (*cache.Cache, error) {
	limit, err := parseSize(f.limit, "--cache-limit")
	if err != nil {
		return nil, err
	}
	dir := inCache(sys, "layers")
	if f.none || dir == "" {
		return nil, nil
	}
	if err := ws.keepsOut("the layer cache", dir, sys.getenv("VETO_CACHE") != ""); err != nil {
		return nil, err
	}
	c, err := cache.Open(dir, limit, sys.now)
	if err == nil {
		return c, nil
	}
	if usage := (*engine.UsageError)(nil); errors.As(err, &usage) {
		return nil, err
	}
	// A VETO_CACHE that may not be written, or a full disk, costs time only: the database in it is still found.
	if sys.getenv("VETO_CACHE") != "" && errors.Is(err, syscall.ENOTDIR) {
		return nil, engine.Hint(&engine.UsageError{Err: err}, "set VETO_CACHE to a folder, or scan with --no-cache")
	}
	return nil, nil
}

// parseSize reads a number of bytes with its unit.
func parseSize(s, from string) (int64, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || strings.ContainsAny(s[digits:], ".,0123456789 ") {
		return 0, engine.Hint(engine.Usage("%s: %q is no size", from, s), "write 512MB or 2GiB")
	}
	scale, err := unit(s[digits:], from)
	if err != nil {
		return 0, err
	}
	if n > math.MaxInt64/scale {
		return 0, engine.Usage("%s: %s is more than there can be", from, s)
	}
	if n *= scale; n < minCache {
		return 0, engine.Hint(engine.Usage("%s: %s is less than 1MiB, in which no layer finds room", from, s), "--no-cache keeps nothing")
	}
	return n, nil
}

func unit(word, from string) (int64, error) {
	units := []struct {
		word  string
		bytes int64
	}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"B", 1}, {"", 1}}
	var words []string
	for _, u := range units {
		if strings.EqualFold(word, u.word) {
			return u.bytes, nil
		}
		if u.word != "" {
			words = append(words, u.word)
		}
	}
	return 0, engine.UnknownWord("unit of "+from, word, words)
}

func newCache(sys *system) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Say what is kept of layers, or remove it",
		Long: `Cache works on the layer cache: what scans found in layers whose content veto has hashed, so that the next image with such a layer
is judged without reading it again. It is the folder layers of VETO_CACHE, else of the user's cache folder.
` + exitStatusPlain,
		Example: "  veto cache status\n  veto cache clean",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return engine.UnknownWord("cache command", args[0], []string{"status", "clean"})
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheStatus(sys), newCacheClean(sys))
	return cmd
}

func newCacheStatus(sys *system) *cobra.Command {
	var f cacheFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how much is kept, where, and when it was used",
		Long: `Status counts the files of the layer cache. It says nothing of their content: what is damaged is read again when a scan needs
it.
` + exitStatusPlain,
		Example: "  veto cache status\n  veto cache status --json",
		Args:    none,
		RunE: func(_ *cobra.Command, _ []string) error {
			status, err := f.kept(sys, (*cache.Cache).Stats)
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			if asJSON {
				enc := json.NewEncoder(formats.SafeJSON(p))
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return enc.Encode(status)
			}
			fmt.Fprintf(p, "%s\n%d layers in %s, %s of at most %s\n", formats.Escape(status.Dir), status.Layers, files(status),
				megabytes(status.Bytes), megabytes(status.Limit))
			if status.Files > 0 {
				fmt.Fprintf(p, "used between %s and %s\n", status.Oldest, status.Newest)
			}
			return p.err
		},
	}
	f.addLimit(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newCacheClean(sys *system) *cobra.Command {
	var f cacheFlags
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what is kept of layers",
		Long: "Clean removes the layer cache's own files and nothing else: not the database, not the folder, not what others put in it.\n" +
			exitStatusPlain,
		Example: "  veto cache clean",
		Args:    none,
		RunE: func(_ *cobra.Command, _ []string) error {
			removed, err := f.kept(sys, (*cache.Cache).Clean)
			if err != nil {
				return err
			}
			p := &printer{w: sys.stdout}
			fmt.Fprintf(p, "%s, %s removed from %s\n", files(removed), megabytes(removed.Bytes), formats.Escape(removed.Dir))
			return p.err
		},
	}
	f.addLimit(cmd)
	return cmd
}

// kept asks the cache for its status or to clean itself. Unlike a scan it makes no folder, and says why there is none.
func (f *cacheFlags) kept(sys *system, ask func(*cache.Cache) (cache.Stats, error)) (status cache.Stats, err error) {
	limit, err := parseSize(f.limit, "--cache-limit")
	if err != nil {
		return status, err
	}
	dir := inCache(sys, "layers")
	if dir == "" {
		return status, engine.Hint(engine.Usage("there is no layer cache: neither VETO_CACHE nor HOME nor XDG_CACHE_HOME is set"),
			"set VETO_CACHE to a folder")
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return cache.Stats{Dir: dir, Limit: limit}, nil
	}
	c, err := cache.Open(dir, limit, sys.now)
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return ask(c)
}

// inCache is a path in VETO_CACHE, else in the user's cache; "" when there is none.
func inCache(sys *system, name string) string {
	dir := sys.getenv("VETO_CACHE")
	if dir == "" {
		dir = sys.cache
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}

func files(s cache.Stats) string {
	if s.Files == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", s.Files)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
