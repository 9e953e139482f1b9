package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The subjects of measurements, as the table's head has them.
const (
	direct    = "direct" // a client without a gateway
	bare      = "bare"
	native    = "native"
	sandboxed = "sandboxed"
	against   = "against" // what --against names
)

// server is one of the programs that are measured.
type server struct {
	name    string
	program string
	args    []string
	env     []string
}

// start starts the server, which will ask the provider.
func (s *server) start(p *upstream) (*session, error) {
	command := exec.Command(s.program, s.args...)
	command.Env = append([]string{
		"API_ENDPOINT=" + p.endpoint(), "API_KEY=sk-benchmark", "API_FORMAT=openai", "DEFAULT_MODEL=short",
		"REQUEST_TIMEOUT=300", // none of these calls fails by the clock
	}, s.env...)
	session, err := connect(command)
	if err == nil {
		session.foreign = s.name == against
	}
	return session, err
}

// environment is what every server gets: nothing of the user's but the path,
// or a proxy or a setting of theirs would be measured.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CACHE_HOME=" + cacheOf(home)}
}

func cacheOf(home string) string { return filepath.Join(home, "cache") }

// memory reads a field of the process's status, such as VmRSS, in MB.
func (s *session) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return 0, errors.Join(errNoProc, err)
	}
	_, rest, _ := strings.Cut(string(status), field+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseFloat(number, 64)
	return kilobytes / 1024, err
}

var errNoProc = errors.New("this figure needs the /proc of Linux")

// cpu is the processor time that the process has used until now.
func (s *session) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.command.Process.Pid))
	if err != nil {
		return 0, errors.Join(errNoProc, err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the program's name may hold spaces
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, errNoProc
	}
	ticks := int64(0)
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil // USER_HZ is 100 wherever Go runs
}

// directClient makes the same calls with nothing between.
type directClient struct {
	client http.Client
	url    string
}

func newDirect(p *upstream) *directClient {
	return &directClient{
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}},
		url:    p.endpoint() + "/chat/completions",
	}
}

func (d *directClient) call(arguments []byte, want string) (time.Duration, error) {
	began := time.Now()
	reply, err := d.client.Post(d.url, "application/json", bytes.NewReader(arguments))
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	took := time.Since(began)
	if err == nil && !bytes.Contains(body, []byte(want)) {
		err = fmt.Errorf("an answer lacks its text: %.200s", body)
	}
	return took, err
}
