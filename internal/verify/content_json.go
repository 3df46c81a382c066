package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a statement whose content is checked.
const (
	maxValues   = 50_000
	maxMembers  = 10_000 // of one list or object: CUE takes 0.1 s for 10,000, 3 s for 30,000, a minute for 100,000
	maxNesting  = 100
	maxExponent = 3 // digits; CUE drops an exponent that does not fit, and takes 1e-1000000000 for 1
	maxDigits   = 64
)

var errTooLong = fmt.Errorf("a list or object of it has more than %d members", maxMembers)

// statementReader reads JSON (RFC 8259) and refuses what CUE takes for something else than
// others do, or does not come to an end with.
type statementReader struct {
	tokens *json.Decoder
	values int
}

// readStatement returns objects as maps, lists as slices and everything else as nil.
func readStatement(text []byte) (any, error) {
	r := &statementReader{tokens: json.NewDecoder(bytes.NewReader(text))}
	r.tokens.UseNumber()
	value, err := r.value(1)
	if err != nil {
		return nil, fmt.Errorf("the statement cannot be read: %w", err)
	}
	return value, nil
}

func (r *statementReader) value(depth int) (any, error) {
	if r.values++; r.values > maxValues {
		return nil, fmt.Errorf("it has more than %d values", maxValues)
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("it is nested deeper than %d", maxNesting)
	}
	token, err := r.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Number:
		return nil, modest(token.String())
	case json.Delim:
		if token == '{' {
			return r.object(depth)
		}
		return r.list(depth)
	}
	return nil, nil
}

func (r *statementReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.tokens.More() {
		key, err := r.tokens.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("a key is no string")
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("it has %q twice in one object", name)
		}
		if len(object) == maxMembers {
			return nil, errTooLong
		}
		if object[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.tokens.Token()
	return object, err
}

func (r *statementReader) list(depth int) (any, error) {
	list := []any{}
	for r.tokens.More() {
		if len(list) == maxMembers {
			return nil, errTooLong
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := r.tokens.Token()
	return list, err
}

// modest refuses numbers that only an attacker writes.
func modest(number string) error {
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	if _, err := strconv.ParseFloat(number, 64); err != nil || len(number) > maxDigits || len(strings.TrimLeft(exponent, "+-")) > maxExponent {
		return fmt.Errorf("the number %.20s… is out of range", number)
	}
	return nil
}
