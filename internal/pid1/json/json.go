// Package json parses the JSON files of a bundle (runtime.json, config.json) into a tree of
// values, and encodes a changed tree.
//
// encoding/json would add 300 KB and reflection to PID 1. This package implements RFC 8259
// only. Within its bounds it accepts the same texts as encoding/json, with the same values;
// a fuzz test compares the two. The bounds exist because bundles come from an image and
// are not trusted.
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

// Errors of Parse. ErrSyntax is wrapped by a SyntaxError.
var (
	ErrSyntax   = errors.New("invalid JSON")
	ErrTooLarge = errors.New("JSON too large: more than 1 MiB, 65536 values or 64 levels")
)

// SyntaxError contains the offset of a syntax error in bytes.
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

// Value is one value with its children.
type Value struct {
	Kind    Kind
	text    string // of a String, unescaped; of a Number or Bool, as written
	list    []Value
	members []member
}

type member struct {
	name  string
	value Value
}

// Get returns the member with a name, or null if v has none or is not an object. Of
// several members with the same name it returns the last, as encoding/json does.
func (v Value) Get(name string) Value {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return v.members[i].value
		}
	}
	return Value{}
}

// Text returns the value of a string, or "" if v is not a string.
func (v Value) Text() string {
	if v.Kind != String {
		return ""
	}
	return v.text
}

// True reports whether v is the literal true.
func (v Value) True() bool { return v.Kind == Bool && v.text == "true" }

// List returns the elements of an array, or none if v is not an array.
func (v Value) List() []Value { return v.list }

// Texts returns the strings in an array, without other elements.
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
