package component

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// interruptedOnce breaks the connection in the middle of the first response, and serves the
// requested range of the layer, changed, to the second request.
func interruptedOnce(change func(recorded *httptest.ResponseRecorder, from int)) respondFunc {
	return func(i *interceptor, n int, w http.ResponseWriter, r *http.Request) {
		recorded := i.record(r)
		if n == 1 {
			send(w, recorded, recorded.Body.Len()/2)
		}
		from, size := 0, recorded.Body.Len()
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		recorded.Body.Next(from)
		recorded.Code = http.StatusPartialContent
		recorded.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
		change(recorded, from)
		sendAll(w, recorded)
	}
}

// contentRange replaces the header.
func contentRange(format string) func(*httptest.ResponseRecorder, int) {
	return func(recorded *httptest.ResponseRecorder, from int) {
		size := from + recorded.Body.Len()
		replace := strings.NewReplacer("FROM", fmt.Sprint(from), "LAST", fmt.Sprint(size-1), "SIZE", fmt.Sprint(size))
		recorded.Header().Set("Content-Range", replace.Replace(format))
	}
}

// partialStatus replaces the status, and the body where it is empty.
func partialStatus(code int) func(*httptest.ResponseRecorder, int) {
	return func(recorded *httptest.ResponseRecorder, _ int) {
		if recorded.Code = code; code == http.StatusNoContent {
			recorded.Body.Reset()
		}
	}
}

func TestResumesInterruptedTransfers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(recorded *httptest.ResponseRecorder, from int)
		want   error
		text   string
	}{
		"requested range":      {change: func(*httptest.ResponseRecorder, int) {}},
		"unknown total size":   {change: contentRange("bytes FROM-LAST/*")},
		"no Content-Range":     {change: contentRange(""), want: ErrMalformed, text: `Content-Range is ""`},
		"range from 0":         {change: contentRange("bytes 0-LAST/SIZE"), want: ErrMalformed, text: "requested were bytes"},
		"range of other blob":  {change: contentRange("bytes FROM-LAST/9"), want: ErrMalformed, text: "requested were bytes"},
		"416":                  {change: partialStatus(http.StatusRequestedRangeNotSatisfiable), want: ErrMalformed, text: "416"},
		"204":                  {change: partialStatus(http.StatusNoContent), want: ErrMalformed, text: "204"},
		"longer than the rest": {change: appendByte, want: ErrDigest, text: "more than the"},
		"shorter than the rest": {
			change: func(recorded *httptest.ResponseRecorder, _ int) { recorded.Body.Truncate(recorded.Body.Len() - 1) },
			want:   ErrDigest, text: "in its descriptor",
		},
		"one bit changed": {
			change: func(recorded *httptest.ResponseRecorder, _ int) { recorded.Body.Bytes()[0] ^= 1 },
			want:   ErrDigest, text: "digest mismatch: got sha256:",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &interceptor{match: "/blobs/LAYER", respond: interruptedOnce(tt.change)}
			_, err := pull(t, i, 300_000)
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v", err)
			}
			if len(i.requests) != 2 || i.requests[0].ranges != "" || i.requests[1].ranges == "bytes=0-" ||
				!strings.HasPrefix(i.requests[1].ranges, "bytes=") {
				t.Errorf("requests %v", i.requests)
			}
		})
	}
}

func appendByte(recorded *httptest.ResponseRecorder, _ int) { recorded.Body.WriteByte(0) }

// TestStartsAgainWhereRangeIsIgnored: content that arrived before is not counted twice.
func TestStartsAgainWhereRangeIsIgnored(t *testing.T) {
	t.Parallel()
	i := &interceptor{match: "/blobs/LAYER", respond: brokenConnection(3)}
	got, err := pull(t, i, 300_000)
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := got.Tree.Get("a"); f == nil || f.Size != 300_000 || len(i.requests) != 4 {
		t.Errorf("%d requests, got %v", len(i.requests), f)
	}
}
