package artifacts

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRejectsHostileList: a list that build cannot have written. Each case changes one
// value of a valid list.
func TestRejectsHostileList(t *testing.T) {
	t.Parallel()
	path := func(value string) func(*Set) { return func(s *Set) { s.Files[0].Path = value } }
	name := func(value string) func(*Set) { return func(s *Set) { s.Name = value } }
	for title, tt := range map[string]struct {
		change func(*Set)
		want   string
	}{
		"path outside the folder":      {change: path("../x"), want: `"../x": has a path separator`},
		"absolute path":                {change: path("/etc/passwd"), want: "has a path separator"},
		"path in a subfolder":          {change: path("a/b"), want: "has a path separator"},
		"path with a backslash":        {change: path(`..\x`), want: "has a path separator"},
		"path is the folder":           {change: path("."), want: "not a file name"},
		"path is the folder above":     {change: path(".."), want: "not a file name"},
		"no path":                      {change: path(""), want: "not a file name"},
		"path with a newline":          {change: path("a\nb"), want: `"a\nb": has a control character`},
		"path with an escape sequence": {change: path("a\x1b[2Jb"), want: "has a control character"},
		"path with a bidi override":    {change: path("a\u202eb"), want: "has a control character"},
		"path is a list":               {change: path("b-artifacts.json"), want: "cannot list a list"},
		"long path":                    {change: path(strings.Repeat("a", 201)), want: "longer than 200 bytes"},
		"name outside the folder":      {change: name("../../x"), want: "has a path separator"},
		"name is the folder above":     {change: name(".."), want: "not a file name"},
		"name with a newline":          {change: name("os\n::error::x"), want: "has a control character"},
		"no name":                      {change: name(""), want: "not a file name"},
		"no files":                     {change: func(s *Set) { s.Files, s.Components = nil, nil }, want: "lists no files"},
		"short digest":                 {change: func(s *Set) { s.Files[0].SHA256 = "aa" }, want: "not 64 hexadecimal digits"},
		"digest with an escape":        {change: func(s *Set) { s.Files[0].SHA256 = "\x1b[2J" }, want: "not 64 hexadecimal digits"},
		"negative size":                {change: func(s *Set) { s.Files[0].Size = -1 }, want: "negative size"},
		"kind with a newline":          {change: func(s *Set) { s.Files[0].Kind = "a\nb" }, want: "control character"},
		"arch with a newline":          {change: func(s *Set) { s.Arch = "a\nb" }, want: "control character"},
		"component with a newline":     {change: func(s *Set) { s.Components[0].Name = "a\nb" }, want: "control character"},
		"SBOM that is not listed":      {change: func(s *Set) { s.Components[0].SBOMs = []string{"x"} }, want: "is not in files"},
		"one path with two digests":    {change: func(s *Set) { s.Files[1].Path = s.Files[0].Path }, want: "two digests"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var set Set
			if err := json.Unmarshal([]byte(validList), &set); err != nil {
				t.Fatal(err)
			}
			tt.change(&set)
			text, err := set.JSON()
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(folder(t, map[string]string{"a-artifacts.json": string(text)}))
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			if !printable(err.Error()) {
				t.Errorf("not printable: %q", err)
			}
		})
	}
}

// TestRejectsLinksInTheFolder: a listed file that is a link would be read from elsewhere.
func TestRejectsLinksInTheFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"os-artifacts.json": validList, "secret": "x"})
	link := filepath.Join(dir, "os-kernel")
	if err := os.Symlink("secret", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
	// A link that replaces the file after the list is read.
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret", link); err != nil {
		t.Fatal(err)
	}
	if f, err := set.Open(set.Files[0]); err == nil {
		f.Close()
		t.Error("opened a link")
	}
}
