package build

import (
	"bytes"
	"fmt"
	"io"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// packageDatabase is where apk keeps the list of what is installed.
const packageDatabase = "lib/apk/db/installed"

// maxDatabases bounds all lists together. Alpine's of 200 packages has 0.5 MB.
const maxDatabases = 64 << 20

// joinPackages makes one list of those that several init images brought, so that who
// looks for known holes sees the packages of all, not those of the last image alone.
func (l *layout) joinPackages(databases []*tree.Inode) error {
	if len(databases) < 2 {
		return nil
	}
	var all bytes.Buffer
	for _, db := range databases {
		if db.Size > maxDatabases-int64(all.Len()) {
			return fmt.Errorf("%w: the init images' lists of packages (/%s) have more than %d MiB", tree.ErrTooLarge,
				packageDatabase, maxDatabases>>20)
		}
		if _, err := io.Copy(&all, db.Open()); err != nil {
			return err
		}
		all.WriteString("\n\n")
	}
	origin := tree.Origin{Source: sourcePackages, Location: "init"}
	return l.Root.Put(packageDatabase, tree.File(0o644, all.Bytes()).From(origin))
}
