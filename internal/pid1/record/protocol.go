package record

// This file is the protocol between PID 1 (the writer) and the boot test (the
// reader): every event, key and value that the reader acts on is a constant here.
//
//	event       keys                                                value
//	start       version, kernel                                     text
//	milestone   name                                                one of Milestone…
//	onboot      name, one of exit|signal|error, ms                  see below
//	onshutdown  as onboot
//	starting    service, pid                                        text, decimal
//	ready       service, ms                                         text, decimal
//	exited      service, one of code|signal|error, restarts, tail   tail is absent after code 0 and at shutdown
//	failed      service or onboot or onshutdown, reason, tail       text
//	state       phase, onboot, services, part                       lists, see below
//	blame       total, items                                        decimal; NAME:MS,…
//	shutdown    how, cause                                          poweroff, reboot, halt or kexec; text
//	bye         how, ms, stopped, killed                            stopped and killed are counts of services
//	log         level, msg                                          debug, info, warn or error; text
//	log         level, msg, service, killed, processes              a service was killed; killed is one of Killed…;
//	                                                                processes lists those that were left, "12 (sh), …"
//
// Every record also has at. Times (ms, at, total and those in items) are decimal
// milliseconds; at counts from the start of the kernel (CLOCK_BOOTTIME).
//
// How a process ended: exit and code are its exit status, 0 to 255; signal is a
// name, such as SIGKILL; error is the reason why it could not be run to its end.
//
// The items of a list in state are separated by commas: onboot is NAME:RESULT, where RESULT is ResultRunning, ResultError,
// an exit status or the name of a signal; services is NAME:STATE:RESTARTS, where
// STATE is one of State…. In these names, and in those of items, bytes that separate
// items or are not printable ASCII are written as %XX. Lists that do not fit one
// record are continued in the next; part is then N/OF, from 1/OF.
//
// Bounds: a record is at most MaxLen bytes long; the longest value is cut to fit.
// A tail has at most TailLines lines and TailBytes bytes.
//
// Values come from the guest: a reader must accept any bytes in text, and ignore unknown
// events, keys and values.

// Events.
const (
	Start      = "start"      // PID 1 runs
	Milestone  = "milestone"  // the boot has reached a milestone
	Onboot     = "onboot"     // an onboot container has ended
	Onshutdown = "onshutdown" // an onshutdown container has ended
	Starting   = "starting"   // the process of a service was started
	Ready      = "ready"      // a service is ready
	Exited     = "exited"     // the process of a service has ended, or could not be started
	Failed     = "failed"     // a container has failed, and is not started again
	State      = "state"      // the state of all containers, after every change
	Blame      = "blame"      // how long each step of the boot took
	Shutdown   = "shutdown"   // a shutdown begins
	Bye        = "bye"        // the last record: the machine powers off or reboots now
	Log        = "log"        // a message
)

// Keys.
const (
	KeyAt        = "at"
	KeyCause     = "cause"
	KeyCode      = "code"
	KeyError     = "error"
	KeyExit      = "exit"
	KeyHow       = "how"
	KeyItems     = "items"
	KeyKernel    = "kernel"
	KeyKilled    = "killed" // of bye: a count; of log: one of Killed…
	KeyLevel     = "level"
	KeyMessage   = "msg"
	KeyName      = "name"
	KeyOOM       = "oom" // processes killed for lack of memory: a count; of state: NAME:COUNT,…
	KeyOnboot    = "onboot"
	KeyPart      = "part"
	KeyPhase     = "phase"
	KeyPid       = "pid"
	KeyProcesses = "processes"
	KeyReason    = "reason"
	KeyRestarts  = "restarts"
	KeyService   = "service"
	KeyServices  = "services"
	KeySignal    = "signal"
	KeyStopped   = "stopped"
	KeyTail      = "tail"
	KeyTime      = "ms"
	KeyTotal     = "total"
	KeyVersion   = "version"
)

// Milestones of a boot, in their order.
const (
	MilestoneEarly      = "early"      // file systems are mounted, records are written
	MilestoneModules    = "modules"    // drivers of the devices are loaded
	MilestoneNetwork    = "network"    // loopback is up, and onboot, which configures the rest, is done
	MilestoneOnboot     = "onboot"     // every onboot container has ended
	MilestoneContainerd = "containerd" // containerd responds
	MilestoneServices   = "services"   // the supervisor has begun to start services
	MilestoneReady      = "ready"      // every service is ready
)

// Phases of a machine: the value of phase.
const (
	PhaseEarly    = "early"
	PhaseOnboot   = "onboot"
	PhaseServices = "services"
	PhaseReady    = "ready"
	PhaseShutdown = "shutdown"
)

// States of a service.
const (
	StateWaiting  = "waiting"  // for a service or milestone it comes after, or for a free start slot
	StateStarting = "starting" // started, but not ready: not yet or no longer
	StateReady    = "ready"
	StateExited   = "exited" // has ended, will be restarted
	StateFailed   = "failed" // has ended, will not be restarted
	StateDone     = "done"   // has ended with code 0, and its policy does not restart it
	StateStopping = "stopping"
	StateStopped  = "stopped"
)

// Results of an onboot container, beside its exit status and the name of a signal.
const (
	ResultRunning = "running"
	ResultError   = KeyError // it could not be run to its end
)

// Reasons why PID 1 killed a service: the value of killed in a log record. That a
// service has ended by SIGKILL does not show it: a process that does not handle its
// stop signal is killed at once, which is a normal stop.
const (
	KilledStopTimeout  = "stop-timeout"  // it did not end within stop.timeout of its stop signal
	KilledReadyTimeout = "ready-timeout" // it was stopped because it was not ready in time, and then did not end
)

// Bounds of a tail: the last output of a container that has failed.
const (
	TailLines = 5
	TailBytes = 500
)
