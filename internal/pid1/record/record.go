// Package record is the sentence PID 1 and the boot test have in common: one
// line on the console that a person can read and a program can trust.
//
//	linuxkit-init: 7 ready service=web ms=412 ~55d43822
//
// The grammar is
//
//	line  = "linuxkit-init: " text " ~" crc
//	text  = seq " " event { " " key "=" value }
//	value = bare word, or a Go-quoted string where it holds a blank, a quote,
//	        a backslash or anything that is not printable ASCII
//	crc   = CRC-32 (IEEE 802.3) of text, 8 lower-case hex digits
//
// A console is shared with the kernel and with everybody who writes to it, so a
// record may stand anywhere in a line, behind somebody's unfinished text, and a
// torn one must not be misread: the reader believes a record by its CRC alone.
//
// PID 1 links this package, so it uses nothing that would make PID 1 large.
package record

import (
	"bytes"
	"hash/crc32"
	"strconv"
	"strings"
)

// Prefix opens every record.
const Prefix = "linuxkit-init: "

// MaxLen is the longest line, in bytes, that Append makes. Linux refuses a write
// to /dev/kmsg of more than 976 bytes (kernel/printk/printk.c, LOG_LINE_MAX
// before 6.2), and the level "<6>" in front of it counts as well.
const MaxLen = 960

// crcLen is the length of " ~" and the eight digits.
const crcLen = 10

// Field is one key and its value.
type Field struct{ Key, Value string }

// Record is one parsed line.
type Record struct {
	Seq    uint64 // counts from 1 without a gap, so that a lost record shows
	Event  string
	Fields []Field
}

// Get returns the value of key, or "" where the record has none.
func (r Record) Get(key string) string {
	for _, f := range r.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Append adds the line of r to dst, without a newline. A record longer than
// MaxLen has its longest value cut until it fits.
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
	text = append(text, r.Event...)
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

// longestField returns the index of the longest value that can still be cut.
func longestField(fields []Field) int {
	best, size := -1, 0
	for i, f := range fields {
		if len(f.Value) > size {
			best, size = i, len(f.Value)
		}
	}
	return best
}

// cut returns fields with over bytes, or all there are, taken off the value at i.
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
	for i := 0; i < len(value); i++ {
		if c := value[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Find returns the first whole record in a line of console output, wherever in
// the line it stands, and false where there is none or only damaged ones.
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

// Damaged reports whether a line shows the opening of a record, but no whole one.
func Damaged(line []byte) bool {
	if !bytes.Contains(line, []byte(Prefix)) {
		return false
	}
	_, whole := Find(line)
	return !whole
}

// sealed returns the part of s in front of the first CRC that fits it.
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
	event, rest, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || event == "" {
		return Record{}, false
	}
	fields, ok := parseFields(rest)
	return Record{Seq: n, Event: event, Fields: fields}, ok
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

// parseValue takes one value off s and the blank behind it.
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
