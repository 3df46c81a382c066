package containerd

import (
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

func TestWhatCtrSaysOfTheEndOfATask(t *testing.T) {
	t.Parallel()
	warning := func(code string) string {
		return `time="2026-11-21T13:31:42Z" level=warning msg="task web exit with non-zero exit code ` + code + `"`
	}
	for said, want := range map[string]string{
		"":                  "exit 0",
		warning("3"):        "exit 3",
		warning("137"):      "signal SIGKILL",
		warning("143"):      "signal SIGTERM",
		warning("255"):      "exit 255",
		warning("128"):      "exit 128",
		"exit with code 3":  "unknown",
		warning("x"):        "unknown",
		warning("99999999"): "unknown",
	} {
		status, known := statusOf(said)
		key, value := process.Outcome(status)
		got := key + " " + value
		if !known {
			got = "unknown"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", said, got, want)
		}
	}
}
