package control

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Peer is what a client is allowed to request. A path to the socket is no permission: a container
// that binds /run has that, with user 0 and without a capability. What counts is what the process
// could do to PID 1 without the socket.
type Peer struct {
	ShutDown bool // it could call reboot(2), or send signals to PID 1
	Control  bool // it could send signals to the processes of other containers
}

// Errors of requests that a client may not make.
var (
	ErrNoShutdown = errors.New("permission denied: a container needs pid: host or the capability CAP_SYS_BOOT")
	ErrNoControl  = errors.New("permission denied: a container needs pid: host or the capability CAP_KILL")
	ErrNoRead     = errors.New("permission denied: a container needs pid: host or a capability, CAP_KILL or CAP_SYS_BOOT")
)

// CheckRead returns an error if the client may not read the state of the machine.
func (p Peer) CheckRead() error {
	if p.ShutDown || p.Control {
		return nil
	}
	return ErrNoRead
}

// CheckControl returns an error if the client may not start and stop services.
func (p Peer) CheckControl() error {
	if p.Control {
		return nil
	}
	return ErrNoControl
}

// CheckShutDown returns an error if the client may not shut the machine down.
func (p Peer) CheckShutDown() error {
	if p.ShutDown {
		return nil
	}
	return ErrNoShutdown
}

// peerOf returns what the client at the other end of a socket may request, and its user when it
// connected (unix(7), SO_PEERCRED). The process is held by its pidfd, so that no other one with the
// same pid is examined in its place; kernels before 6.5 have no SO_PEERPIDFD.
func peerOf(client *os.File) (peer Peer, user uint32, err error) {
	raw, err := client.SyscallConn()
	if err != nil {
		return Peer{}, 0, err
	}
	controlErr := raw.Control(func(fd uintptr) { peer, user, err = examine(int(fd)) })
	return peer, user, errors.Join(controlErr, err)
}

func examine(socket int) (Peer, uint32, error) {
	cred, err := unix.GetsockoptUcred(socket, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, 0, os.NewSyscallError("getsockopt", err)
	}
	pidfd, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if errors.Is(err, unix.ENOPROTOOPT) {
		return permissions(int(cred.Pid)), cred.Uid, nil
	}
	if err != nil { // the process has exited
		return Peer{}, cred.Uid, nil
	}
	defer unix.Close(pidfd)
	peer := permissions(int(cred.Pid))
	if unix.PidfdSendSignal(pidfd, 0, nil, 0) != nil {
		return Peer{}, cred.Uid, nil // it exited meanwhile
	}
	return peer, cred.Uid, nil
}

// permissions examines a process: in the user namespace of PID 1, and in its pid namespace or with
// a capability. A process outside the pid namespace of PID 1 has pid 0 and no permission.
func permissions(pid int) Peer {
	dir := "/proc/" + strconv.Itoa(pid)
	if pid <= 0 || !sameNamespace(dir, "user") {
		return Peer{}
	}
	if sameNamespace(dir, "pid") {
		return Peer{ShutDown: true, Control: true}
	}
	caps := effectiveCaps(dir)
	return Peer{ShutDown: caps>>unix.CAP_SYS_BOOT&1 == 1, Control: caps>>unix.CAP_KILL&1 == 1}
}

func sameNamespace(dir, kind string) bool {
	own, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		return false
	}
	other, err := os.Readlink(dir + "/ns/" + kind)
	return err == nil && own == other
}

// effectiveCaps returns the effective capabilities of a process (proc_pid_status(5)), or none.
func effectiveCaps(dir string) uint64 {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "\nCapEff:\t")
	digits, _, _ := strings.Cut(after, "\n")
	caps, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0
	}
	return caps
}
