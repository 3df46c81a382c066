package modules

import (
	"errors"
	"strings"
)

// Modprobe is the command modprobe, called by the kernel ("-q -- NAME") or by a person: it
// loads the modules of all given names. With -q an unknown name is not an error. It does
// not use /proc: the root of the kernel's helpers may not be that of PID 1.
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
