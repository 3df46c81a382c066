package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// File is one file, folder or symbolic link of files.
type File struct {
	strict.At
	Path      string `yaml:"path,required"` // path in the image
	Directory bool   `yaml:"directory"`     // create a directory
	Symlink   string `yaml:"symlink"`       // create a symbolic link to this target
	Contents  Text   `yaml:"contents"`      // content, inline
	Source    string `yaml:"source"`        // file to copy, relative to the manifest
	Metadata  string `yaml:"metadata"`      // write this manifest into it, as yaml or json
	Optional  bool   `yaml:"optional"`      // omit the file if its source does not exist
	Mode      Octal  `yaml:"mode"`          // permissions; default "0600", for a directory "0700"
	UID       ID     `yaml:"uid"`           // owner: a number or the name of an entry
	GID       ID     `yaml:"gid"`           // group: a number or the name of an entry
}

// Forms of a file that contains the manifest.
const (
	MetadataYAML = "yaml"
	MetadataJSON = "json"
)

// Perm returns the permission bits with the special bits of chmod(2): the mode, or else
// 0700 for a folder and 0600 for a file.
func (f File) Perm() uint32 {
	switch {
	case f.Mode != "":
		return f.Mode.Bits()
	case f.Directory:
		return 0o700
	}
	return 0o600
}

// Local reports whether the manifest is in a folder, to which source is relative.
func (f File) Local() bool { return isLocal(f.Place.File) }

// Clean returns the path in the image without a leading slash, or "" if it is the root or
// outside of it.
func (f File) Clean() string { return strings.TrimPrefix(path.Clean("/"+f.Path), "/") }

// Check finds errors in the file.
func (f *File) Check() []strict.Problem {
	var problems []strict.Problem
	if f.Has("path") && f.Clean() == "" {
		problems = append(problems, f.Problem("path", "%q is not a path in the image", f.Path))
	}
	if forms := []string{MetadataYAML, MetadataJSON}; f.Metadata != "" && !slices.Contains(forms, f.Metadata) {
		problems = append(problems,
			f.Problem("metadata", "%q must be %s%s", f.Metadata, strings.Join(forms, " or "), suggest(f.Metadata, forms)))
	}
	if text := f.contradiction(); text != "" {
		problems = append(problems, f.Problem("", "%s", text))
	}
	return problems
}

// contradiction applies LinuxKit's rules for the content of a file.
func (f File) contradiction() string {
	inline := f.Directory || f.Symlink != "" || f.Has("contents")
	switch {
	case inline && (f.Source != "" || f.Metadata != ""):
		return "directory, symlink or contents, and also source or metadata; keep one"
	case f.Source != "" && f.Metadata != "":
		return "source and also metadata; keep one"
	case f.Directory && f.Has("contents"):
		return "directory and also contents; keep one"
	case !inline && f.Source == "" && f.Metadata == "":
		return "no content; set contents, source, symlink, metadata or directory: true"
	}
	return ""
}

// Text is the inline content of a file.
type Text struct {
	Value string
	first strict.Place // of the first line, if the text is a literal block
}

// DecodeYAML decodes the text.
func (t *Text) DecodeYAML(n strict.Node) {
	n.Into(&t.Value)
	if n.IsBlock() {
		t.first = n.Place()
		t.first.Line++ // the text starts after the line with the |
	}
}

// String returns the text.
func (t Text) String() string { return t.Value }

// PlaceOf returns the place of a line of the text, counted from 1, or fallback if the text
// is not a literal block.
func (t Text) PlaceOf(line int, fallback strict.Place) strict.Place {
	if t.first.Line == 0 || line == 0 {
		return fallback
	}
	return strict.Place{File: t.first.File, Line: t.first.Line + line - 1, Column: 1}
}
