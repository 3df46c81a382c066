package component_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
)

// Resolve the images of a manifest, lock them, and unpack one.
func Example() {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	if err := pushImage(strings.TrimPrefix(server.URL, "http://") + "/acme/web:1"); err != nil {
		fmt.Println(err)
	}
	if err := resolveAndUnpack(context.Background(), server.URL); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ghcr.io/acme/web:1 1 true
	// [web.conf]
}

func resolveAndUnpack(ctx context.Context, mirror string) error {
	text := "services: [{name: web, image: 'ghcr.io/acme/web:1'}]"
	m, err := manifest.Load(ctx, []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		return err
	}
	from := &component.Registry{Mirrors: []string{"ghcr.io=" + mirror}}
	set, err := component.Resolve(ctx, m, "amd64", from, progress.Silent())
	if err != nil {
		return err
	}
	l, err := set.Lock()
	if err != nil {
		return err
	}
	web := set.Components[0]
	fmt.Println(web.Canonical(), len(l.Images), web.Pinned())

	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cache, err := component.OpenCache(dir)
	if err != nil {
		return err
	}
	image, err := web.Unpack(ctx, cache, progress.Silent())
	if err != nil {
		return err
	}
	defer image.Close()
	fmt.Println(image.Tree.Names("etc"))
	return nil
}

func pushImage(reference string) error {
	image, err := crane.Image(map[string][]byte{"etc/web.conf": []byte("listen 80")})
	if err != nil {
		return err
	}
	return crane.Push(image, reference)
}
