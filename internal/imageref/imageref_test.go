package imageref

import (
	"errors"
	"strings"
	"testing"
)

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestEverySpellingHasOneName(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"docker.io/library/alpine": {
			"alpine", "library/alpine", "docker.io/alpine", "docker.io/library/alpine", "index.docker.io/alpine",
			"registry-1.docker.io/library/alpine", "Docker.IO/alpine", "docker.io./alpine", "docker.io:443/alpine",
			"INDEX.docker.io.:0443/library/alpine", "registry.hub.docker.com/library/alpine", "docker.io:/alpine",
		},
		"docker.io/acme/x":      {"acme/x", "docker.io/acme/x", "Registry-1.Docker.io/acme/x"},
		"ghcr.io/acme/x":        {"ghcr.io/acme/x", "GHCR.io/acme/x", "ghcr.io:443/acme/x", "ghcr.io./acme/x", "ghcr.io:00443/acme/x"},
		"localhost/acme/x":      {"localhost/acme/x", "LOCALHOST/acme/x", "localhost:80/acme/x"},
		"localhost:5000/acme/x": {"LOCALHOST:5000/acme/x", "localhost.:5000/acme/x", "localhost:05000/acme/x"},
		"[::1]:5000/acme/x":     {"[0:0:0:0:0:0:0:1]:5000/acme/x", "[::0001]:5000/acme/x"},
		"127.0.0.1:5000/acme/x": {"[::ffff:127.0.0.1]:5000/acme/x", "127.0.0.1.:5000/acme/x"},
		"registry:443/acme/x":   {"registry:443/acme/x", "registry./acme/x", "REGISTRY:/acme/x"},
		"example.com:80/acme/x": {"Example.com:80/acme/x"}, // HTTPS on port 80

		"evil.example/index.docker.io/acme/x": {"evil.example/index.docker.io/acme/x"},
	} {
		for _, spelling := range spellings {
			reference, err := ParseReference(spelling + ":1@" + digest)
			if err != nil {
				t.Errorf("%s: %v", spelling, err)
				continue
			}
			if got := OfRepository(reference.Context()); got != want {
				t.Errorf("%s: requests go to %s, want %s", spelling, got, want)
			}
			if got := Canonical(spelling + ":1"); got != want+":1" {
				t.Errorf("%s: canonical form is %s, want %s:1", spelling, got, want)
			}
		}
	}
}

func TestRejectsAmbiguousNames(t *testing.T) {
	t.Parallel()
	for _, image := range []string{
		"ghcr.io/foo/../acme/x", "ghcr.io/acme//x", "ghcr.io/./acme/x", "ghcr.io/acme/x/", "/acme/x", "ghcr.io//x", "",
		"ghcr.io/acme%2fx", "ghcr.io/Acme/x", "Acme/x", "ghcr.io/acme/x:", "ghcr.io/acme/x@", "ghcr.io:0/a/x", "ghcr.io:65979/a/x",
		"ghcr。io/acme/x", "ｇhcr.io/acme/x", "gh\u200bcr.io/acme/x", "user@ghcr.io/acme/x", "ghcr.io..:443/a/x", "-x.io/a/b",
		"127.1:5000/acme/x", "0x7f.1/acme/x", "2130706433:5000/a/x", "127.0.0.01:5000/a/x", "[::1%25eth0]:5000/a/x", "[::1/a/x",
		"docker://t/svc:1", "a.b/" + strings.Repeat("x", maxBytes), "ghcr.io\\x/a/b", "ghcr.io?/a/b", "ghcr.io#/a/b",
	} {
		if reference, err := ParseReference(image); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.60q: %v, %v", image, reference, err)
		}
	}
	_, err := Parse("ghcr.io/Acme/X")
	if err == nil || !strings.Contains(err.Error(), "write it in lower case: acme/x") {
		t.Errorf("no remedy: %v", err)
	}
}

func TestAliasesAreOneRegistry(t *testing.T) {
	t.Parallel()
	for _, host := range []string{DockerHub, "ghcr.io", "localhost:5000"} {
		for _, alias := range Aliases(host) {
			if got, err := Host(alias); err != nil || got != host {
				t.Errorf("%s: %s, %v; want %s", alias, got, err, host)
			}
		}
	}
}

func TestLoopbackHosts(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "a.localhost": true, "127.0.0.2:5000": true, "[::1]:5000": true,
		"localhost.example": false, "127.0.0.1.example": false, "10.0.0.1": false, "ghcr.io": false,
	} {
		if IsLoopback(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

// FuzzParse checks that normalization is stable, and that go-containerregistry sends
// requests to the host and the path of the normalized name.
func FuzzParse(f *testing.F) {
	f.Add("Docker.io:443/alpine:3@" + digest)
	f.Add("[::1]:5000/a/b:1")
	f.Fuzz(func(t *testing.T, image string) {
		n, err := Parse(image)
		if err != nil {
			return
		}
		if again, err := Parse(n.String()); err != nil || again != n {
			t.Fatalf("%q: %+v, then %+v, %v", image, n, again, err)
		}
		reference, err := ParseReference(image)
		if err == nil && OfRepository(reference.Context()) != n.Repository() {
			t.Errorf("%q: requests go to %s, rules match %s", image, reference.Context(), n.Repository())
		}
	})
}
