package main

import (
	"fmt"
	"time"
)

// question is the arguments of a call to one of the provider's models.
func question(model, text, more string) []byte {
	return fmt.Appendf(nil, `{"model":%q,"messages":[{"role":"user","content":%s}]%s}`, model, quoted(text), more)
}

var short = question("short", "Say pong.", "")

// measureStart: from the start of the process to the initialize result, and to
// the answer of a call right behind it.
func measureStart(r *run) error {
	starts, readies := map[string][]float64{}, map[string][]float64{}
	for range r.sizes.starts {
		for _, server := range r.servers {
			err := r.warmUp(server)
			if err == nil {
				var initialize, ready time.Duration
				if initialize, ready, _, err = startOnce(server, r.upstream); err == nil {
					starts[server.name] = append(starts[server.name], milliseconds(initialize))
					readies[server.name] = append(readies[server.name], milliseconds(ready))
				}
			}
			if err != nil {
				r.fault("start", server.name, err)
			}
		}
	}
	for name := range starts {
		r.add("start", name, median(starts[name]))
		r.add("ready", name, median(readies[name]))
	}
	return nil
}

// startOnce starts a server and makes one call. The peak is that of its memory.
func startOnce(server *server, p *upstream) (initialize, ready time.Duration, peak float64, err error) {
	began := time.Now()
	session, err := server.start(p)
	if err != nil {
		return 0, 0, 0, err
	}
	initialize = time.Since(began)
	_, err = session.call(short, "pong")
	ready = time.Since(began)
	if err == nil {
		peak, err = session.memory("VmHWM")
	}
	if closing := session.close(); err == nil {
		err = closing
	}
	return initialize, ready, peak, err
}

// measureLatency: calls one after the other, in blocks of the direct client
// and each server in turn, so that what else the machine does hits all alike.
func measureLatency(r *run) error {
	sessions, end := r.all("latency")
	defer end()
	client := newDirect(r.upstream)
	defer client.client.CloseIdleConnections()
	times := map[string][]float64{}
	block := func(name string, call func([]byte, string) (time.Duration, error)) {
		for range r.sizes.block {
			took, err := call(short, "pong")
			if err != nil {
				r.fault("latency", name, err)
				return
			}
			times[name] = append(times[name], milliseconds(took))
		}
	}
	for range r.sizes.sequential / r.sizes.block {
		block(direct, client.call)
		r.inOrder(sessions, func(name string, s *session) { block(name, s.call) })
	}
	reference := median(times[direct])
	for name, values := range times {
		r.add("latency", name, median(values))
		if name != direct {
			r.add("above", name, median(values)-reference)
		}
	}
	return nil
}

// measureLoad: calls per second and processor time with 64 in flight, each
// server twice.
func measureLoad(r *run) error {
	sessions, end := r.all("load")
	defer end()
	took, used := map[string]time.Duration{}, map[string]time.Duration{}
	const parts = 2
	for range parts {
		r.inOrder(sessions, func(name string, s *session) {
			before, err := s.cpu()
			if err == nil {
				var d time.Duration
				d, err = s.flood(short, "pong", r.sizes.load/parts, 64)
				took[name] += d
			}
			var after time.Duration
			if err == nil {
				after, err = s.cpu()
				used[name] += after - before
			}
			if err != nil {
				r.fault("load", name, err)
			}
		})
	}
	for name := range took {
		r.add("rate", name, float64(r.sizes.load)/took[name].Seconds())
		r.add("cpu", name, float64(used[name].Microseconds())/float64(r.sizes.load))
	}
	return nil
}

// measureBurst: calls all at once, in a process that has made one before.
func measureBurst(r *run) error {
	slow := question("slow", "Say pong.", "")
	return r.each("burst", func(server *server, s *session) error {
		if _, err := s.call(short, "pong"); err != nil {
			return err
		}
		took, err := s.flood(slow, "pong", r.sizes.burst, r.sizes.burst)
		if err == nil {
			r.add("burst", server.name, milliseconds(took))
		}
		return err
	})
}

// measureDelay: what a gateway adds to a provider as slow as real ones are.
func measureDelay(r *run) error {
	sessions, end := r.all("delay")
	defer end()
	slow := question("slow", "Say pong.", "")
	times := map[string][]float64{}
	for range r.sizes.delayed {
		r.inOrder(sessions, func(name string, s *session) {
			took, err := s.call(slow, "pong")
			if err != nil {
				r.fault("delay", name, err)
				return
			}
			times[name] = append(times[name], milliseconds(took))
		})
	}
	for name, values := range times {
		r.add("delay", name, median(values))
	}
	return nil
}
