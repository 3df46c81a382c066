package spec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// DecodeYAML compiles an expression.
func (r *Regexp) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	expr, err := regexp.Compile(text)
	if err != nil {
		n.Problem("%v", err)
		return
	}
	r.Regexp = expr
}

// Size is a number of bytes.
type Size int64

// DecodeYAML reads a size, such as 80MB or 1G, or a number of bytes.
func (s *Size) DecodeYAML(n strict.Node) {
	var text string
	if n.IsNumber() {
		n.Into((*int64)(s))
		text = strconv.FormatInt(int64(*s), 10)
	} else {
		n.Into(&text)
	}
	size, err := parseSize(text)
	if err != nil {
		n.Problem("%v", err)
		return
	}
	*s = size
}

// String returns the size with one decimal, in units of powers of 1000.
func (s Size) String() string {
	switch {
	case s >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(s)/1e9)
	case s >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(s)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(s)/1e3)
}

// units are the suffixes of a size: K, M, G and T are powers of 1024, as in qemu-img; KB
// and so on are powers of 1000.
var units = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40,
	"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

func parseSize(text string) (Size, error) {
	digits := strings.TrimRight(text, "KMGTiBkmgtb ")
	unit, known := units[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	number, err := strconv.ParseFloat(digits, 64)
	bytes := number * unit
	if err != nil || !known || !(bytes >= 1) || bytes > math.MaxInt64/2 {
		return 0, fmt.Errorf("%.40q is not a size; write it as 80MB (80,000,000 bytes) or 1G (2^30 bytes)", text)
	}
	return Size(bytes), nil
}

// unsupported is a key of the format that this version does not implement. It is
// rejected, because the user would expect it to be checked.
type unsupported struct{}

// DecodeYAML rejects the value.
func (*unsupported) DecodeYAML(n strict.Node) {
	n.Problem("not supported yet; remove it")
}
