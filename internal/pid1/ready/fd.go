package ready

import (
	"bytes"
	"context"
	"os"
)

// pipe makes the descriptor of s6's notification-fd: a newline on it says that the
// service is ready, what stands before it says nothing
// (skarnet.org/software/s6/notifywhenup.html).
func pipe() (*Proof, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &Proof{file: w, own: r, follow: func(_ context.Context, _ int, tell func(News)) { read(r, tell) }}, nil
}

// read reads until the pipe is closed. It goes on after the newline, because a
// service that writes more must not be ended by SIGPIPE.
func read(r *os.File, tell func(News)) {
	tell(News{Missed, "it has not written a newline to descriptor 3"})
	ready := false
	for buf := make([]byte, 512); ; {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		if !ready && bytes.Contains(buf[:n], []byte("\n")) {
			ready = true
			tell(News{Kind: Proven})
		}
	}
}
