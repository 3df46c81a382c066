// Package strict decodes YAML into Go structs and forgives nothing: a key nobody
// reads, a value of another type, a key given twice are mistakes, and each is told
// with its place in the file, what was expected, and the nearest valid key. All
// mistakes of a file are told at once.
//
// Struct fields are named by their `yaml` tag, or else by their `json` tag, as the
// structs of OCI specifications are; one tagged `yaml:"name,required"` must be given.
// A struct that embeds At learns where in the file it stood, so that a mistake found
// later (an image nobody signed) is still told with its place. A type that is written
// in more than one shape is Custom; one with rules between its fields is Checked.
//
// Encode is the way back: what was given, in the same words.
//
// The files come from strangers: the size of the input, the depth, and the number
// of nodes that aliases unfold to are bounded.
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Bounds of one file.
const (
	MaxBytes = 8 << 20 // of text
	maxNodes = 500_000 // visited, aliases counted each time they are used
	maxDepth = 64      // LinuxKit's deepest field is at 8

	maxDocuments = 100
)

// ErrInvalid is wrapped by every mistake that Decode finds.
var ErrInvalid = errors.New("invalid")

// Place is a position in a file. Lines and columns count from 1.
type Place struct {
	File         string
	Line, Column int
}

// String returns file:line:column, as editors and GitHub read it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one mistake.
type Problem struct {
	Place Place
	Path  string // which part of the document: services[1] "web": image
	Text  string // what is wrong, and what would be right
}

// String returns the problem as one line.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s: %s", p.Place, p.Text)
	}
	return fmt.Sprintf("%s: %s: %s", p.Place, p.Path, p.Text)
}

// Error is all the mistakes found, in the order of their places.
type Error struct{ Problems []Problem }

// Error returns one line for each mistake.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is find ErrInvalid.
func (e *Error) Unwrap() error { return ErrInvalid }

// Join returns the mistakes as an error, sorted by place, or nil where there are none.
func Join(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	order := map[string]int{} // files keep the order in which they come
	for _, p := range problems {
		if _, seen := order[p.Place.File]; !seen {
			order[p.Place.File] = len(order)
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if a.Place.File != b.Place.File {
			return order[a.Place.File] - order[b.Place.File]
		}
		if a.Place.Line != b.Place.Line {
			return a.Place.Line - b.Place.Line
		}
		return a.Place.Column - b.Place.Column
	})
	return &Error{problems}
}

// At is embedded in a struct that wants to know where it stood.
type At struct {
	Place Place
	Path  string
	keys  map[string]Place
}

// Of returns the place of a key, or that of the whole where the key was not given.
func (a At) Of(key string) Place {
	if p, ok := a.keys[key]; ok {
		return p
	}
	return a.Place
}

// Has reports whether the key was given.
func (a At) Has(key string) bool {
	_, ok := a.keys[key]
	return ok
}

// Problem makes a mistake at a key.
func (a At) Problem(key, format string, args ...any) Problem {
	path := a.Path
	switch {
	case path == "":
		path = key
	case key != "":
		path += ": " + key
	}
	return Problem{Place: a.Of(key), Path: path, Text: fmt.Sprintf(format, args...)}
}

// Read reads a file for Decode, and refuses one that is too large.
func Read(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxBytes {
		return nil, &Error{[]Problem{{Place: Place{File: name}, Text: fmt.Sprintf("is larger than %d MiB", MaxBytes>>20)}}}
	}
	return data, nil
}

// Decode fills the struct that into points to from the one document in data. The
// error is an *Error with every mistake.
func Decode(file string, data []byte, into any) error {
	documents, err := Documents(file, data)
	if err != nil {
		return err
	}
	if len(documents) > 1 {
		second := documents[1].root
		return Join([]Problem{
			{
				Place: Place{File: file, Line: second.Line, Column: max(second.Column, 1)},
				Text:  "a second document (---) starts here; put it into a file of its own",
			},
		})
	}
	return documents[0].Decode(into)
}

// Document is one of the documents in a file.
type Document struct {
	file string
	root *yaml.Node
}

// Decode fills the struct that into points to. The error is an *Error with every mistake.
func (doc Document) Decode(into any) error {
	d := &decoder{file: doc.file}
	d.value(doc.root, reflect.ValueOf(into).Elem(), "", 0)
	return Join(d.problems)
}

// Documents takes a file apart at its --- lines. There is at least one, or an *Error.
func Documents(file string, data []byte) ([]Document, error) {
	if len(data) > MaxBytes {
		return nil, Join([]Problem{{Place: Place{File: file}, Text: fmt.Sprintf("is larger than %d MiB", MaxBytes>>20)}})
	}
	var documents []Document
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, Join([]Problem{syntax(file, err)})
		}
		if documents = append(documents, Document{file, node.Content[0]}); len(documents) > maxDocuments {
			return nil, Join([]Problem{
				{Place: Place{File: file, Line: node.Line, Column: 1}, Text: fmt.Sprintf("has more than %d documents", maxDocuments)},
			})
		}
	}
	if len(documents) == 0 {
		return nil, Join([]Problem{{Place: Place{File: file}, Text: "is empty"}})
	}
	return documents, nil
}

// syntax turns the parser's "yaml: line 3: did not find …" into a problem.
func syntax(file string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	place := Place{File: file, Line: 1, Column: 1}
	if n, scanErr := fmt.Sscanf(text, "line %d:", &place.Line); n == 1 && scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return Problem{Place: place, Text: "not YAML: " + strings.TrimSpace(text)}
}

// Inherit adds the keys that only an earlier file gave.
func (a *At) Inherit(earlier At) {
	for key, place := range earlier.keys {
		if _, given := a.keys[key]; !given {
			if a.keys == nil {
				a.keys = map[string]Place{}
			}
			a.keys[key] = place
		}
	}
}
