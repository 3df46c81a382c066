// Package record is the format of the lines that PID 1 writes to the console, and the
// protocol between PID 1 and the boot test (protocol.go).
//
//	linuxkit-init: 7 ready service=web ms=412 ~55d43822
//
// The grammar is
//
//	line  = "linuxkit-init: " text " ~" crc
//	text  = seq " " event { " " key "=" value }
//	value = bare word, or a Go-quoted string if it contains a space, a quote, a
//	        backslash or anything but printable ASCII
//	crc   = CRC-32 (IEEE 802.3) of text, 8 lower-case hex digits
//
// The kernel and other processes write to the same console. A record can therefore begin
// anywhere in a line, after the unfinished text of another writer, and can be interrupted.
// A reader accepts only records with a correct CRC. The CRC detects damage; it does not
// authenticate the writer.
//
// PID 1 links this package, so it must not import large packages.
package record

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"strings"
)

// Prefix is the beginning of every record.
const Prefix = "linuxkit-init: "

// MaxLen is the maximal length of a line in bytes. Linux rejects a write to /dev/kmsg of
// more than 976 bytes, including the level "<6>" (kernel/printk/printk.c, LOG_LINE_MAX
// before 6.2).
const MaxLen = 960

// crcLen is the length of " ~" and the eight digits.
const crcLen = 10

// Field is one key and its value.
type Field struct{ Key, Value string }

// Record is one event.
type Record struct {
	Seq    uint64 // number of the record, from 1 without gaps, so that a lost one is detected
	Event  string
	Fields []Field
}

// Get returns the value of a key, or "" if the record does not have it.
func (r Record) Get(key string) string {
	for _, f := range r.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Append appends the line of r to dst, without a newline. If it would be longer than
// MaxLen the longest value is truncated.
func (r Record) Append(dst []byte) []byte {
	fields := r.Fields
	for {
		text := r.text(fields)
		over := len(Prefix) + len(text) + crcLen - MaxLen
		longest := longestField(fields)
		if over <= 0 || longest < 0 {
			return seal(dst, text)
		}
		fields = cut(fields, longest, over)
	}
}

func (r Record) text(fields []Field) []byte {
	text := strconv.AppendUint(make([]byte, 0, 128), r.Seq, 10)
	text = append(text, ' ')
	return appendFields(append(text, r.Event...), fields)
}

// Text returns the event and the fields without number, CRC and limit of length.
func (r Record) Text() string { return string(appendFields([]byte(r.Event), r.Fields)) }

func appendFields(text []byte, fields []Field) []byte {
	for _, f := range fields {
		text = append(text, ' ')
		text = append(text, f.Key...)
		text = append(text, '=')
		text = appendValue(text, f.Value)
	}
	return text
}

func seal(dst, text []byte) []byte {
	dst = append(dst, Prefix...)
	dst = append(dst, text...)
	dst = append(dst, " ~"...)
	return appendCRC(dst, text)
}

func appendCRC(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	sum := crc32.ChecksumIEEE(text)
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, hex[sum>>shift&15])
	}
	return dst
}

// longestField returns the index of the longest value, or -1 if all are empty.
func longestField(fields []Field) int {
	best, size := -1, 0
	for i, f := range fields {
		if len(f.Value) > size {
			best, size = i, len(f.Value)
		}
	}
	return best
}

// cut returns a copy of fields without the last over bytes of the value at i.
func cut(fields []Field, i, over int) []Field {
	out := append([]Field(nil), fields...)
	keep := max(len(out[i].Value)-over, 0)
	out[i].Value = out[i].Value[:keep]
	return out
}

func appendValue(dst []byte, value string) []byte {
	if isBare(value) {
		return append(dst, value...)
	}
	return strconv.AppendQuoteToASCII(dst, value)
}

func isBare(value string) bool {
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Find returns the first valid record anywhere in a line of console output, and whether
// there is one.
func Find(line []byte) (Record, bool) {
	for {
		_, rest, found := bytes.Cut(line, []byte(Prefix))
		if !found {
			return Record{}, false
		}
		if text, ok := sealed(rest); ok {
			if r, ok := parse(string(text)); ok {
				return r, true
			}
		}
		line = rest
	}
}

// Damaged reports whether a line contains the beginning of a record, but no valid one.
func Damaged(line []byte) bool {
	if !bytes.Contains(line, []byte(Prefix)) {
		return false
	}
	_, valid := Find(line)
	return !valid
}

// sealed returns the part of s before the first CRC that matches it.
func sealed(s []byte) ([]byte, bool) {
	s = s[:min(len(s), MaxLen)]
	for from := 0; ; {
		i := bytes.Index(s[from:], []byte(" ~"))
		if i < 0 {
			return nil, false
		}
		end := from + i
		if end+crcLen <= len(s) && bytes.Equal(appendCRC(nil, s[:end]), s[end+2:end+crcLen]) {
			return s[:end], true
		}
		from = end + 2
	}
}

func parse(text string) (Record, bool) {
	seq, rest, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return Record{}, false
	}
	r, ok := ParseText(rest)
	r.Seq = n
	return r, ok
}

// ParseText parses what Text returns.
func ParseText(text string) (Record, bool) {
	event, rest, _ := strings.Cut(text, " ")
	if event == "" {
		return Record{}, false
	}
	fields, ok := parseFields(rest)
	return Record{Event: event, Fields: fields}, ok
}

func parseFields(s string) ([]Field, bool) {
	var fields []Field
	for s != "" {
		key, rest, found := strings.Cut(s, "=")
		if !found || key == "" {
			return nil, false
		}
		value, rest, ok := parseValue(rest)
		if !ok {
			return nil, false
		}
		fields = append(fields, Field{key, value})
		s = rest
	}
	return fields, true
}

// parseValue parses the first value of s, and returns the rest after its space.
func parseValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, " ")
		return value, rest, true
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, strings.TrimPrefix(s[len(quoted):], " "), err == nil
}
