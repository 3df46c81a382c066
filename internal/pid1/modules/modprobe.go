package modules

import (
	"errors"
	"strings"
)

// Modprobe does what the kernel calls /sbin/modprobe for ("-q -- NAME"), and
// what people type: it loads the modules of all names given. It needs no /proc:
// the kernel's helpers may see another root than PID 1's.
func Modprobe(args []string) error {
	quiet := false
	var names []string
	for i, arg := range args {
		if arg == "--" {
			names = append(names, args[i+1:]...)
			break
		}
		switch {
		case !strings.HasPrefix(arg, "-"):
			names = append(names, arg)
		case strings.Contains(arg, "q"):
			quiet = true
		}
	}
	l, err := OpenLoader()
	if err != nil {
		return err
	}
	return load(l, names, quiet)
}

func load(l *Loader, names []string, quiet bool) error {
	var errs []error
	for _, name := range names {
		if err := l.Load(name); err != nil && !(quiet && errors.Is(err, ErrUnknown)) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
