package build

import (
	"bytes"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// packageDatabase is the path of apk's list of installed packages.
const packageDatabase = "lib/apk/db/installed"

// maxDatabases bounds all package lists together, in bytes. A list of 200 packages has
// 0.5 MB.
const maxDatabases = 64 << 20

// mergePackageDatabases concatenates the package lists of the init images, so that a
// vulnerability scanner finds the packages of all of them, not of the last one only.
func (a *assembler) mergePackageDatabases(databases []*tree.Inode) error {
	if len(databases) < 2 {
		return nil
	}
	var all bytes.Buffer
	for _, db := range databases {
		if db.Size > maxDatabases-int64(all.Len()) {
			return fmt.Errorf("%w: package lists of the init images (/%s) exceed %d MiB",
				tree.ErrTooLarge, packageDatabase, maxDatabases>>20)
		}
		if _, err := io.Copy(&all, db.Open()); err != nil {
			return err
		}
		all.WriteString("\n\n")
	}
	origin := tree.Origin{Source: sourcePackages, Location: "init"}
	return a.Root.Put(packageDatabase, tree.File(0o644, all.Bytes()).From(origin))
}
