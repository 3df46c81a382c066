// Command guest is what runs in the containers of the tests: a static program
// that does what it is told.
package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	switch verb, arg := os.Args[1], os.Args[2]; verb {
	case "fail": // with this code and last words
		os.Stderr.WriteString("guest: about to fail\n")
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "say":
		os.Stdout.WriteString(arg + "\n")
	case "stay": // end by SIGTERM, with this code
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		<-term
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "deaf": // to SIGTERM
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	}
}
