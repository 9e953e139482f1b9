package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one measurement. It takes part in the first rounds of a run, as many
// as it needs, and gives the figures of its name a sample in each.
type row struct {
	name    string
	rounds  int // 0: all
	measure func(*run) error
}

// rows are in the order in which a round goes through them: the first leaves a
// compiled module in the cache for the others.
var rows = []row{
	{"first-start", 3, measureFirstStart},
	{"start", 0, measureStart},
	{"latency", 0, measureLatency},
	{"load", 0, measureLoad},
	{"burst", 0, measureBurst},
	{"messages", 0, measureMessages},
	{"stream", 0, measureStream},
	{"memory", 3, measureMemory},
	{"in-flight", 3, measureInFlight},
	{"delay", 5, measureDelay},
	{"step", 3, measureStep},
	{"compile", 3, measureCompile},
}

// sizes are how much of everything is done.
type sizes struct {
	starts     int // of each server in a round
	sequential int // calls one after the other, in blocks
	block      int
	load       int // calls with 64 in flight
	burst      int // calls at once
	repeats    int // of large messages and streams
	chunks     int
	delayed    int // calls to the slow provider
	inFlight   int
	sandboxed  int           // in flight
	delay      time.Duration // of the slow provider
	settle     time.Duration // until memory is looked at
	idle       time.Duration // until memory is looked at after large messages
}

var (
	fullSizes = sizes{
		starts: 9, sequential: 600, block: 50, load: 8000, burst: 256, repeats: 7, chunks: 2000, delayed: 8,
		inFlight: 10_000, sandboxed: 2_000, delay: 200 * time.Millisecond, settle: 3 * time.Second, idle: 10 * time.Second,
	}
	quickSizes = sizes{
		starts: 1, sequential: 20, block: 10, load: 400, burst: 32, repeats: 1, chunks: 50, delayed: 2,
		inFlight: 200, sandboxed: 100, delay: 20 * time.Millisecond, settle: 100 * time.Millisecond, idle: 100 * time.Millisecond,
	}
)

// figure is a line of the table.
type figure struct {
	row   string
	name  string // key of samples
	what  string
	unit  string
	goals []goal
}

// goal is what a figure must reach: at most (or at least) bound times the
// reference's figure, or bound itself where there is no reference.
type goal struct {
	of, to  string
	bound   float64
	atLeast bool
}

var figures = []figure{
	{"start", "start", "start to the initialize result", "ms", []goal{{of: native, to: bare, bound: 3.3}}},
	{"latency", "latency", "p50 of a call", "ms", nil},
	{"latency", "above", "p50 of a call above the direct client's", "ms", []goal{{of: native, to: bare, bound: 1.5}}},
	{"load", "rate", "calls per second, 64 in flight", "/s", []goal{{of: native, to: bare, bound: 0.6, atLeast: true}}},
	{"burst", "burst", "256 calls at once, provider of 200 ms, until the last answer", "ms", []goal{{of: native, to: bare, bound: 1.3}}},
	{"messages", "1 MB in", "1 MB message in", "ms", []goal{{of: native, to: bare, bound: 1.5}}},
	{"messages", "8 MB in", "8 MB message in", "ms", []goal{{of: native, to: bare, bound: 1.5}}},
	{"messages", "1 MB out", "1 MB answer out", "ms", []goal{{of: native, to: bare, bound: 1.5}}},
	{"messages", "8 MB out", "8 MB answer out", "ms", []goal{{of: native, to: bare, bound: 1.5}}},
	{"stream", "stream", "stream of 2,000 chunks", "ms", []goal{{of: native, to: bare, bound: 1.3}}},
	{"stream", "stream lost", "of its text, lost in progress", "bytes", []goal{{of: native}, {of: sandboxed}}},
	{"memory", "memory idle", "resident memory, idle", "MB", []goal{{of: native, bound: 15}}},
	{"memory", "memory load", "resident memory after load", "MB", []goal{{of: native, bound: 22}}},
	{"memory", "memory large", "resident memory after 8 MB messages (sandboxed: 1 MB), idle again", "MB", []goal{{of: native, bound: 22}}},
	{"in-flight", "in flight", "10,000 calls in flight (sandboxed: 2,000), memory for each", "kB", []goal{{of: native, bound: 60}, {of: sandboxed, bound: 200}}},
	{"in-flight", "in flight lost", "of them not answered", "calls", []goal{{of: native}, {of: sandboxed}}},
	{"load", "cpu", "processor time of the process per call", "µs", []goal{{of: sandboxed, to: native, bound: 5}}},
	{"step", "step 1 MB", "longest step of a guest, 1 MB in or out", "ms", []goal{{of: sandboxed, bound: 50}}},
	{"step", "step 7 MB", "longest step of a guest, 7 MB in or out", "ms", nil},
	{"delay", "delay", "p50 of a call, provider of 200 ms", "ms", []goal{{of: sandboxed, to: native, bound: 1.03}}},
	{"compile", "module", "module", "MB", []goal{{of: sandboxed, bound: 5}}},
	{"compile", "compile", "compilation of the module", "ms", nil},
	{"compile", "compile ratio", "compilation, as a multiple of an empty Go module's", "", []goal{{of: sandboxed, bound: 2}}},
	{"first-start", "first ready", "first start to the first answer, compilation included", "ms", nil},
	{"first-start", "first initialize", "first start to the initialize result", "ms", []goal{{of: sandboxed, bound: 100}}},
	{"first-start", "first peak", "peak of resident memory at the first start", "MB", []goal{{of: sandboxed, bound: 120}}},
	{"start", "ready", "start to the first answer, module cached", "ms", []goal{{of: sandboxed, bound: 100}}},
}

