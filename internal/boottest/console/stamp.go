package console

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// stampForm is how the kernel begins a message: seconds and microseconds since its
// start, and with CONFIG_PRINTK_CALLER the task or CPU (kernel/printk/printk.c,
// print_prefix).
var stampForm = regexp.MustCompile(`\[ *(\d{1,9})\.(\d{6})\](?:\[ *[TC]\d+\])? `)

// stamp returns the time of the first kernel message in a line.
func stamp(line string) (time.Duration, bool) {
	if strings.IndexByte(line, '[') < 0 {
		return 0, false
	}
	f := stampForm.FindStringSubmatch(line)
	if f == nil {
		return 0, false
	}
	seconds, _ := strconv.Atoi(f[1])
	micros, _ := strconv.Atoi(f[2])
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, true
}

// kernelMessages returns the kernel's messages in a line, each up to the line's end.
// One may stand behind the unfinished text of somebody else.
func kernelMessages(l Line) []string {
	if !l.Stamped {
		return nil
	}
	var messages []string
	for _, at := range stampForm.FindAllStringIndex(l.Text, -1) {
		messages = append(messages, l.Text[at[1]:])
	}
	return messages
}

// Unfinished returns what stands in front of the kernel's first message in a line: the
// text of somebody whom the kernel has interrupted, and who goes on in a later line. It
// is the whole line where there is no such message.
func (l Line) Unfinished() string {
	if at := stampForm.FindStringIndex(l.Text); at != nil {
		return l.Text[:at[0]]
	}
	return l.Text
}
