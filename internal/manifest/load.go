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
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// ErrInvalid is wrapped by the error for a manifest that cannot be built.
var ErrInvalid = strict.ErrInvalid

// ErrUnreadable is wrapped by the error for a manifest that is not there.
var ErrUnreadable = errors.New("no manifest to read")

// Options say how manifests are read.
type Options struct {
	Stdin   io.Reader // what "-" reads
	Offline bool      // a manifest at a URL is refused
}

// Names of manifests that are no file here.
const (
	stdin     = "-"
	stdinName = "(standard input)"
)

// fetchTimeout bounds the wait for a manifest at a URL.
const fetchTimeout = time.Minute

// Load reads the files in order and merges them as LinuxKit does: lists are joined,
// the last kernel setting wins. "-" is standard input; a manifest may lie at a URL as
// well. The documents of one file (---) are merged like files. The error tells every
// mistake in every file and wraps ErrInvalid, or ErrUnreadable.
func Load(ctx context.Context, paths []string, opts Options) (*Manifest, error) {
	merged := &Manifest{}
	var problems []strict.Problem
	for _, path := range paths {
		mistakes, err := merged.load(ctx, path, opts)
		if err != nil {
			return nil, err
		}
		problems = append(problems, mistakes...)
	}
	problems = append(problems, merged.crossCheck()...)
	if err := strict.Join(problems); err != nil {
		return nil, err
	}
	return merged, nil
}

// load adds one file. What could be understood is there beside the mistakes, so
// that a misspelt key does not hide what else is wrong.
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
		mistakes, err := problemsIn(document.Decode(part))
		if err != nil {
			return nil, err
		}
		problems = append(problems, mistakes...)
		m.merge(part)
	}
	return problems, nil
}

// problemsIn returns the mistakes that an error tells, or the error if it is of
// another kind.
func problemsIn(err error) ([]strict.Problem, error) {
	var mistakes *strict.Error
	if errors.As(err, &mistakes) {
		return mistakes.Problems, nil
	}
	return nil, err
}

func open(ctx context.Context, path string, opts Options) (string, io.ReadCloser, error) {
	switch {
	case path == stdin:
		return stdinName, io.NopCloser(opts.Stdin), nil
	case isURL(path) && opts.Offline:
		return path, nil, fmt.Errorf("%s is on the network, which --offline forbids; fetch it first", path)
	case isURL(path):
		r, err := fetch(ctx, path)
		return path, r, err
	}
	f, err := os.Open(path)
	if err != nil {
		return path, nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return path, nil, fmt.Errorf("%s is a folder; name the manifest in it", path)
	}
	return path, f, nil
}

func isURL(path string) bool {
	return strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://")
}

// local reports whether a manifest lies in a folder here; standard input counts as
// lying in the working directory.
func local(file string) bool { return !isURL(file) }

// fetch asks for a manifest at a URL. LinuxKit takes whatever answer comes for the
// manifest; here only a success is one.
func fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
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
		return nil, fmt.Errorf("%s: the server answers %s", address, response.Status)
	}
	return body, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// baseName is LinuxKit's rule for the name of what is built.
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
