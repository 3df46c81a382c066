package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueerrors "cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
)

// maxCUEBytes bounds the CUE of one attestation.
const maxCUEBytes = 256 << 10

// constraint is what a rule's cue asks of an in-toto statement, as the CUE language has it
// (cuelang.org/docs/reference/spec): every regular field of it must be in the statement
// and agree. Packages of CUE's standard library can be imported, no others: there is no
// module, so nothing is read from a file or the network.
type constraint struct {
	file string // where the text comes from, or ""
	text string
}

// loadConstraint reads and tries the CUE of a policy in the folder dir: text, or the name
// of a file. What a statement of the predicate type fulfils that says nothing is a mistake.
func loadConstraint(dir, text, predicate string) (*constraint, error) {
	c := &constraint{text: text}
	if name := strings.TrimSpace(text); strings.HasSuffix(name, ".cue") && !strings.Contains(name, "\n") {
		c.file = name
		if err := c.read(beside(dir, name)); err != nil {
			return nil, err
		}
	}
	if len(c.text) > maxCUEBytes {
		return nil, fmt.Errorf("is larger than %d KiB", maxCUEBytes>>10)
	}
	return c, within(context.Background(), contentTimeout, func() error { return c.try(predicate) })
}

func (c *constraint) read(path string) error {
	text, err := readSmall(path, maxCUEBytes+1)
	c.text = string(text)
	return err
}

// try looks for mistakes that can be seen before there is a statement.
func (c *constraint) try(predicate string) error {
	file, err := parser.ParseFile(c.file, c.text)
	if err != nil {
		return c.mistake(err)
	}
	if err := unmarked(file); err != nil {
		return c.mistake(err)
	}
	wanted, err := c.compile()
	if err != nil {
		return err
	}
	if wanted.LookupPath(cue.MakePath(cue.Hid("_type", "_"))).Exists() {
		return errors.New(`_type without quotes is a hidden field, which asks for nothing; write "_type"`)
	}
	if c.compare(blank(predicate)) == nil {
		return errors.New("asks for nothing: a statement with an empty predicate fulfils it; name at least one field that must be there, without ? behind it")
	}
	return nil
}

func (c *constraint) compile() (cue.Value, error) {
	value := cuecontext.New(cuecontext.EvaluatorVersion(cuecontext.EvalStable)).CompileString(c.text, cue.Filename(c.file))
	return value, c.mistake(value.Validate())
}

// mistake tells the first error of the text, with its line and column in it.
func (c *constraint) mistake(err error) error {
	all := cueerrors.Errors(err)
	if len(all) == 0 {
		return nil
	}
	for _, p := range cueerrors.Positions(all[0]) {
		if p.IsValid() {
			return fmt.Errorf("%s:%d:%d: %w", c.name(), p.Line(), p.Column(), all[0])
		}
	}
	return fmt.Errorf("%s: %w", c.name(), all[0])
}

func (c *constraint) name() string {
	if c.file != "" {
		return c.file
	}
	return "CUE"
}

// blank is a statement that says nothing (in-toto attestation framework 1, Statement).
func blank(predicate string) []byte {
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"%064d"}}],"predicateType":%q,"predicate":{}}`, 0, predicate)
}
