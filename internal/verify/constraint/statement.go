package constraint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	cuejson "cuelang.org/go/encoding/json"
)

// Limits of a statement.
const (
	maxValues   = 50_000
	maxMembers  = 10_000 // of one list or object: CUE takes 0.1 s for 10,000, 3 s for 30,000, a minute for 100,000
	maxNesting  = 100
	maxExponent = 3 // digits; CUE drops an exponent that overflows, and reads 1e-1000000000 as 1
	maxDigits   = 64
)

var errTooManyMembers = fmt.Errorf("list or object with more than %d members", maxMembers)

// statementDecoder decodes JSON (RFC 8259). It rejects what CUE reads otherwise than other
// decoders do, and what CUE takes too long for.
type statementDecoder struct {
	tokens *json.Decoder
	values int
}

// decodeStatement returns objects as maps, lists as slices, numbers as json.Number,
// strings, bools and nil.
func decodeStatement(text []byte) (any, error) {
	d := &statementDecoder{tokens: json.NewDecoder(bytes.NewReader(text))}
	d.tokens.UseNumber()
	value, err := d.value(1)
	if err != nil {
		return nil, fmt.Errorf("malformed statement: %w", err)
	}
	return value, nil
}

func (d *statementDecoder) value(depth int) (any, error) {
	if d.values++; d.values > maxValues {
		return nil, fmt.Errorf("more than %d values", maxValues)
	}
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d", maxNesting)
	}
	decoded, err := d.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch decoded := decoded.(type) {
	case json.Number:
		return decoded, checkNumber(decoded.String())
	case json.Delim:
		if decoded == '{' {
			return d.object(depth)
		}
		return d.list(depth)
	}
	return decoded, nil
}

func (d *statementDecoder) object(depth int) (any, error) {
	object := map[string]any{}
	for d.tokens.More() {
		key, err := d.tokens.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("key is not a string")
		}
		if _, duplicate := object[name]; duplicate {
			return nil, fmt.Errorf("duplicate key %q", name)
		}
		if len(object) == maxMembers {
			return nil, errTooManyMembers
		}
		if object[name], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := d.tokens.Token()
	return object, err
}

func (d *statementDecoder) list(depth int) (any, error) {
	list := []any{}
	for d.tokens.More() {
		if len(list) == maxMembers {
			return nil, errTooManyMembers
		}
		value, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := d.tokens.Token()
	return list, err
}

// checkText rejects what the decoder repairs and CUE does not: trailing data, invalid UTF-8
// and unpaired surrogates.
func checkText(text []byte) error {
	expression, err := cuejson.Extract("", text)
	if err != nil {
		return err
	}
	ast.Walk(expression, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && err == nil {
			_, err = literal.Unquote(l.Value)
		}
		return err == nil
	}, nil)
	return err
}

// dataOf returns a decoded statement as CUE data. Every key is a quoted label, so that
// none becomes a definition or a hidden field, which a constraint on all fields leaves out.
// Text of a statement is never parsed as CUE.
func dataOf(value any) ast.Expr {
	switch value := value.(type) {
	case map[string]any:
		object := &ast.StructLit{}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			object.Elts = append(object.Elts, &ast.Field{Label: ast.NewString(key), Value: dataOf(value[key])})
		}
		return object
	case []any:
		list := &ast.ListLit{}
		for _, element := range value {
			list.Elts = append(list.Elts, dataOf(element))
		}
		return list
	case json.Number:
		return number(value.String())
	case string:
		return ast.NewString(value)
	case bool:
		return ast.NewBool(value)
	}
	return ast.NewNull()
}

// number returns a number of JSON. In CUE only integers have neither a fraction nor an
// exponent, as in JSON.
func number(text string) ast.Expr {
	kind := token.INT
	if strings.ContainsAny(text, ".eE") {
		kind = token.FLOAT
	}
	if positive, negative := strings.CutPrefix(text, "-"); negative {
		return &ast.UnaryExpr{Op: token.SUB, X: ast.NewLit(kind, positive)}
	}
	return ast.NewLit(kind, text)
}

// checkNumber rejects numbers that only an attacker writes.
func checkNumber(number string) error {
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	tooLong := len(number) > maxDigits || len(strings.TrimLeft(exponent, "+-")) > maxExponent
	if _, err := strconv.ParseFloat(number, 64); err != nil || tooLong {
		return fmt.Errorf("number %.20s… out of range", number)
	}
	return nil
}
