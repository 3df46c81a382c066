// Command guest is the program in the containers of the tests: guest VERB ARG.
package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// verbs are what guest can do.
var verbs = map[string]func(arg string){
	"echo":       func(arg string) { os.Stdout.WriteString(arg + "\n") },
	"print":      func(arg string) { os.Stdout.WriteString(arg + "\n"); stay("0") },
	"newline":    func(arg string) { os.NewFile(3, "").WriteString(arg + "\n"); stay("0") },
	"fail":       fail,
	"stay":       stay,
	"notify":     notify,
	"send":       send,
	"listen":     listen,
	"await":      await,
	"env":        env,
	"flood":      flood,
	"orphans":    orphans,
	"ignoreTERM": ignoreTERM,
	"hang":       hang,
}

func main() { verbs[os.Args[1]](os.Args[2]) }

// fail exits with the code arg.
func fail(arg string) {
	os.Stderr.WriteString("guest: about to fail\n")
	os.Exit(number(arg))
}

// stay exits with the code arg on SIGTERM.
func stay(arg string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	os.Exit(number(arg))
}

// notify sends arg to NOTIFY_SOCKET from a child process, and stays.
func notify(arg string) {
	p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "send", arg}, &os.ProcAttr{Files: []*os.File{nil, nil, os.Stderr}})
	must(err)
	p.Wait()
	stay("0")
}

// send sends arg to NOTIFY_SOCKET.
func send(arg string) {
	s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	must(err)
	must(syscall.Sendto(s, []byte(arg), 0, &syscall.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}))
}

// listen listens on the TCP port arg, and stays.
func listen(arg string) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	must(syscall.Bind(s, &syscall.SockaddrInet4{Port: number(arg)}))
	must(syscall.Listen(s, 1))
	stay("0")
}

// await exits on the signal with the number arg, which is also its exit code.
func await(arg string) {
	awaited := make(chan os.Signal, 1)
	signal.Notify(awaited, syscall.Signal(number(arg)))
	<-awaited
	os.Exit(number(arg))
}

// env prints the environment variables that begin with arg.
func env(arg string) {
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, arg) {
			os.Stdout.WriteString(v + "\n")
		}
	}
}

// flood prints at least arg bytes and a last line, and stays.
func flood(arg string) {
	line := strings.Repeat("x", 99) + "\n"
	for n := number(arg); n > 0; n -= len(line) {
		os.Stdout.WriteString(line)
	}
	os.Stdout.WriteString("the flood is over\n")
	stay("0")
}

// orphans leaves arg zombies to the parent.
func orphans(arg string) {
	for range number(arg) {
		switch pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0); {
		case errno != 0:
			panic(errno)
		case pid == 0:
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	os.Stdout.WriteString(arg + "\n")
}

// ignoreTERM ignores SIGTERM.
func ignoreTERM(string) {
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(time.Hour)
}

// hang mounts a FUSE file system that never answers on the directory arg.
func hang(arg string) {
	must(os.MkdirAll(arg, 0o755))
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR, 0)
	must(err)
	options := "fd=" + strconv.Itoa(fd) + ",rootmode=40000,user_id=0,group_id=0"
	must(syscall.Mount("hang", arg, "fuse", 0, options))
	os.Stderr.WriteString("mounted\n")
	time.Sleep(time.Hour)
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
