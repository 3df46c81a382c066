package pid1

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/logs"
	"github.com/org/linuxkit-action/internal/pid1/suggest"
)

// ownName is what the operator calls this program by.
const ownName = "linuxkit-init"

const usage = `linuxkit-init is the first process of a LinuxKit machine: put it into the image as /init.
Under other names it is modprobe, poweroff, reboot and halt.

Once the machine runs:
  linuxkit-init status               what runs, and since when
  linuxkit-init blame                where the boot time went
  linuxkit-init stop NAME            stop a service until it is started
  linuxkit-init start NAME           start a service that is stopped, or has failed
  linuxkit-init restart NAME         stop a service and start it
  linuxkit-init logs [NAME [-n N]]   last lines of a container's logs, or of PID 1's records
  linuxkit-init poweroff | reboot | halt [-f]
                                     end the machine; -f: without stopping anything
  linuxkit-init kexec                reboot into the kernel that was loaded, as does reboot -k
`

// Bounds of a command.
const (
	answerWait   = 15 * time.Minute // for a service that stops and starts in its own time
	endWait      = 10 * time.Second // for PID 1 to begin a shutdown
	defaultLines = 20
)

// serviceLogs is where LinuxKit puts the logs of services.
const serviceLogs = "/var/log"

var logDirs = []string{serviceLogs, logDir}

// isCommand reports whether a word is what command knows.
func isCommand(word string) bool {
	switch word {
	case "status", "blame", "stop", "start", "restart", "logs", "help", "-h", "--help":
		return true
	}
	return halt.How(word).Known()
}

// command does what an operator types, and returns the exit status: 0 done, 1
// not done, 2 not understood.
func command(args []string) int {
	if len(args) == 0 || !isCommand(args[0]) {
		return say(control.Answer{Text: usage, Code: control.Unclear})
	}
	verb, args := args[0], args[1:]
	switch {
	case verb == "help" || verb == "-h" || verb == "--help":
		return say(control.Answer{Text: usage})
	case halt.How(verb).Known():
		return end(halt.How(verb), args)
	case verb == "logs" && len(args) > 0:
		return showLogs(args)
	}
	takes := 1
	if verb == "status" || verb == "blame" || verb == "logs" {
		takes = 0
	}
	if len(args) > takes {
		return say(control.Answer{Text: verb + ": " + args[takes] + " is too much; see " + ownName + " help", Code: control.Unclear})
	}
	return ask(control.Request{Verb: verb, Name: strings.Join(args, "")})
}

// ask asks PID 1 and shows its answer.
func ask(r control.Request) int {
	answer, err := control.Ask(control.Path, r, answerWait)
	if err != nil {
		return report(err)
	}
	return say(answer)
}

// say shows an answer: on standard output, or on standard error what is not good.
func say(a control.Answer) int {
	to := os.Stdout
	if a.Code != control.Done {
		to = os.Stderr
	}
	if a.Text != "" {
		_, _ = to.WriteString(strings.TrimSuffix(a.Text, "\n") + "\n") // nowhere else to say it
	}
	return a.Code
}

func report(err error) int {
	if err == nil {
		return control.Done
	}
	return say(control.Answer{Text: ownName + ": " + err.Error(), Code: control.Failed})
}

// showLogs shows logs NAME [-n N].
func showLogs(args []string) int {
	lines, err := defaultLines, error(nil)
	if len(args) == 3 && args[1] == "-n" {
		lines, err = strconv.Atoi(args[2])
		args = args[:1]
	}
	if err != nil || lines < 0 || len(args) != 1 {
		return say(control.Answer{Text: "logs NAME -n N; see " + ownName + " help", Code: control.Unclear})
	}
	err = control.Logs(os.Stdout, logDirs, args[0], lines)
	if errors.Is(err, control.ErrNoLog) {
		err = noLog(args[0])
	}
	return report(err)
}

// noLog says where the log that is not there may be.
func noLog(container string) error {
	text := container + ": " + control.ErrNoLog.Error()
	near := suggest.Nearest(container, control.LogNames(logDirs))
	_, err := os.Lstat(logs.Logger)
	switch {
	case near != "":
		text += "; did you mean " + near + "?"
	case err == nil:
		text += "; the machine has a logging daemon, which may have it: try logread"
	}
	return errors.New(text)
}

// end tells PID 1 to end the machine: by the control socket, or where nobody
// answers there by a signal. With -f it is done here and now.
func end(how halt.How, args []string) int {
	force := false
	for _, arg := range args {
		switch {
		case arg == "-f":
			force = true
		case arg == "-k" && how == halt.Reboot:
			how = halt.Kexec
		default:
			return say(control.Answer{Text: string(how) + " does not know " + arg + "; see " + ownName + " help", Code: control.Unclear})
		}
	}
	if force {
		return report(endNow(how))
	}
	answer, err := control.Ask(control.Path, control.Request{Verb: string(how)}, endWait)
	if err != nil {
		return report(signalEnd(how))
	}
	return say(answer)
}

func endNow(how halt.How) error {
	if err := halt.Check(how); err != nil {
		return err
	}
	unix.Sync()
	return os.NewSyscallError("reboot", halt.Now(how))
}

func signalEnd(how halt.How) error {
	for _, s := range signals {
		if s.how == how {
			return os.NewSyscallError("signal PID 1", unix.Kill(1, s.signal))
		}
	}
	return nil
}
