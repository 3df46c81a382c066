package pid1

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/snapshot"
	"github.com/org/linuxkit-action/internal/pid1/suggest"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

// Timeouts of operations.
const (
	loopTimeout  = 5 * time.Second  // for the loop to handle a request
	startTimeout = 90 * time.Second // for a start: up to a minute for the runtime, and then for readiness
)

// toolName is the name of the operator's command, which is another program.
const toolName = "linuxkit-init"

// serveControl starts to serve the control socket.
func (m *machine) serveControl() {
	server, err := control.Listen(control.Path)
	m.logError(err, "the commands of "+toolName)
	if err == nil {
		guard.Go("control", func() { server.Serve(m.handle) })
	}
}

// handle handles a request. It runs in a goroutine of the client.
func (m *machine) handle(p control.Peer, r control.Request) control.Response {
	how := halt.How(r.Verb)
	var err error
	switch {
	case how.Known():
		err = p.CheckShutDown()
	case slices.Contains([]string{"stop", "start", "restart"}, r.Verb):
		err = p.CheckControl()
	default:
		err = p.CheckRead()
	}
	switch {
	case err != nil:
		return control.Response{Text: control.Sanitize(r.Verb) + ": " + err.Error(), Code: control.Failed}
	case how.Known():
		return m.callLoop(func() control.Response { return errorResponse(m.requestShutdown(how, "operator")) })
	}
	return m.serve(r)
}

// serve serves a request that is allowed and is not a shutdown.
func (m *machine) serve(r control.Request) control.Response {
	switch r.Verb {
	case "status":
		return m.callLoop(func() control.Response { return control.Response{Text: m.snapshot().Text()} })
	case "blame":
		return m.callLoop(func() control.Response { return control.Response{Text: m.bootTimes().Text()} })
	case "logs":
		return control.Response{Text: m.recent.String()}
	case "stop":
		return m.operate(r, (*supervise.Supervisor).Stop, supervise.Status.Over)
	case "start":
		return m.operate(r, (*supervise.Supervisor).Start, supervise.Status.StartFinished)
	case "restart":
		return m.operate(r, (*supervise.Supervisor).Restart, supervise.Status.StartFinished)
	}
	return control.Response{Text: "unknown command " + control.Sanitize(r.Verb), Code: control.Invalid}
}

// snapshot returns the state of the machine for an operator.
func (m *machine) snapshot() snapshot.Machine {
	s := snapshot.Machine{Phase: m.phase, Version: Version, Kernel: kernel(), Now: console.Uptime(), Origin: m.origin}
	for _, o := range m.onboot {
		s.Onboot = append(s.Onboot, snapshot.Onboot{Name: o.name, Result: o.result})
	}
	if m.services == nil {
		return s
	}
	all := m.services.Status()
	m.services.Details(all)
	for _, u := range all {
		s.Services = append(s.Services, snapshot.Service{
			Name: u.Name, State: string(u.State), Pid: u.Pid, Restarts: u.Restarts, Since: u.Since, Last: u.Last, Why: u.Why,
			NeededBy: u.NeededBy, Memory: u.Memory.Used, Limit: u.Memory.Limit, OOMKills: u.OOMKills,
		})
	}
	return s
}

func errorResponse(err error) control.Response {
	if err == nil {
		return control.Response{}
	}
	return control.Response{Text: err.Error(), Code: control.Failed}
}

// callLoop calls fn on the loop and returns its response.
func (m *machine) callLoop(fn func() control.Response) control.Response {
	response := make(chan control.Response, 1)
	m.loop.Post(func() { response <- fn() })
	select {
	case r := <-response:
		return r
	case <-time.After(loopTimeout):
		return control.Response{Text: "timeout: the event loop of PID 1 does not respond", Code: control.Failed}
	}
}

// operate starts an operation on a service, waits until over holds for its status, and returns
// the outcome.
func (m *machine) operate(
	r control.Request, do func(*supervise.Supervisor, string) error, over func(supervise.Status) bool,
) control.Response {
	if r.Name == "" {
		return control.Response{
			Text: r.Verb + ": no service named; " + toolName + " status lists the services", Code: control.Invalid,
		}
	}
	var s supervise.Status
	check := func() bool {
		s = m.status(r.Name)
		return over(s)
	}
	response := m.callLoop(func() control.Response {
		if m.services == nil {
			return errorResponse(errors.New("services are not started yet; the boot is in phase " + m.phase))
		}
		if err := do(m.services, r.Name); err != nil {
			return errorResponse(m.describeError(err, r.Name))
		}
		check()
		return control.Response{}
	})
	if response.Code != control.Done {
		return response
	}
	done := m.waitUntil(check, startTimeout+s.StopTime)
	return m.callLoop(func() control.Response { return operationResponse(m.status(r.Name), done, r.Verb == "stop") })
}

// status returns the status of a service.
func (m *machine) status(name string) supervise.Status {
	for _, s := range m.services.Status() {
		if s.Name == name {
			return s
		}
	}
	return supervise.Status{Name: name}
}

// operationResponse returns the response to an operation on a service, from the status after it.
func operationResponse(s supervise.Status, done, stop bool) control.Response {
	text := control.Sanitize(s.Name) + ": " + string(s.State)
	if s.State == supervise.Waiting && s.Why != "" {
		text += ", " + strings.ReplaceAll(control.Sanitize(s.Why), "\n", " ")
	}
	if s.Last != "" && s.State != supervise.Ready {
		text += ", " + strings.ReplaceAll(control.Sanitize(s.Last), "\n", " ")
	}
	if !done {
		text += " (still in progress)"
	}
	if done && (stop || s.Up()) {
		return control.Response{Text: text}
	}
	return control.Response{Text: text, Code: control.Failed}
}

// describeError adds the name of the service to an error, and a suggestion for an unknown name.
func (m *machine) describeError(err error, name string) error {
	text := control.Sanitize(name) + ": " + err.Error()
	if errors.Is(err, supervise.ErrUnknown) {
		var names []string
		for _, s := range m.services.Status() {
			names = append(names, s.Name)
		}
		if nearest := suggest.Nearest(name, names); nearest != "" {
			return errors.New(text + "; did you mean " + nearest + "?")
		}
		text += "; " + toolName + " status lists the services"
	}
	return errors.New(text)
}
