package pid1

import (
	"errors"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/suggest"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// Waits for an operator's sake.
const (
	loopWait  = 5 * time.Second  // for the loop to answer
	startWait = 90 * time.Second // for a start: runc may take a minute, and then the service has to prove itself
)

// serveOperator answers on the control socket from now on.
func (m *machine) serveOperator() {
	server, err := control.Listen(control.Path)
	m.note(err, "the commands of "+ownName)
	if err == nil {
		guard.Go("control", func() { server.Serve(m.answer) })
	}
}

// answer answers a request. It is called in a goroutine of the client's.
func (m *machine) answer(r control.Request) control.Answer {
	switch r.Verb {
	case "status":
		return m.onLoop(func() control.Answer { return control.Answer{Text: m.scene().String()} })
	case "blame":
		return m.onLoop(func() control.Answer { return control.Answer{Text: m.account().String()} })
	case "logs":
		return control.Answer{Text: m.recent.String()}
	case "stop":
		return m.operate(r, (*supervise.Supervisor).Stop, supervise.Status.Over)
	case "start":
		return m.operate(r, (*supervise.Supervisor).Start, supervise.Status.Settled)
	case "restart":
		return m.operate(r, (*supervise.Supervisor).Restart, supervise.Status.Settled)
	}
	if how := halt.How(r.Verb); how.Known() {
		return m.onLoop(func() control.Answer { return failure(m.end(how, "operator")) })
	}
	return control.Answer{Text: "PID 1 does not know " + control.Plain(r.Verb), Code: control.Unclear}
}

func failure(err error) control.Answer {
	if err == nil {
		return control.Answer{}
	}
	return control.Answer{Text: err.Error(), Code: control.Failed}
}

// onLoop asks the loop, which answers between two events.
func (m *machine) onLoop(ask func() control.Answer) control.Answer {
	answer := make(chan control.Answer, 1)
	m.loop.Post(func() { answer <- ask() })
	select {
	case a := <-answer:
		return a
	case <-time.After(loopWait):
		return control.Answer{Text: "the event loop of PID 1 does not answer", Code: control.Failed}
	}
}

// operate does something to a service, waits until that has come to its end,
// and tells how.
func (m *machine) operate(r control.Request, do func(*supervise.Supervisor, string) error, over func(supervise.Status) bool) control.Answer {
	if r.Name == "" {
		return control.Answer{Text: r.Verb + " what? Name a service; status lists them", Code: control.Unclear}
	}
	var s supervise.Status
	look := func() bool {
		s = m.status(r.Name)
		return over(s)
	}
	answer := m.onLoop(func() control.Answer {
		if m.services == nil {
			return failure(errors.New("services are not started yet: the boot is at " + m.phase))
		}
		if err := do(m.services, r.Name); err != nil {
			return failure(m.explain(err, r.Name))
		}
		look()
		return control.Answer{}
	})
	if answer.Code != control.Done {
		return answer
	}
	done := m.until(look, startWait+s.Patience)
	return m.onLoop(func() control.Answer { return outcome(m.status(r.Name), done, r.Verb == "stop") })
}

// status returns what is known of a service.
func (m *machine) status(name string) supervise.Status {
	for _, s := range m.services.Status() {
		if s.Name == name {
			return s
		}
	}
	return supervise.Status{Name: name}
}

// outcome tells where an operation has led.
func outcome(s supervise.Status, done, stop bool) control.Answer {
	text := control.Plain(s.Name) + ": " + string(s.State)
	up := s.State == supervise.Ready || s.State == supervise.Done
	if s.Last != "" && s.State != supervise.Ready {
		text += ", " + line(s.Last)
	}
	if !done {
		text += "; that is still under way"
	}
	if done && (stop || up) {
		return control.Answer{Text: text}
	}
	return control.Answer{Text: text, Code: control.Failed}
}

// explain adds to an error of the supervisor what may have been meant.
func (m *machine) explain(err error, name string) error {
	text := control.Plain(name) + ": " + err.Error()
	if errors.Is(err, supervise.ErrUnknown) {
		var names []string
		for _, s := range m.services.Status() {
			names = append(names, s.Name)
		}
		if near := suggest.Nearest(name, names); near != "" {
			text += "; did you mean " + near + "?"
		}
	}
	return errors.New(text)
}
