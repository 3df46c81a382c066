package config

import (
	"testing"
	"time"
)

func TestShutdownTimeoutFitsTheServices(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want time.Duration
	}{
		"no settings": {text: "", want: 30 * time.Second},
		"written":     {text: "shutdown: {timeout: 90s}", want: 90 * time.Second},
		"one slow":    {text: "services: [{name: a, stop: {timeout: 1m}}]", want: 62 * time.Second},
		"in parallel": {text: "services: [{name: a, stop: {timeout: 1m}}, {name: b, stop: {timeout: 1m}}]", want: 62 * time.Second},
		"one by one": {
			text: "services: [{name: a, after: [b], stop: {timeout: 1m}}, {name: b, stop: {timeout: 1m}}]", want: 124 * time.Second,
		},
		"by requires":   {text: "services: [{name: a, requires: [b], stop: {timeout: 20s}}, {name: b}]", want: 34 * time.Second},
		"written short": {text: "shutdown: {timeout: 5s}", want: 5 * time.Second},
	} {
		c, _ := Parse([]byte(tt.text))
		services, _ := c.Resolve(nil, []string{"a", "b"})
		if got := c.ShutdownTimeout(services); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestRejectsShutdownTimeoutShorterThanAStop(t *testing.T) {
	t.Parallel()
	c, _ := Parse([]byte("shutdown: {timeout: 5s}\nservices:\n- {name: a, stop: {timeout: 4s}}\n- {name: b, stop: {timeout: 25s}}\n"))
	problems := c.Check(nil, []string{"a", "b"})
	const want = "line 4: shutdown.timeout 5s is shorter than stop.timeout 25s of service b, which would be killed early; " +
		"make it longer, or omit it"
	if len(problems) != 1 || problems[0].Error() != want {
		t.Errorf("got %q, want %q", problems, want)
	}
	if problems := c.Check(nil, []string{"a"}); len(problems) != 1 {
		t.Errorf("got %q, want the unknown service only", problems)
	}
}

func TestWhenOnshutdownRuns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "onshutdown: {when: before-services}": false, "onshutdown: {when: after-services}": true,
	} {
		if c, problems := Parse([]byte(text)); c.Shutdown.AfterServices != want || len(problems) > 0 {
			t.Errorf("%q: %v, %q", text, c.Shutdown.AfterServices, problems)
		}
	}
	if _, problems := Parse([]byte("onshutdown: {when: later}")); len(problems) != 1 {
		t.Errorf("later: %q", problems)
	}
}
