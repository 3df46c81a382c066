package build

import (
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/manifest"
)

// The manifest in the image builds the same image.
func TestMetadataRebuildsTheImage(t *testing.T) {
	t.Parallel()
	fx := newFixture(t)
	set, err := fx.assemble(manifestText+"  - {path: etc/linuxkit.yml, metadata: yaml}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(readInitrd(t, set)["etc/linuxkit.yml"], " 0 ")
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	if m.Onboot[0].Name != "first" || m.Files[1].Metadata != "yaml" || string(m.Kernel.Image) != fx.host+"/kernel:1" {
		t.Errorf("%s", text)
	}
	again, err := fx.assemble(text, nil)
	if err != nil || again.Files[1].SHA256 != set.Files[1].SHA256 {
		t.Errorf("the image differs: %v", err)
	}
}
