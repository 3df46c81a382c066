package grpc

import (
	"strconv"
	"strings"
)

// Status codes that callers distinguish (grpc/doc/statuscodes.md).
const (
	NotFound          = 5
	ResourceExhausted = 8
	Unavailable       = 14
)

// MaxText bounds the message of a Status, in bytes.
const MaxText = 512

// Status is the error of a call with another status than OK. Message is one line of
// printable characters.
type Status struct {
	Code    int
	Message string
}

func (s *Status) Error() string {
	text := "gRPC status " + strconv.Itoa(s.Code)
	if s.Message == "" {
		return text
	}
	return s.Message + " (" + text + ")"
}

// printable decodes a percent-encoded text of the peer (gRPC's Status-Message) into one
// line of printable characters, of at most MaxText bytes. An invalid encoding is kept.
func printable(text string) string {
	var plain [MaxText]byte
	n := 0
	for ; n < len(plain) && len(text) > 0; n++ {
		plain[n] = text[0]
		if len(text) > 2 && text[0] == '%' {
			if c, err := strconv.ParseUint(text[1:3], 16, 8); err == nil {
				plain[n] = byte(c)
				text = text[2:]
			}
		}
		text = text[1:]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(plain[:n]), "")))
}
