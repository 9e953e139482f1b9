package transport

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

func TestSessionEnds(t *testing.T) {
	run := func(name string, test func(*testing.T, *talk)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, begin(t, newServer(toolbox()))) })
		})
	}
	run("with the input, once calls are answered", func(t *testing.T, s *talk) {
		s.call("1", "nap", `"5s"`)
		s.call("2", "nap", `"9s"`)
		began := time.Now()
		_ = s.in.Close()
		s.wantText("1", "one zwö drei ")
		s.wantText("2", "one zwö drei ")
		s.wantEnd(nil)
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("the session ended after %v, want 9s", took)
		}
	})
	run("with the input, after a grace", func(t *testing.T, s *talk) {
		s.call("1", "nap", `"1h"`)
		began := time.Now()
		_ = s.in.Close()
		s.wantEnd(nil)
		if took := time.Since(began); took != drainGrace {
			t.Errorf("the session ended after %v, want %v", took, drainGrace)
		}
	})
	run("with the input at once", func(t *testing.T, s *talk) {
		began := time.Now()
		_ = s.in.Close()
		s.wantEnd(nil)
		if took := time.Since(began); took != 0 {
			t.Errorf("the session ended after %v", took)
		}
	})
	run("with an input that breaks", func(t *testing.T, s *talk) {
		s.alive()
		_ = s.in.CloseWithError(io.ErrNoProgress)
		s.wantEnd(io.ErrNoProgress)
	})
	run("with a last line without newline", func(t *testing.T, s *talk) {
		if _, err := io.WriteString(s.in, callLine("1", "nap", `"1s"`, "")); err != nil {
			t.Fatal(err)
		}
		_ = s.in.Close()
		s.wantText("1", "one zwö drei ")
		s.wantEnd(nil)
	})
	run("with its context", func(t *testing.T, s *talk) {
		s.call("1", "wait", "{}")
		s.call("2", "nap", `"1s"`)
		began := time.Now()
		s.stop()
		s.wantEnd(nil)
		if took := time.Since(began); took != 0 {
			t.Errorf("the session ended after %v", took)
		}
	})
	run("with its context, while it drains", func(t *testing.T, s *talk) {
		s.call("1", "wait", "{}")
		_ = s.in.Close()
		time.Sleep(3 * time.Second)
		s.stop()
		began := time.Now()
		s.wantEnd(nil)
		if took := time.Since(began); took != 0 {
			t.Errorf("the session ended after %v", took)
		}
	})
}

// full is a writer that takes a number of writes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(data []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(data), nil
}

func TestSessionEndsWithItsOutput(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes int
		lines []string
	}{
		{"at once", 0, []string{pingLine("1")}},
		{"later", 2, []string{pingLine("1"), pingLine("2"), pingLine("3")}},
		{"by an error", 0, []string{"garbage"}},
		{"by a call", 0, []string{callLine("1", "echo", "", ""), pingLine("2")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, client := io.Pipe()
			defer client.Close()
			ended := make(chan error, 1)
			go func() {
				ended <- newServer(toolbox()).ServeStdio(t.Context(), in, &full{test.takes})
				_ = in.Close()
			}()
			for _, line := range test.lines {
				_, _ = io.WriteString(client, line+"\n") // fails once the session has ended
			}
			select {
			case err := <-ended:
				if !errors.Is(err, errFull) {
					t.Errorf("the session ended with %v, want %v", err, errFull)
				}
			case <-time.After(30 * time.Second):
				t.Error("the session does not end")
			}
		})
	}
}

// stuck is a client that does not read: a write waits until the test ends.
type stuck struct{ released chan struct{} }

func (s stuck) Write(data []byte) (int, error) {
	<-s.released
	return 0, errFull
}

// TestClientThatDoesNotRead is heard all the same: it may cancel, and go.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel() // it mostly waits
	released := make(chan struct{})
	defer close(released)
	begun, canceled := make(chan struct{}), make(chan struct{})
	machine := script(func(event core.Event) ([]core.Effect, error) {
		switch event := event.(type) {
		case *core.Call:
			close(begun)
		case *core.Cancel:
			close(canceled)
			return []core.Effect{answered(event.ID, "")}, nil
		}
		return nil, nil
	})
	in, client := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- newServer(machine).ServeStdio(t.Context(), in, stuck{released}) }()
	say := func(line string) {
		if _, err := io.WriteString(client, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	say(callLine("1", "wait", "{}", ""))
	<-begun // a call that is canceled before never reaches the machine
	for range 120 {
		say(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	}
	say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	select {
	case <-canceled:
	case <-time.After(30 * time.Second):
		t.Fatal("the call was not canceled")
	}
	_ = client.Close()
	select {
	case <-ended:
	case <-time.After(drainGrace + 30*time.Second):
		t.Error("the session does not end")
	}
}
