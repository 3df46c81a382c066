// Package json reads the JSON of a bundle (runtime.json, config.json) into a tree of
// values, and writes it again where one has to be changed.
//
// The standard library's decoder would add 300 KB and reflection to PID 1. This
// one does RFC 8259 and nothing more; where encoding/json accepts a text, so does
// this package, and with the same values, up to its bounds: a fuzz test compares
// the two. All bounds are there because a bundle comes from an image.
package json

import (
	"errors"
	"strconv"
)

// Bounds of a document.
const (
	MaxBytes  = 1 << 20
	MaxDepth  = 64
	MaxValues = 1 << 16
)

// Errors of Parse. ErrSyntax is wrapped with the offset it was found at.
var (
	ErrSyntax   = errors.New("not JSON")
	ErrTooLarge = errors.New("JSON too large: more than 1 MiB, 65536 values or 64 levels")
)

// SyntaxError says where a text stops being JSON.
type SyntaxError struct{ Offset int }

func (e *SyntaxError) Error() string {
	return ErrSyntax.Error() + " at byte " + strconv.Itoa(e.Offset)
}

func (e *SyntaxError) Unwrap() error { return ErrSyntax }

// Kind is the type of a value.
type Kind int

// Kinds. The zero Value is null.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one value with all below it.
type Value struct {
	Kind    Kind
	text    string // of a String; of a Number as it was written; "true" of a Bool
	list    []Value
	members []member
}

type member struct {
	name  string
	value Value
}

// Get returns the member of that name, or null where v has none or is no
// object. Of several members of one name the last counts, as in encoding/json.
func (v Value) Get(name string) Value {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	return Value{}
}

// Text returns the string v is, or "" where it is none.
func (v Value) Text() string {
	if v.Kind != String {
		return ""
	}
	return v.text
}

// True reports whether v is the literal true.
func (v Value) True() bool { return v.Kind == Bool && v.text == "true" }

// List returns the elements of an array, or none where v is no array.
func (v Value) List() []Value { return v.list }

// Texts returns the strings in an array, leaving out what is none.
func (v Value) Texts() []string {
	var texts []string
	for _, e := range v.list {
		if e.Kind == String {
			texts = append(texts, e.text)
		}
	}
	return texts
}

// Each calls fn for every member of an object, in the order of the text.
func (v Value) Each(fn func(name string, value Value)) {
	for _, m := range v.members {
		fn(m.name, m.value)
	}
}
