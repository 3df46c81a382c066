package json

// NewString returns a string value.
func NewString(text string) Value { return Value{Kind: String, text: text} }

// NewArray returns an array of values.
func NewArray(list ...Value) Value { return Value{Kind: Array, list: list} }

// NewObject returns an object without members; see With.
func NewObject() Value { return Value{Kind: Object} }

// With returns a copy of the object v with one member replaced, or appended if v has none
// of this name.
func (v Value) With(name string, value Value) Value {
	members := append([]member(nil), v.members...)
	for i := len(members) - 1; i >= 0; i-- {
		if members[i].name == name {
			members[i].value = value
			return Value{Kind: Object, members: members}
		}
	}
	return Value{Kind: Object, members: append(members, member{name, value})}
}

// Append appends the JSON text of v to dst. The text of a parsed value differs from the
// original only in white space and in the escaping of strings.
func (v Value) Append(dst []byte) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case String:
		return appendString(dst, v.text)
	case Array:
		dst = append(dst, '[')
		for i, e := range v.list {
			dst = e.Append(comma(dst, i))
		}
		return append(dst, ']')
	case Object:
		dst = append(dst, '{')
		for i, m := range v.members {
			dst = append(appendString(comma(dst, i), m.name), ':')
			dst = m.value.Append(dst)
		}
		return append(dst, '}')
	}
	return append(dst, v.text...)
}

func comma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

// appendString appends a string, with the necessary escapes (RFC 8259 §7).
func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
