package ready

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script answers questions: + well, - badly, . not at all. When it is over it ends the polling.
type script struct {
	answers string
	end     context.CancelFunc
	began   time.Time
	asked   []time.Duration
}

func (s *script) ask(ctx context.Context) error {
	s.asked = append(s.asked, time.Since(s.began))
	answer := s.answers[0]
	if s.answers = s.answers[1:]; s.answers == "" {
		s.end()
	}
	switch answer {
	case '+':
		return nil
	case '.':
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("no answer yet")
}

func TestPoll(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	for name, tt := range map[string]struct {
		answers string
		asked   []time.Duration
		told    string
	}{
		"ready at once, then asked seldom": {
			answers: "+++x", asked: []time.Duration{0, 5 * s, 10 * s, 15 * s}, told: "ready",
		},
		"asked ever more seldom up to 1 s": {
			answers: "-----+x", asked: []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 2500 * ms, 7500 * ms},
			told: "not: no answer yet, ready",
		},
		"who does not answer has his time": {
			answers: ".+x", asked: []time.Duration{0, 5100 * ms, 10100 * ms}, told: "not: context deadline exceeded, ready",
		},
		"a miss or two cost nothing": {
			answers: "+--+--+x", asked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 20 * s, 25 * s, 30 * s, 35 * s}, told: "ready",
		},
		"three cost it, and it may come back": {
			answers: "+---+x", asked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 15100 * ms, 20100 * ms},
			told: "ready, not: no answer yet, ready",
		},
		"it is told once": {
			answers: "+-----x", asked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 15100 * ms, 15300 * ms, 15700 * ms},
			told: "ready, not: no answer yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				script := &script{answers: tt.answers, end: cancel, began: time.Now()}
				var told []string
				poll(ctx, 5*time.Second, script.ask, func(n News) { told = append(told, show(n)) })
				if !reflect.DeepEqual(script.asked, tt.asked) {
					t.Errorf("asked at %v, want %v", script.asked, tt.asked)
				}
				if got := strings.Join(told, ", "); got != tt.told {
					t.Errorf("told %q, want %q", got, tt.told)
				}
			})
		})
	}
}

func show(n News) string {
	switch n.Kind {
	case Proven:
		return "ready"
	case Missed:
		return "not: " + n.Text
	}
	return "status: " + n.Text
}
