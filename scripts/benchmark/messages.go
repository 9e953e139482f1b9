package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// largeMessages are calls with a large message in or a large answer out.
var largeMessages = []struct {
	name      string
	megabytes int
	arguments func() []byte
}{
	{"1 MB in", 1, func() []byte { return question("short", prose(megabyte), "") }},
	{"8 MB in", 8, func() []byte { return question("short", prose(8*megabyte), "") }},
	{"1 MB out", 1, func() []byte { return question("1 MB", "Say much.", "") }},
	{"8 MB out", 8, func() []byte { return question("8 MB", "Say much.", "") }},
}

// sandboxLimit is up to where a guest is given messages, in MB: below the
// limit of the sandbox, which is 8 MB in arguments or reply.
const sandboxLimit = 1

// exchange makes one call with a large message.
func exchange(s *session, p *upstream, name string, arguments []byte) (time.Duration, error) {
	reply := p.replies["short"]
	if strings.HasSuffix(name, "out") {
		reply = p.replies[strings.TrimSuffix(name, " out")]
	}
	took, err := s.call(arguments, string(bytes.Trim(quoted(reply.text), `"`)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return took, nil
}

func measureMessages(r *run) error {
	sessions, end := r.all("messages")
	defer end()
	for _, large := range largeMessages {
		arguments := large.arguments()
		times := map[string][]float64{}
		for range r.sizes.repeats {
			r.inOrder(sessions, func(name string, s *session) {
				if name == sandboxed && large.megabytes > sandboxLimit {
					return
				}
				took, err := exchange(s, r.upstream, large.name, arguments)
				if err != nil {
					r.fault("messages", name, err)
					return
				}
				times[name] = append(times[name], milliseconds(took))
			})
		}
		for name, values := range times {
			r.add(large.name, name, median(values))
		}
	}
	return nil
}

// measureStream: a stream with progress, until its answer. All of its text
// must have come as progress by then.
func measureStream(r *run) error {
	sessions, end := r.all("stream")
	defer end()
	want := r.upstream.replies["stream"].text
	arguments := question("stream", "Say many words.", `,"stream":true`)
	times, lost := map[string][]float64{}, map[string]float64{}
	for range r.sizes.repeats {
		r.inOrder(sessions, func(name string, s *session) {
			var shown strings.Builder
			answer, took, err := s.timed("tools/call", arguments, func(text string) { shown.WriteString(text) })
			// A foreign server may answer in whatever form.
			if err == nil && name != against && !bytes.Contains(answer, []byte(want)) {
				err = fmt.Errorf("the answer lacks its text: %.200s", answer)
			}
			if err != nil {
				r.fault("stream", name, err)
				return
			}
			times[name] = append(times[name], milliseconds(took))
			missing := float64(len(want) - shown.Len())
			if missing == 0 && shown.String() != want {
				missing = float64(len(want)) // in a wrong order is lost
			}
			lost[name] = max(lost[name], missing, -missing)
		})
	}
	for name, values := range times {
		r.add("stream", name, median(values))
		r.add("stream lost", name, lost[name])
		if lost[name] != 0 && name != against {
			r.fault("stream", name, fmt.Errorf("%.0f bytes of the text were lost or double", lost[name]))
		}
	}
	return nil
}
