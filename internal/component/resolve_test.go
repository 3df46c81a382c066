package component

import (
	"errors"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/image"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	missing := host + "/acme/web@sha256:" + strings.Repeat("0", 64)
	digest := image.Push(t, imageWith(t, "1"), host+"/acme/web:1")
	mirror := func(m string) *Registry { return &Registry{Mirrors: []string{m}} }
	for name, tt := range map[string]struct {
		reference string
		registry  *Registry
		want      error
	}{
		"by tag":                             {reference: host + "/acme/web:1", registry: &Registry{}},
		"by digest":                          {reference: host + "/acme/web@" + digest.String(), registry: &Registry{}},
		"through a mirror":                   {reference: "ghcr.io/acme/web:1", registry: mirror("ghcr.io=http://" + host)},
		"through a mirror of Docker Hub":     {reference: "acme/web:1", registry: mirror("docker.io=http://" + host)},
		"through a mirror of all registries": {reference: "quay.io/acme/web:1", registry: mirror("http://" + host)},
		"no such tag":                        {reference: host + "/acme/web:2", registry: &Registry{}, want: ErrNotFound},
		"no such digest":                     {reference: missing, registry: &Registry{}, want: ErrNotFound},
		"connection refused":                 {reference: "127.0.0.1:1/acme/web:1", registry: &Registry{}, want: ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := resolve(t, tt.reference, tt.registry)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if err == nil && (set.Components[0].PlatformDigest != digest || set.Components[0].CompressedSize() == 0) {
				t.Errorf("got %+v", set.Components[0])
			}
		})
	}
}

func TestRejectsInvalidMirrors(t *testing.T) {
	t.Parallel()
	for _, mirror := range []string{"ghcr.io=ftp://x", "nonsense", "a=b=c", "ghcr.io="} {
		_, err := resolve(t, "ghcr.io/x/y:1", &Registry{Mirrors: []string{mirror}})
		if err == nil || !strings.Contains(err.Error(), "--mirror") {
			if mirror == "a=b=c" && err != nil {
				continue // a mirror of another registry
			}
			t.Errorf("%s: %v", mirror, err)
		}
	}
}
