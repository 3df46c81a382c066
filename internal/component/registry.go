package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Times after which a registry counts as gone.
const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second // from the request to the first byte of the answer
	stallTimeout   = 30 * time.Second // without a byte of a layer
	AskTimeout     = 2 * time.Minute  // all questions about one component, its layers not counted
)

// maxAnswerBytes bounds what a registry answers, layers and configs not counted: those
// have their size in the manifest.
const maxAnswerBytes = 8 << 20

// Registry is how images are fetched: through which mirrors, and how patiently.
type Registry struct {
	Mirrors  []string // [REGISTRY=]URL, as LinuxKit's --mirror
	Insecure []string // registries that speak plain HTTP; loopback ones always may

	once      sync.Once
	transport http.RoundTripper
}

// locate returns the repository that stands for repo: in its mirror, if it has one.
func (r *Registry) locate(repo name.Repository) (name.Repository, error) {
	for _, m := range r.Mirrors {
		host, address, keyed := strings.Cut(m, "=")
		if !keyed {
			host, address = "", m
		}
		if host == "" || host == "*" || sameRegistry(host, repo.RegistryStr()) {
			return mirrored(address, repo.RepositoryStr())
		}
	}
	return name.NewRepository(repo.Name(), r.nameOptions(repo.RegistryStr())...)
}

func (r *Registry) nameOptions(host string) []name.Option {
	for _, insecure := range r.Insecure {
		if insecure == host {
			return []name.Option{name.Insecure}
		}
	}
	return nil
}

// sameRegistry knows the several names of Docker Hub.
func sameRegistry(host, registry string) bool {
	if host == "docker.io" || host == "registry-1.docker.io" {
		host = name.DefaultRegistry
	}
	return host == registry
}

func mirrored(address, repository string) (name.Repository, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return name.Repository{}, fmt.Errorf("--mirror %s: must be [REGISTRY=]http(s)://HOST", address)
	}
	var options []name.Option
	if u.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	path := strings.Trim(u.Path, "/")
	if path != "" {
		path += "/"
	}
	return name.NewRepository(u.Host+"/"+path+repository, options...)
}

func (r *Registry) options() []remote.Option {
	return []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(r.roundTripper()),
		remote.WithUserAgent("linuxkit-action"),
	}
}

func (r *Registry) roundTripper() http.RoundTripper {
	r.once.Do(func() {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
		t.ResponseHeaderTimeout = headerTimeout
		t.MaxIdleConnsPerHost = fetchesAtOnce
		r.transport = bounded{t}
	})
	return r.transport
}

// bounded cuts off answers that are no blob and do not end.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil && !strings.Contains(request.URL.Path, "/blobs/") {
		response.Body = &boundedBody{response.Body, maxAnswerBytes}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: an answer of more than %d MiB", ErrMalformed, maxAnswerBytes>>20)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Classify gives an error of a registry its kind.
func Classify(err error) error {
	var answer *transport.Error
	if errors.As(err, &answer) {
		switch {
		case answer.StatusCode == http.StatusNotFound:
			return fmt.Errorf("%w: the registry has nothing under this name; check the spelling and the tag", ErrNotFound)
		case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
			return fmt.Errorf("%w: the registry refuses to show it (%d); log in with docker login, or check the name", ErrNotFound, answer.StatusCode)
		case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
