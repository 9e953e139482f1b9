package transport

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"testing"
	"time"
)

// TestClientThatStopsReading: what a client did not read waits for it, and
// nothing is lost when it comes back.
func TestClientThatStopsReading(t *testing.T) {
	in, client := io.Pipe()
	out, server := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- newServer(toolbox()).ServeStdio(t.Context(), in, server) }()
	const calls = 20
	for i := range calls {
		_, _ = io.WriteString(client, callLine(strconv.Itoa(i), "echo", `"x"`, "")+"\n")
	}
	time.Sleep(50 * time.Millisecond) // long enough for all of them to want to answer
	lines := bufio.NewScanner(out)
	ids := map[string]bool{}
	for range calls {
		if !lines.Scan() {
			t.Fatal("the output ended")
		}
		var m struct{ ID json.RawMessage }
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		ids[string(m.ID)] = true
	}
	if len(ids) != calls {
		t.Errorf("%d of %d calls were answered", len(ids), calls)
	}
	_ = client.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
