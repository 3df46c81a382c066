package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// PrepareVolume mounts what containers bind of the volume in dir, its directory
// "merged": lower with an overlay in memory, as LinuxKit's 005-volumes does, or lower
// alone and read-only where the builder has left no "tmp" for what is written.
func PrepareVolume(dir string) error {
	lower, tmp, merged := filepath.Join(dir, "lower"), filepath.Join(dir, "tmp"), filepath.Join(dir, "merged")
	if _, err := os.Stat(tmp); errors.Is(err, fs.ErrNotExist) {
		return NewMount("", lower, merged, []string{"bind", "ro"}).Do()
	}
	if err := NewMount("tmpfs", "tmpfs", tmp, nil).Do(); err != nil {
		return err
	}
	options := []string{"lowerdir=" + lower, "upperdir=" + filepath.Join(tmp, "upper"), "workdir=" + filepath.Join(tmp, "work")}
	return NewMount("overlay", "overlay", merged, options).Do()
}