// run is what rows work with.
type run struct {
	sizes    sizes
	servers  []*server
	upstream *upstream
	home     string
	warm     bool // the module is in the cache
	stale    bool // the module is not of these sources

	samples map[string]map[string][]float64 // by figure and subject, one each round
	faults  []string
	foreign []string // faults of the server that --against names
}

// add takes a sample.
func (r *run) add(figure, subject string, value float64) {
	if r.samples[figure] == nil {
		r.samples[figure] = map[string][]float64{}
	}
	r.samples[figure][subject] = append(r.samples[figure][subject], value)
}

// fault notes what must not happen. Those of a foreign server are its own.
func (r *run) fault(row, subject string, err error) {
	text := fmt.Sprintf("%s: %v", strings.TrimSuffix(row+": "+subject, ": "), err)
	if subject == against {
		r.foreign = append(r.foreign, text)
	} else {
		r.faults = append(r.faults, text)
	}
}

// each measures one server after the other, each in a process of its own. A
// server that fails has no sample, and the others go on.
func (r *run) each(row string, measure func(*server, *session) error) error {
	for _, server := range r.servers {
		if err := r.one(server, measure); err != nil {
			r.fault(row, server.name, err)
		}
	}
	return nil
}

func (r *run) one(server *server, measure func(*server, *session) error) error {
	if err := r.warmUp(server); err != nil {
		return err
	}
	session, err := server.start(r.upstream)
	if err != nil {
		return err
	}
	err = measure(server, session)
	if closing := session.close(); err == nil {
		err = closing
	}
	return err
}

// all starts every server, for measurements that go from one to the next and
// back: an idle process costs nothing.
func (r *run) all(row string) (sessions map[string]*session, end func()) {
	sessions = map[string]*session{}
	for _, server := range r.servers {
		err := r.warmUp(server)
		var session *session
		if err == nil {
			session, err = server.start(r.upstream)
		}
		if err == nil {
			if _, err = session.call(short, "pong"); err != nil {
				_ = session.close() // the call's error says more
			}
		}
		if err != nil {
			r.fault(row, server.name, err)
			continue
		}
		sessions[server.name] = session
	}
	return sessions, func() {
		for name, session := range sessions {
			if err := session.close(); err != nil {
				r.fault(row, name, err)
			}
		}
	}
}

// inOrder are the sessions in the order of the servers.
func (r *run) inOrder(sessions map[string]*session, do func(name string, s *session)) {
	for _, server := range r.servers {
		if s := sessions[server.name]; s != nil {
			do(server.name, s)
		}
	}
}

// warmUp puts the compiled module into the cache.
func (r *run) warmUp(server *server) error {
	if server.name != sandboxed || r.warm {
		return nil
	}
	session, err := server.start(r.upstream)
	if err != nil {
		return err
	}
	_, err = session.call(short, "pong")
	if closing := session.close(); err == nil {
		err = closing
	}
	r.warm = err == nil
	return err
}

func (r *run) server(name string) *server {
	for _, server := range r.servers {
		if server.name == name {
			return server
		}
	}
	return nil
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile lies between the two nearest of the values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
