package strict

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Encode returns a value in the form that Decode reads. The fields of a struct keep their
// order: with At the ones that are set, else the ones that are not zero. A type may define
// its form with EncodeYAML or String.
func Encode(value any) *yaml.Node { return encode(reflect.ValueOf(value)) }

func encode(v reflect.Value) *yaml.Node {
	if custom, ok := v.Interface().(interface{ EncodeYAML() any }); ok {
		return encode(reflect.ValueOf(custom.EncodeYAML()))
	}
	if text, ok := v.Interface().(fmt.Stringer); ok {
		return scalar("!!str", text.String())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return encode(v.Elem())
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Slice:
		return encodeList(v)
	case reflect.Map:
		return encodeTable(v)
	case reflect.String:
		return scalar("!!str", v.String())
	case reflect.Bool:
		return scalar("!!bool", strconv.FormatBool(v.Bool()))
	}
	return scalar("!!int", fmt.Sprint(v.Interface()))
}

func scalar(tag, value string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(value) // selects the style of multi-line text
	node.Tag = tag
	return node
}

func encodeStruct(v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	at, hasAt := v.FieldByName("At"), false
	var given At
	if at.IsValid() {
		given, hasAt = at.Interface().(At)
	}
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if value.IsZero() && !(hasAt && given.Has(f.name)) {
			continue
		}
		node.Content = append(node.Content, scalar("!!str", f.name), encode(value))
	}
	return node
}

func encodeList(v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range v.Len() {
		node.Content = append(node.Content, encode(v.Index(i)))
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	return node
}

func encodeTable(v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	for _, key := range keys {
		node.Content = append(node.Content, scalar("!!str", key.String()), encode(v.MapIndex(key)))
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	return node
}
