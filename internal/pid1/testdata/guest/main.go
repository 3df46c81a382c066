// Command guest is what runs in the containers of the tests: a static program
// that does what it is told.
package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	switch verb, arg := os.Args[1], os.Args[2]; verb {
	case "fail": // with this code and last words
		os.Stderr.WriteString("guest: about to fail\n")
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "echo":
		os.Stdout.WriteString(arg + "\n")
	case "print": // and stay
		os.Stdout.WriteString(arg + "\n")
		stay("0")
	case "newline": // behind arg, to descriptor 3
		os.NewFile(3, "").WriteString(arg + "\n")
		stay("0")
	case "notify": // by a process of its own
		p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "send", arg}, &os.ProcAttr{Files: []*os.File{nil, nil, os.Stderr}})
		must(err)
		p.Wait()
		stay("0")
	case "send": // to the socket of sd_notify
		s, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
		must(err)
		must(syscall.Sendto(s, []byte(arg), 0, &syscall.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}))
	case "listen": // at this port
		s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		must(err)
		port, _ := strconv.Atoi(arg)
		must(syscall.Bind(s, &syscall.SockaddrInet4{Port: port}))
		must(syscall.Listen(s, 1))
		stay("0")
	case "stay":
		stay(arg)
	case "await": // the signal of this number, and end with it as code
		number, _ := strconv.Atoi(arg)
		awaited := make(chan os.Signal, 1)
		signal.Notify(awaited, syscall.Signal(number))
		<-awaited
		os.Exit(number)
	case "env": // show the variables that begin so
		for _, v := range os.Environ() {
			if strings.HasPrefix(v, arg) {
				os.Stdout.WriteString(v + "\n")
			}
		}
	case "flood": // with this many bytes, and say so at the end
		n, _ := strconv.Atoi(arg)
		for line := strings.Repeat("x", 99) + "\n"; n > 0; n -= len(line) {
			os.Stdout.WriteString(line)
		}
		os.Stdout.WriteString("the flood is over\n")
		stay("0")
	case "orphans": // dead ones, as many as these, for whoever inherits them
		n, _ := strconv.Atoi(arg)
		for range n {
			switch pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0); {
			case errno != 0:
				panic(errno)
			case pid == 0:
				syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		os.Stdout.WriteString(arg + "\n")
	case "ignoreTERM": // to SIGTERM
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	}
}

// stay ends by SIGTERM, with this code.
func stay(code string) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	n, _ := strconv.Atoi(code)
	os.Exit(n)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
