package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/network"
	"github.com/org/linuxkit-action/internal/workspace"
)

// ErrInvalid is wrapped by the error for an invalid manifest.
var ErrInvalid = strict.ErrInvalid

// ErrUnreadable is wrapped by the error for a manifest that cannot be read.
var ErrUnreadable = errors.New("cannot read manifest")

// Options configure Load.
type Options struct {
	Stdin   io.Reader // source of "-"
	Offline bool      // reject a manifest at a URL
}

// Names of standard input, on the command line and in errors.
const (
	stdin     = "-"
	stdinName = "(standard input)"
)

// fetchTimeout bounds the download of a manifest.
const fetchTimeout = time.Minute

// Load reads the manifests in order and merges them as LinuxKit does: lists are
// concatenated, a later kernel setting replaces an earlier one. A path may be "-" for
// standard input, or a URL. The documents of one file (---) are merged like files. The
// error wraps ErrUnreadable, or it is a *strict.Error with the errors of all files, which
// wraps ErrInvalid.
func Load(ctx context.Context, paths []string, opts Options) (*Manifest, error) {
	merged := &Manifest{}
	var problems []strict.Problem
	for _, path := range paths {
		found, err := merged.load(ctx, path, opts)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	problems = append(problems, merged.validate()...)
	if err := strict.Join(problems); err != nil {
		return nil, err
	}
	return merged, nil
}

// load merges one file. It merges the valid parts of an invalid file too, so that a
// misspelled key does not hide other errors.
func (m *Manifest) load(ctx context.Context, path string, opts Options) ([]strict.Problem, error) {
	name, r, err := open(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer r.Close()
	data, err := strict.Read(name, r)
	var documents []strict.Document
	if err == nil {
		documents, err = strict.Documents(name, data)
	}
	if err != nil {
		return problemsIn(err)
	}
	var problems []strict.Problem
	for _, document := range documents {
		part := &Manifest{Name: baseName(path)}
		found, err := problemsIn(document.Decode(part))
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
		m.merge(part)
	}
	return problems, nil
}

// problemsIn returns the problems of a *strict.Error, or any other error.
func problemsIn(err error) ([]strict.Problem, error) {
	var invalid *strict.Error
	if errors.As(err, &invalid) {
		return invalid.Problems, nil
	}
	return nil, err
}

func open(ctx context.Context, path string, opts Options) (string, io.ReadCloser, error) {
	switch {
	case path == stdin:
		return stdinName, io.NopCloser(opts.Stdin), nil
	case isURL(path) && opts.Offline:
		return path, nil, fmt.Errorf("%s: --offline forbids downloads; download the manifest first", path)
	case isURL(path):
		r, err := fetch(ctx, path)
		return path, r, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path, nil, fmt.Errorf("%s is a folder; use the path of the manifest in it", path)
	}
	f, err := workspace.Open(path)
	return path, f, err
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

// isLocal reports whether a manifest is in a folder. Standard input counts as a file in
// the working directory.
func isLocal(file string) bool { return !isURL(file) }

// connections returns the pools of connections to the hosts of manifests.
var connections = sync.OnceValue(func() *network.Pools { return network.NewPools(network.DefaultTransport()) })

// fetch downloads a manifest. Unlike LinuxKit it accepts status 200 only.
func fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := (&http.Client{Transport: connections().Transport("")}).Do(request) //nolint:bodyclose // closed by the caller
	if err != nil {
		cancel()
		return nil, err
	}
	body := struct {
		io.Reader
		io.Closer
	}{response.Body, closer(func() error { defer cancel(); return response.Body.Close() })}
	if response.StatusCode != http.StatusOK {
		body.Close()
		return nil, fmt.Errorf("%s: server responded with %s", address, response.Status)
	}
	return body, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// baseName returns the name of the image as LinuxKit does.
func baseName(name string) string {
	if name == stdin {
		return "moby"
	}
	base := filepath.Base(name)
	if isURL(name) {
		base = path.Base(strings.SplitN(name, "?", 2)[0])
	}
	return strings.TrimSuffix(base, filepath.Ext(base))
}
