// Package strict decodes YAML into Go structs and rejects unknown keys, values of another
// type and duplicate keys. It reports all errors of a file at once, each with its place,
// the expected value, and the nearest valid key.
//
// The `yaml` tag names a struct field, or else the `json` tag, as in the structs of the OCI
// specifications. A field tagged `yaml:"name,required"` must be set. A struct that embeds At
// keeps its place in the file, so that later steps report errors at the same place. A type
// with several notations implements Custom; one with rules between its fields implements
// Checked. Encode is the inverse of Decode.
//
// Input is untrusted: its size, its depth and the number of nodes after the expansion of
// aliases are bounded.
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
	MaxBytes = 8 << 20
	maxNodes = 500_000  // parsed and visited; an alias counts each time it is used
	maxText  = 16 << 20 // bytes of all values; an alias counts each time it is used
	maxDepth = 64       // the deepest field of a LinuxKit manifest is at 8

	maxDocuments = 100
	maxProblems  = 1000 // reported of one document
)

// ErrInvalid is wrapped by *Error.
var ErrInvalid = errors.New("invalid")

// Place is a position in a file. Lines and columns start at 1.
type Place struct {
	File         string
	Line, Column int
}

// String returns file:line:column, the format of editors and GitHub.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one error in a file.
type Problem struct {
	Place Place
	Path  string // of the value in the document: services[1] "web": image
	Text  string // the error and the remedy
}

// String returns the problem as one line.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s: %s", p.Place, p.Text)
	}
	return fmt.Sprintf("%s: %s: %s", p.Place, p.Path, p.Text)
}

// Error contains all problems, in the order of their places.
type Error struct{ Problems []Problem }

// Error returns one line for each problem.
func (e *Error) Error() string { return strings.Join(e.Lines(), "\n") }

// Lines returns the problems. A newline in one of them is foreign text.
func (e *Error) Lines() []string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return lines
}

// Unwrap returns ErrInvalid.
func (e *Error) Unwrap() error { return ErrInvalid }

// Join returns the problems as an *Error, sorted by place, or nil if there are none.
func Join(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	order := map[string]int{} // files keep their order
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

// At is embedded in a struct to keep its place in the file.
type At struct {
	Place Place
	Path  string
	keys  map[string]Place
}

// Of returns the place of a key, or that of the struct if the key is not set.
func (a At) Of(key string) Place {
	if p, ok := a.keys[key]; ok {
		return p
	}
	return a.Place
}

// Has reports whether a key is set.
func (a At) Has(key string) bool {
	_, ok := a.keys[key]
	return ok
}

// Problem returns a problem at a key; the key "" is the struct itself.
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

// Read reads the input of Decode, and rejects more than MaxBytes.
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

// Decode decodes the only document in data into the struct that into points to. An error
// is an *Error with all problems.
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
				Text:  "a second document (---) starts here; move it to its own file",
			},
		})
	}
	return documents[0].Decode(into)
}

// Document is one YAML document of a file.
type Document struct {
	file string
	root *yaml.Node
}

// Decode decodes the document into the struct that into points to. An error is an *Error
// with all problems.
func (doc Document) Decode(into any) error {
	d := &decoder{file: doc.file}
	d.value(doc.root, reflect.ValueOf(into).Elem(), "", 0)
	return Join(d.problems)
}

// Documents splits a file at its --- lines. It returns at least one document, or an *Error.
func Documents(file string, data []byte) ([]Document, error) {
	if len(data) > MaxBytes {
		return nil, Join([]Problem{{Place: Place{File: file}, Text: fmt.Sprintf("is larger than %d MiB", MaxBytes>>20)}})
	}
	if countNodes(data) > maxNodes {
		return nil, Join([]Problem{{Place: Place{File: file}, Text: fmt.Sprintf("has more than %d values", maxNodes)}})
	}
	var documents []Document
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, Join([]Problem{syntaxProblem(file, err)})
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

// countNodes returns an upper bound of the values in a YAML text. Parsed, each takes more
// than 100 times the memory of its text.
func countNodes(data []byte) int {
	nodes := 1
	for i, c := range data {
		end := i+1 == len(data) || strings.IndexByte(" \t\r\n", data[i+1]) >= 0
		switch c {
		case ',', '[', '{':
			nodes++
		case ':', '?':
			if end {
				nodes += 2
			}
		case '-':
			if end {
				nodes++
			}
		}
	}
	return nodes
}

// syntaxProblem converts the error "yaml: line 3: did not find …" of the parser.
func syntaxProblem(file string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	place := Place{File: file, Line: 1, Column: 1}
	if n, scanErr := fmt.Sscanf(text, "line %d:", &place.Line); n == 1 && scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return Problem{Place: place, Text: "not YAML: " + strings.TrimSpace(text)}
}

// Inherit adds the keys that are set only in an earlier file.
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
