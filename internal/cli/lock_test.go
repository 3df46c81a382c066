package cli

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/manifest"
)

func TestWriteChanges(t *testing.T) {
	t.Parallel()
	at := func(digit, signer string) *lock.Image {
		return &lock.Image{IndexDigest: lock.Digest{Hash: v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)}}, Signer: signer}
	}
	var out strings.Builder
	err := writeChanges(&out, "linuxkit.lock", []lock.Change{
		{Reference: "a", New: at("a", "")},
		{Reference: "longer", Old: at("a", ""), New: at("b", "")},
		{Reference: "c", Old: at("a", "")},
		{Reference: "d", Old: at("a", ""), New: at("a", "key sha256:1")},
		{Reference: "e", Old: at("a", "key sha256:1"), New: at("a", "")},
	})
	want := `linuxkit.lock:
  a       new → aaaaaaaaaaaa
  longer  aaaaaaaaaaaa → bbbbbbbbbbbb
  c       aaaaaaaaaaaa → removed
  d       aaaaaaaaaaaa, signed by key sha256:1
  e       aaaaaaaaaaaa, no signer recorded
`
	if err != nil || out.String() != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, out.String(), want)
	}
}

func TestUpdateRejectsUnknownImages(t *testing.T) {
	t.Parallel()
	text := "init: [linuxkit/init:1]\nservices: [{name: web, image: nginx}, {name: other, image: alpine}]"
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	old := lock.New()
	for _, repository := range []string{"linuxkit/init:1", "library/nginx", "library/alpine", "library/gone"} {
		old.Images["docker.io/"+repository] = lock.Image{}
	}
	for name, want := range map[string]string{
		"web": "docker.io/library/nginx", "nginx": "docker.io/library/nginx", "docker.io/library/nginx": "docker.io/library/nginx",
		"init": "docker.io/linuxkit/init:1", "linuxkit/init:1": "docker.io/linuxkit/init:1",
	} {
		kept, err := keptLock(old, m, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		if _, there := kept.Images[want]; there || len(kept.Images) != 3 || len(old.Images) != 4 {
			t.Errorf("%s: kept %v", name, kept.Images)
		}
	}
	for name, want := range map[string]string{
		"wbe":  "did you mean web?",
		"gone": "use one of init, linuxkit/init:1, web, nginx, other, alpine",
		"":     "no such image",
	} {
		for _, l := range []*lock.Lock{old, nil} {
			if _, err := keptLock(l, m, []string{"other", name}); !errors.Is(err, errUsage) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}
