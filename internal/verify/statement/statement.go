// Package statement reads the head of an in-toto statement (in-toto attestation framework
// 1, Statement): everything but the predicate.
//
// Statements are foreign, may have megabytes, and are compared before their signature is
// verified. Only the head is decoded, and its size is bounded. The predicate is skipped: an
// SBOM takes forty times its size in memory once it is decoded.
package statement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// PayloadType is that of a DSSE envelope with a statement.
const PayloadType = "application/vnd.in-toto+json"

// maxHead bounds the size of each field of the head, in bytes. A subject takes 150.
const maxHead = 256 << 10

// types are the values of _type: those of the framework's versions 1 and 0.1.
var types = []string{"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"}

// fields are those of a statement. Others, also in another case, are errors: decoders
// disagree on them.
var fields = []string{"_type", "subject", "predicateType", predicate}

const predicate = "predicate"

// ParseHead returns a statement without its predicate.
func ParseHead(text []byte) (*intoto.Statement, error) {
	head, err := readHead(text)
	if err != nil {
		return nil, fmt.Errorf("malformed statement: %w", err)
	}
	short, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("malformed statement: %w", err)
	}
	var s intoto.Statement
	if err := protojson.Unmarshal(short, &s); err != nil {
		return nil, fmt.Errorf("malformed statement: %w", err)
	}
	if !slices.Contains(types, s.GetType()) {
		return nil, fmt.Errorf("statement has _type %.80q, want %s", s.GetType(), types[0])
	}
	return &s, nil
}

func readHead(text []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	head := map[string]json.RawMessage{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		field, _ := key.(string)
		if _, duplicate := head[field]; duplicate || !slices.Contains(fields, field) {
			return nil, fmt.Errorf("field %.40q is unknown or a duplicate", field)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if field == predicate {
			value = nil
		}
		if len(value) > maxHead {
			return nil, fmt.Errorf("%s has %d bytes; the limit is %d", field, len(value), maxHead)
		}
		head[field] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the statement")
	}
	delete(head, predicate)
	return head, nil
}
