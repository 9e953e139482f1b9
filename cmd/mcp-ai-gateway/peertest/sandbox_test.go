package peertest

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// auto is the sandbox wherever it can run, and it can where these tests do.
var auto = target{title: "auto", mode: "auto", name: "wasm"}

// TestStartOrder: while the module is compiled for the first time, which takes
// seconds, the program has long said what it is. Clients give up on servers
// that are slow to answer, and would show no tool.
func TestStartOrder(t *testing.T) {
	empty := t.TempDir()
	p := open(t, sandbox, endpoint, empty)
	// The call goes first, so that it has every chance to be in the way.
	p.send(initialize, callLine("1", question{text: "Hello"}, ""), request("2", "tools/list"))
	p.result("0")
	p.result("2")
	// What has been compiled is written to the cache.
	if compiled := files(t, empty); len(compiled) > 0 {
		t.Errorf("the tools were listed only after the module was compiled: %v", compiled)
	}
	m := p.result("1")
	if got := m.answer(t); got != said("Hello") {
		t.Errorf("the first answer is %q", got)
	}
	if !strings.Contains(m.line, `"target":"wasm"`) {
		t.Errorf("the first call was not the sandbox's: %s", m)
	}
	if len(files(t, empty)) == 0 {
		t.Error("the cache stays empty: this test would not notice if everything had waited for the compiler")
	}
	p.endSilently()
}

// files are the files in a folder and those below.
func files(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAuto(t *testing.T) {
	p := connect(t, auto, versions[0], endpoint)
	for range 3 {
		result := p.answerTo(t, question{text: "Where are you?"})
		if got := textOf(t, result, 0); got != said("Where are you?") {
			t.Errorf("the answer is %q", got)
		}
		if completion := readMeta(t, result.Meta).Completion; completion == nil || completion.Gateway.Target != "wasm" {
			t.Errorf("the completion is %+v", completion)
		}
	}
}

// TestGuestDies: answers that together do not fit into a guest's memory cost
// the calls of that guest and no other. Where the sandbox is required there is
// always another guest; auto runs natively after the third death.
func TestGuestDies(t *testing.T) {
	for _, test := range []struct {
		on         target
		afterwards string
	}{{sandbox, "wasm"}, {auto, "native"}} {
		t.Run(test.on.title, func(t *testing.T) {
			p := connectTalkative(t, test.on, versions[0], endpoint)
			const deaths, answers = 3, 40 // each of which keeps some 4 MB
			for death := range deaths {
				result := p.answerTo(t, question{text: "Still there?"})
				if completion := readMeta(t, result.Meta).Completion; completion == nil || completion.Gateway.Target != "wasm" {
					t.Errorf("after %d deaths the completion is %+v", death, completion)
				}
				kinds := make(chan string)
				for range answers {
					go func() {
						result, err := p.ask(timeLimit(t), question{model: "imitated?size=8000000&fault=stall", text: "Everything!"})
						if err != nil {
							kinds <- err.Error()
						} else if fault := readMeta(t, result.Meta).Error; fault != nil {
							kinds <- fault.Kind
						} else {
							kinds <- ""
						}
					}()
				}
				died := 0
				for range answers {
					switch kind := <-kinds; kind {
					case "": // it was done before the guest died
					case "internal":
						died++
					default:
						t.Errorf("8 MB of answer give %s", kind)
					}
				}
				if died == 0 {
					t.Fatal("no guest died of 160 MB of halves of answers")
				}
			}
			result := p.answerTo(t, question{text: "And now?"})
			if completion := readMeta(t, result.Meta).Completion; completion == nil || completion.Gateway.Target != test.afterwards {
				t.Errorf("after %d deaths the completion is %+v", deaths, completion)
			}
			p.end(t)
			stderr := p.record.stderr.String()
			if got := strings.Count(stderr, "a machine died"); got != deaths {
				t.Errorf("stderr knows of %d deaths: %s", got, stderr)
			}
			if told := strings.Contains(stderr, "running without the sandbox"); told != (test.afterwards == "native") {
				t.Errorf("stderr about running natively: %s", stderr)
			}
		})
	}
}

// TestTooLarge: what is longer than a machine can bear is refused, and costs
// no machine.
func TestTooLarge(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		size := "67108864" // the most that the imitation makes; JSON around it goes beyond 64 MiB
		if on.title == sandbox.title {
			size = "8388608"
		}
		p := connect(t, on, versions[0], endpoint)
		result, err := p.ask(timeLimit(t), question{model: "imitated?size=" + size, text: "Everything!"})
		if err != nil {
			t.Fatal(err)
		}
		if fault := readMeta(t, result.Meta).Error; fault == nil || fault.Kind != "too_large" {
			t.Errorf("it gives %+v: %.200s", fault, textOf(t, result, 0))
		}
		p.answerTo(t, question{text: "Still there?"})
		p.end(t)
	})
}
