package pid1

import (
	"os"
	"path/filepath"
	"testing"
)

func TestVolumes(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	for _, dir := range []string{"open/lower", "open/tmp", "open/merged", "fixed/lower", "fixed/merged"} {
		if err := os.MkdirAll(filepath.Join(im.dir, "containers/volumes", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	im.file("containers/volumes/open/lower/a", "lower", 0o644)
	im.file("containers/volumes/fixed/lower/a", "fixed", 0o644)
	im.file("etc/init.d/050-try", `#!/bin/sh
cd /containers/volumes
echo "has $(cat open/merged/a) $(cat fixed/merged/a)" >&2
echo new >open/merged/a && echo "open: $(cat open/merged/a), below $(cat open/lower/a)" >&2
(echo new >fixed/merged/a) 2>/dev/null || echo "fixed: $(cat fixed/merged/a)" >&2
`, 0o755)
	g := im.boot()
	g.untilText("has lower fixed")
	g.untilText("open: new, below lower")
	g.untilText("fixed: fixed")
	g.powerOff()
}
