package lock_test

import (
	"fmt"

	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/manifest"
)

const file = `version: 1
images:
  docker.io/library/alpine:3.20:
    digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    platforms:
      linux/amd64: sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
`

func ExampleLock_ByReference() {
	l, err := lock.Parse("linuxkit.lock", []byte(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	reference, err := manifest.ParseReference("alpine:3.20")
	if err != nil {
		fmt.Println(err)
		return
	}
	if image, ok := l.ByReference()[reference.Name()]; ok {
		fmt.Println(image.IndexDigest)
	}
	// Output: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
}

func ExampleParse_errors() {
	_, err := lock.Parse("linuxkit.lock", []byte("version: 1\nimages: {alpine: {digest: latest}}\n"))
	fmt.Println(err)
	// Output: linuxkit.lock:2:27: images: alpine: digest: "latest" must be a digest: sha256: and 64 hexadecimal digits
}

func ExampleLock_Changes() {
	old, err := lock.Parse("linuxkit.lock", []byte(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, change := range old.Changes(lock.New()) {
		fmt.Println(change.Reference, "removed:", change.New == nil)
	}
	// Output: docker.io/library/alpine:3.20 removed: true
}
