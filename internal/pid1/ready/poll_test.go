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

// script is a list of results of a check: + ready, - not ready, . timeout. After the last one it
// ends the polling.
type script struct {
	results string
	end     context.CancelFunc
	began   time.Time
	checked []time.Duration
}

func (s *script) check(ctx context.Context) error {
	s.checked = append(s.checked, time.Since(s.began))
	result := s.results[0]
	if s.results = s.results[1:]; s.results == "" {
		s.end()
	}
	switch result {
	case '+':
		return nil
	case '.':
		<-ctx.Done()
		return ctx.Err()
	}
	return errors.New("refused")
}

func TestPoll(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	for name, tt := range map[string]struct {
		results string
		checked []time.Duration
		want    string
	}{
		"ready at once": {
			results: "+++x", checked: []time.Duration{0, 5 * s, 10 * s, 15 * s}, want: "ready",
		},
		"pause doubles up to 1 s": {
			results: "-----+x", checked: []time.Duration{0, 100 * ms, 300 * ms, 700 * ms, 1500 * ms, 2500 * ms, 7500 * ms},
			want: "not ready: refused, ready",
		},
		"check times out": {
			results: ".+x", checked: []time.Duration{0, 5100 * ms, 10100 * ms}, want: "not ready: context deadline exceeded, ready",
		},
		"two failures in a row": {
			results: "+--+--+x", checked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 20 * s, 25 * s, 30 * s, 35 * s}, want: "ready",
		},
		"three failures in a row, then ready": {
			results: "+---+x", checked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 15100 * ms, 20100 * ms},
			want: "ready, not ready: refused, ready",
		},
		"same reason is reported once": {
			results: "+-----x", checked: []time.Duration{0, 5 * s, 10 * s, 15 * s, 15100 * ms, 15300 * ms, 15700 * ms},
			want: "ready, not ready: refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				script := &script{results: tt.results, end: cancel, began: time.Now()}
				var got []string
				poll(ctx, 5*time.Second, script.check, func(n Event) { got = append(got, show(n)) })
				if !reflect.DeepEqual(script.checked, tt.checked) {
					t.Errorf("checked at %v, want %v", script.checked, tt.checked)
				}
				if got := strings.Join(got, ", "); got != tt.want {
					t.Errorf("reported %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func show(n Event) string {
	switch n.Kind {
	case Ready:
		return "ready"
	case NotReady:
		return "not ready: " + n.Text
	}
	return "status: " + n.Text
}
