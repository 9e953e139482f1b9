package main

import (
	"errors"
	"time"
)

// measureMemory: resident memory of an idle process, after load, and after
// large messages, each after a pause in which memory can be given back.
func measureMemory(r *run) error {
	return r.each("memory", func(server *server, s *session) error {
		if _, err := s.request("tools/list", []byte("{}"), nil); err != nil {
			return err
		}
		if server.name == sandboxed { // or its module would still be on its way
			if _, err := s.call(short, "pong"); err != nil {
				return err
			}
		}
		look := func(figure string, after time.Duration) error {
			time.Sleep(after)
			resident, err := s.memory("VmRSS")
			if err == nil {
				r.add(figure, server.name, resident)
			}
			return err
		}
		if err := look("memory idle", r.sizes.settle/3); err != nil {
			return err
		}
		if _, err := s.flood(short, "pong", r.sizes.load, 64); err != nil {
			return err
		}
		if err := look("memory load", r.sizes.settle); err != nil {
			return err
		}
		size := 8
		if server.name == sandboxed {
			size = sandboxLimit
		}
		for _, large := range largeMessages {
			if large.megabytes != size {
				continue
			}
			if _, err := exchange(s, r.upstream, large.name, large.arguments()); err != nil {
				return err
			}
		}
		return look("memory large", r.sizes.idle)
	})
}

// measureInFlight: the growth of resident memory while many calls wait for the
// provider, and whether all of them are answered. The provider of a process is
// its own, or its predecessor's closed connections would keep ports from it.
func measureInFlight(r *run) error {
	for _, server := range r.servers {
		if server.name == against {
			continue // it is not known how many it takes
		}
		if err := r.inFlight(server); err != nil {
			r.fault("in-flight", server.name, err)
		}
	}
	return nil
}

func (r *run) inFlight(server *server) error {
	calls := r.sizes.inFlight
	if server.name == sandboxed {
		calls = r.sizes.sandboxed
	}
	if err := r.warmUp(server); err != nil {
		return err
	}
	p, err := startUpstream(r.sizes)
	if err != nil {
		return err
	}
	defer p.listener.Close()
	s, err := server.start(p)
	if err != nil {
		return err
	}
	err = func() error {
		if _, err := s.call(short, "pong"); err != nil {
			return err
		}
		before, err := s.memory("VmRSS")
		if err != nil {
			return err
		}
		answered := make(chan error, 1)
		go func() {
			_, err := s.flood(question("held", "Say pong.", ""), "pong", calls, calls)
			answered <- err
		}()
		letGo, err := p.held(calls, patience/2)
		if err == nil {
			time.Sleep(100 * time.Millisecond) // the last one has been counted before it settled
			var during float64
			if during, err = s.memory("VmRSS"); err == nil {
				r.add("in flight", server.name, (during-before)*1024/float64(calls))
			}
		}
		letGo()
		err = errors.Join(err, <-answered)
		if err == nil {
			r.add("in flight lost", server.name, 0)
		} else {
			s.mu.Lock()
			r.add("in flight lost", server.name, float64(max(1, len(s.calls))))
			s.mu.Unlock()
		}
		return err
	}()
	return errors.Join(err, s.close())
}
