package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// File is one loose file, folder or symbolic link.
type File struct {
	strict.At
	Path      string `yaml:"path,required"` // where it is in the system
	Directory bool   `yaml:"directory"`     // it is a directory
	Symlink   string `yaml:"symlink"`       // it is a symbolic link to this
	Contents  Text   `yaml:"contents"`      // text that is in it
	Source    string `yaml:"source"`        // file that is copied, from the manifest's folder
	Metadata  string `yaml:"metadata"`      // yaml or json: this manifest is in it
	Optional  bool   `yaml:"optional"`      // a source that is not there is left out
	Mode      Octal  `yaml:"mode"`          // permissions, "0600" by default, of a directory "0700"
	UID       ID     `yaml:"uid"`           // owner: a number or the name of an entry
	GID       ID     `yaml:"gid"`           // group: a number or the name of an entry
}

// Forms of a file that holds the manifest.
const (
	MetadataYAML = "yaml"
	MetadataJSON = "json"
)

// Perm returns the permission bits: the mode of the manifest, or 0600, or 0700
// for a folder. The special bits are those of chmod(2).
func (f File) Perm() uint32 {
	switch {
	case f.Mode != "":
		return f.Mode.Bits()
	case f.Directory:
		return 0o700
	}
	return 0o600
}

// Local reports whether the manifest lies in a folder here, which source is relative to.
func (f File) Local() bool { return local(f.Place.File) }

// Clean returns the path of the file inside the image, without a leading slash, or ""
// where it is the root itself or leads out of it.
func (f File) Clean() string { return strings.TrimPrefix(path.Clean("/"+f.Path), "/") }

// Check finds contradictions within the file.
func (f *File) Check() []strict.Problem {
	var problems []strict.Problem
	if f.Has("path") && f.Clean() == "" {
		problems = append(problems, f.Problem("path", "%q is not a path inside the image", f.Path))
	}
	if forms := []string{MetadataYAML, MetadataJSON}; f.Metadata != "" && !slices.Contains(forms, f.Metadata) {
		problems = append(problems,
			f.Problem("metadata", "%q must be %s%s", f.Metadata, strings.Join(forms, " or "), meant(f.Metadata, forms)))
	}
	if text := f.contradiction(); text != "" {
		problems = append(problems, f.Problem("", "%s", text))
	}
	return problems
}

// contradiction applies LinuxKit's rules for what a file may be made of.
func (f File) contradiction() string {
	inline := f.Directory || f.Symlink != "" || f.Has("contents")
	switch {
	case inline && (f.Source != "" || f.Metadata != ""):
		return "has contents of its own (directory, symlink or contents) and a source or metadata; keep one"
	case f.Source != "" && f.Metadata != "":
		return "has a source and metadata; keep one"
	case f.Directory && f.Has("contents"):
		return "is a directory and has contents; keep one"
	case !inline && f.Source == "" && f.Metadata == "":
		return "has nothing in it; give contents, source, symlink, metadata or directory: true"
	}
	return ""
}

// Text is the content of a file, written into the manifest.
type Text struct {
	Value string
	first strict.Place // of the first line of the text, where it is written line by line
}

// DecodeYAML reads the text.
func (t *Text) DecodeYAML(n strict.Node) {
	n.Into(&t.Value)
	if n.IsBlock() {
		t.first = n.Place()
		t.first.Line++ // behind the line with the | that begins it
	}
}

// String returns the text.
func (t Text) String() string { return t.Value }

// PlaceOf returns where a line of the text stands, counted from 1, or fallback where
// the manifest does not have the text line by line.
func (t Text) PlaceOf(line int, fallback strict.Place) strict.Place {
	if t.first.Line == 0 || line == 0 {
		return fallback
	}
	return strict.Place{File: t.first.File, Line: t.first.Line + line - 1, Column: 1}
}
