package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of the JSON of one bundle, envelope or payload. A bundle has some hundred values,
// most of them hashes of a log's proofs.
const (
	maxValues  = 4096
	maxNesting = 32
)

// checkJSON rejects JSON with more values than any client writes, which a decoder would
// take gigabytes for, and with keys that differ in case only or not at all, on which
// decoders disagree.
func checkJSON(text []byte) error {
	d := &jsonChecker{tokens: json.NewDecoder(bytes.NewReader(text))}
	if err := d.value(1); err != nil {
		return err
	}
	if _, err := d.tokens.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the JSON value")
	}
	return nil
}

type jsonChecker struct {
	tokens *json.Decoder
	values int
}

func (d *jsonChecker) value(depth int) error {
	if d.values++; d.values > maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	if depth > maxNesting {
		return fmt.Errorf("nested deeper than %d", maxNesting)
	}
	token, err := d.tokens.Token()
	if err != nil {
		return err
	}
	start, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	keys := map[string]bool{}
	for d.tokens.More() {
		if start == '{' {
			if err := d.key(keys); err != nil {
				return err
			}
		}
		if err := d.value(depth + 1); err != nil {
			return err
		}
	}
	_, err = d.tokens.Token()
	return err
}

// key reads the key of a member. Case is folded as in encoding/json.
func (d *jsonChecker) key(keys map[string]bool) error {
	token, err := d.tokens.Token()
	if err != nil {
		return err
	}
	key, ok := token.(string)
	if !ok {
		return errors.New("key is not a string")
	}
	folded := strings.ToLower(strings.ToUpper(key))
	if keys[folded] {
		return fmt.Errorf("duplicate key %.40q", key)
	}
	keys[folded] = true
	return nil
}
