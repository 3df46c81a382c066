package console

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// timestampForm matches the start of a kernel message: seconds and microseconds since the
// start of the kernel, and with CONFIG_PRINTK_CALLER the task or CPU
// (kernel/printk/printk.c, print_prefix).
var timestampForm = regexp.MustCompile(`\[ *(\d{1,9})\.(\d{6})\](?:\[ *[TC]\d+\])? `)

// timestamp returns the time of the first kernel message in a line.
func timestamp(line string) (time.Duration, bool) {
	if strings.IndexByte(line, '[') < 0 {
		return 0, false
	}
	groups := timestampForm.FindStringSubmatch(line)
	if groups == nil {
		return 0, false
	}
	seconds, _ := strconv.Atoi(groups[1])
	micros, _ := strconv.Atoi(groups[2])
	return time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, true
}

// kernelMessages returns the kernel's messages in a line, each up to the end of the line.
// The text of another program may precede them.
func (l Line) kernelMessages() []string {
	if !l.HasKernel {
		return nil
	}
	var messages []string
	for _, at := range timestampForm.FindAllStringIndex(l.Text, -1) {
		messages = append(messages, l.Text[at[1]:])
	}
	return messages
}

// BeforeKernel returns the text in front of the kernel's first message in a line. The
// kernel has interrupted the program that wrote it, which continues in a later line.
// Without a kernel message it is the whole line.
func (l Line) BeforeKernel() string {
	if at := timestampForm.FindStringIndex(l.Text); at != nil {
		return l.Text[:at[0]]
	}
	return l.Text
}
