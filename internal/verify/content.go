package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cuelang.org/go/cue"
	cuejson "cuelang.org/go/encoding/json"
)

// contentTimeout bounds one evaluation. A usual one takes a millisecond.
const contentTimeout = 10 * time.Second

// fulfilledBy checks that a statement is an instance of the constraint. The error wraps
// ErrRefused where it is not, or where that cannot be found out in time.
func (c *constraint) fulfilledBy(ctx context.Context, statement []byte) error {
	if err := within(ctx, contentTimeout, func() error { return c.compare(statement) }); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return refused(fmt.Errorf("it does not fulfil the rule's cue: %w", err))
	}
	return nil
}

// compare unifies constraint and statement. That they agree is not enough: unification
// gives the statement what it lacks, so one that says nothing would agree with everything.
// It must be left as it was. Each call has a CUE context of its own: they are not safe for
// concurrent use.
func (c *constraint) compare(statement []byte) error {
	said, err := readStatement(statement)
	if err != nil {
		return err
	}
	wanted, err := c.compile()
	if err != nil {
		return err
	}
	text, err := cuejson.Extract("", statement)
	if err != nil {
		return err
	}
	both := wanted.Unify(wanted.Context().BuildExpr(text))
	if err := both.Validate(cue.Final(), cue.Concrete(true)); err != nil {
		return disagreement(err, said)
	}
	data, err := both.MarshalJSON()
	if err != nil {
		return err
	}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		return err
	}
	if path := added(whole, said, ""); path != "" {
		return missing(path)
	}
	return nil
}

// within runs what cannot be stopped. What is late goes on by itself, and nobody waits for
// it: only a statement that a signer of the rule has signed comes so far. A panic, be it
// CUE's, is an error.
func within(ctx context.Context, limit time.Duration, evaluate func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("CUE gave up: %v", v)
			}
		}()
		done <- evaluate()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("CUE has not come to an end in %v", limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}
