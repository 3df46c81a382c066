package manifest

import (
	"strconv"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// File is one loose file, folder or symbolic link.
type File struct {
	strict.At
	Path      string `yaml:"path,required"`
	Directory bool   `yaml:"directory"`
	Symlink   string `yaml:"symlink"`
	Contents  string `yaml:"contents"`
	Source    string `yaml:"source"`
	Optional  bool   `yaml:"optional"`
	Mode      string `yaml:"mode"` // octal
	UID       ID     `yaml:"uid"`
	GID       ID     `yaml:"gid"`
}

// Perm returns the permission bits: the mode of the manifest, or 0600, or 0700
// for a folder. The special bits are those of chmod(2).
func (f File) Perm() (uint32, error) {
	switch {
	case f.Mode != "":
		mode, err := strconv.ParseUint(f.Mode, 8, 12)
		return uint32(mode), err
	case f.Directory:
		return 0o700, nil
	}
	return 0o600, nil
}

// validate finds contradictions within one file.
func (f File) validate() []strict.Problem {
	var problems []strict.Problem
	if _, err := f.Perm(); err != nil {
		problems = append(problems, f.At.Problem("mode", "%q must be octal, such as \"0644\"", f.Mode))
	}
	if clean(f.Path) == "" {
		problems = append(problems, f.At.Problem("path", "%q is not a path inside the image", f.Path))
	}
	if text := f.contradiction(); text != "" {
		problems = append(problems, f.At.Problem("", "%s", text))
	}
	return problems
}

// contradiction applies LinuxKit's rules for what a file may be made of.
func (f File) contradiction() string {
	inline := f.Directory || f.Symlink != "" || f.Has("contents")
	switch {
	case inline && f.Source != "":
		return "has contents of its own (directory, symlink or contents) and a source; keep one"
	case f.Directory && f.Contents != "":
		return "is a directory and has contents; keep one"
	case !inline && f.Source == "":
		return "has nothing in it; give contents, source, symlink or directory: true"
	}
	return ""
}
