// Package constraint checks the content of in-toto statements by CUE
// (cuelang.org/docs/reference/spec).
//
// Parse compiles what a policy requires; Check compares a statement with it: every regular
// field of the constraint must be in the statement and agree. Packages of CUE's standard
// library can be imported and no others: there is no module, so nothing is read from a
// file or the network. Constraints and statements are foreign: CUE evaluates them in a
// process of its own, with limits of memory and time.
package constraint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
)

// MaxBytes bounds the CUE of one constraint.
const MaxBytes = 256 << 10

// Constraint is what a policy requires of a statement. It is safe for concurrent use.
type Constraint struct {
	file string // where the text comes from, or ""
	text string
}

// Parse compiles CUE that stands in a file, or in the policy itself where file is "". It
// rejects a constraint that a statement of the predicate type satisfies with an empty
// predicate. Errors contain line and column.
func Parse(file, text, predicateType string) (*Constraint, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("is larger than %d KiB", MaxBytes>>10)
	}
	c := &Constraint{file: file, text: text}
	return c, evaluate(context.Background(), task{File: file, Text: text, PredicateType: predicateType})
}

// Check returns an error unless the statement satisfies the constraint. It is ctx.Err() if
// ctx ends first.
func (c *Constraint) Check(ctx context.Context, statement []byte) error {
	err := evaluate(ctx, task{File: c.file, Text: c.text, Check: true, Statement: statement})
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("statement does not satisfy cue: %w", err)
}

// validate looks for mistakes that do not depend on a statement.
func (c *Constraint) validate(predicateType string) error {
	file, err := parser.ParseFile(c.file, c.text)
	if err != nil {
		return c.located(err)
	}
	if err := checkMatchers(file); err != nil {
		return c.located(err)
	}
	value, err := c.compile()
	if err != nil {
		return err
	}
	if value.LookupPath(cue.MakePath(cue.Hid("_type", "_"))).Exists() {
		return errors.New(`_type without quotes is a hidden field and requires nothing; write "_type"`)
	}
	if c.compare(emptyStatement(predicateType)) == nil {
		return errors.New("requires nothing: a statement with an empty predicate satisfies it; add at least one field without ?")
	}
	return nil
}

// compile returns the value in a CUE context of its own: contexts are not safe for
// concurrent use.
func (c *Constraint) compile() (cue.Value, error) {
	context := cuecontext.New(cuecontext.EvaluatorVersion(cuecontext.EvalStable))
	value := context.CompileString(c.text, cue.Filename(c.file))
	return value, c.located(value.Validate())
}

// compare unifies constraint and statement. Unification alone is not enough, for it adds
// fields that the statement lacks: an empty statement would satisfy every constraint. The
// result must have no field that the statement has not.
func (c *Constraint) compare(statement []byte) error {
	decoded, err := decodeStatement(statement)
	if err != nil {
		return err
	}
	if err := checkText(statement); err != nil {
		return err
	}
	required, err := c.compile()
	if err != nil {
		return err
	}
	unified := required.Unify(required.Context().BuildExpr(dataOf(decoded)))
	if err := unified.Validate(cue.Final(), cue.Concrete(true)); err != nil {
		return conflict(err, decoded)
	}
	data, err := unified.MarshalJSON()
	if err != nil {
		return err
	}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		return err
	}
	if path := firstAdded(whole, decoded, ""); path != "" {
		return missing(path)
	}
	return nil
}

// located returns the first error of the text with file, line and column.
func (c *Constraint) located(err error) error {
	all := cueerrors.Errors(err)
	if len(all) == 0 {
		return nil
	}
	name := c.file
	if name == "" {
		name = "CUE"
	}
	for _, p := range cueerrors.Positions(all[0]) {
		if p.IsValid() {
			return fmt.Errorf("%s:%d:%d: %w", name, p.Line(), p.Column(), all[0])
		}
	}
	return fmt.Errorf("%s: %w", name, all[0])
}

// emptyStatement is a statement with an empty predicate (in-toto attestation framework 1,
// Statement).
func emptyStatement(predicateType string) []byte {
	return fmt.Appendf(nil,
		`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"%064d"}}],"predicateType":%q,"predicate":{}}`,
		0, predicateType)
}
