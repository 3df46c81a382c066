// Package operator is linuxkit-init, the operator's command on a running machine. It is a program
// of its own, so that PID 1 stays small: it sends requests to PID 1 on a socket (package control),
// formats the answers, and reads logs itself. Called as poweroff, reboot or halt, it acts as that
// command.
package operator

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/halt"
	"github.com/org/linuxkit-action/internal/pid1/logs"
	"github.com/org/linuxkit-action/internal/pid1/snapshot"
	"github.com/org/linuxkit-action/internal/pid1/suggest"
)

// toolName is the name of this program.
const toolName = "linuxkit-init"

const usage = `linuxkit-init controls a running LinuxKit machine. Called as poweroff, reboot or halt,
it acts as that command. PID 1 of the machine is another program, /init.

  linuxkit-init status               show all containers, their state and since when
  linuxkit-init blame                show how long each step of the boot took
  linuxkit-init stop NAME            stop a service until it is started again
  linuxkit-init start NAME           start a service that is stopped or has failed
  linuxkit-init restart NAME         stop a service and start it again
  linuxkit-init logs [NAME [-n N]]   show the last lines of a container's logs, or PID 1's records
  linuxkit-init poweroff | reboot | halt [-f]
                                     shut down; -f: at once, without stopping services
  linuxkit-init kexec                boot the kernel that is loaded, as does reboot -k
`

// Timeouts of requests to PID 1, and the default of logs -n.
const (
	responseTimeout = 15 * time.Minute // a service may need its own timeouts to stop and start
	endTimeout      = 10 * time.Second // for PID 1 to begin a shutdown
	defaultLines    = 20
)

// logDirs returns the directories of logs: those of services, and of onboot and onshutdown.
func logDirs() []string {
	root := machineRoot()
	return []string{root + "/var/log", root + "/run/log/onboot"}
}

// Main runs the command that args name, and returns its exit code.
func Main(args []string) int {
	if len(args) > 0 && halt.How(filepath.Base(args[0])).Known() {
		return endMachine(halt.How(filepath.Base(args[0])), args[1:])
	}
	return command(args[min(1, len(args)):])
}

// isCommand reports whether command handles a word.
func isCommand(word string) bool {
	switch word {
	case "status", "blame", "stop", "start", "restart", "logs", "help", "-h", "--help":
		return true
	}
	return halt.How(word).Known()
}

// command runs a command of the operator and returns its exit code: 0 done, 1 failed, 2 invalid.
func command(args []string) int {
	if len(args) == 0 || !isCommand(args[0]) {
		return printResponse(control.Response{Text: usage, Code: control.Invalid})
	}
	verb, args := args[0], args[1:]
	switch {
	case verb == "help" || verb == "-h" || verb == "--help":
		return printResponse(control.Response{Text: usage})
	case halt.How(verb).Known():
		return endMachine(halt.How(verb), args)
	case verb == "logs" && len(args) > 0:
		return showLogs(args)
	}
	maxArgs := 1
	if verb == "status" || verb == "blame" || verb == "logs" {
		maxArgs = 0
	}
	if len(args) > maxArgs {
		return invalid(verb + ": unexpected argument " + args[maxArgs])
	}
	response, err := control.Call(machineRoot()+control.Path, control.Request{Verb: verb, Name: strings.Join(args, "")}, responseTimeout)
	if err == nil && response.Code == control.Done {
		response.Text, err = format(verb, response.Text)
	}
	if err != nil {
		return printError(err)
	}
	return printResponse(response)
}

// format formats the text of a response to a verb.
func format(verb, text string) (string, error) {
	switch verb {
	case "status":
		m, err := snapshot.ParseMachine(text)
		return status(m), err
	case "blame":
		b, err := snapshot.ParseBoot(text)
		return blame(b), err
	}
	return text, nil
}

// printResponse prints a response, to standard error unless its code is Done, and returns the code.
func printResponse(a control.Response) int {
	to := os.Stdout
	if a.Code != control.Done {
		to = os.Stderr
	}
	if a.Text != "" {
		_, _ = to.WriteString(strings.TrimSuffix(a.Text, "\n") + "\n") // nowhere to report an error
	}
	return a.Code
}

// invalid prints the error of a command line.
func invalid(text string) int {
	return printResponse(control.Response{Text: text + "; see " + toolName + " help", Code: control.Invalid})
}

// printError prints an error, if there is one, and returns the exit code.
func printError(err error) int {
	if err == nil {
		return control.Done
	}
	return printResponse(control.Response{Text: toolName + ": " + err.Error(), Code: control.Failed})
}

// showLogs runs logs NAME [-n N].
func showLogs(args []string) int {
	lines, err := defaultLines, error(nil)
	if len(args) == 3 && args[1] == "-n" {
		lines, err = strconv.Atoi(args[2])
		args = args[:1]
	}
	if err != nil || lines < 0 || len(args) != 1 {
		return invalid("logs: must be logs NAME [-n N]")
	}
	err = control.Logs(os.Stdout, logDirs(), args[0], lines)
	if errors.Is(err, control.ErrNoLog) {
		err = noLogError(args[0])
	}
	return printError(err)
}

// noLogError describes where a missing log may be.
func noLogError(container string) error {
	text := container + ": " + control.ErrNoLog.Error()
	nearest := suggest.Nearest(container, control.LogNames(logDirs()))
	_, err := os.Lstat(logs.Logger)
	switch {
	case nearest != "":
		text += "; did you mean " + nearest + "?"
	case err == nil:
		text += "; it may be in the logging daemon; try logread"
	}
	return errors.New(text)
}
