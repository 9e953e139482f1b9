// Command benchmark measures the gateway, natively and sandboxed, beside a
// bare program and whatever else is named, in interleaved rounds, and says
// whether the project's goals are met. scripts/bench runs it.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

const usage = `usage: scripts/bench [options]

Measures the gateway beside a bare program that does the least, and prints what
was reached of the goals. Figures of one run can be compared; those of two days
or two machines cannot: the goals are ratios.

`

func main() {
	if len(os.Args) == 3 && os.Args[1] == compileCommand {
		took, err := compileHere(os.Args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(took)
		return
	}
	os.Exit(benchmark())
}

// benchmark returns 0 when every row has its figures and no call was lost,
// whether or not goals were met; 1 otherwise; 2 for a wrong command line.
func benchmark() int {
	flags := pflag.NewFlagSet("scripts/bench", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage+flags.FlagUsages()) }
	quick := flags.Bool("quick", false, "little of everything, once: whether it works, not how fast")
	only := flags.StringSlice("rows", nil, "only these measurements: "+strings.Join(rowNames(), ", "))
	rounds := flags.Int("rounds", 9, "how often everything is measured")
	other := flags.String("against", "", "another server's command, such as 'node build/index.js', from the repository's root")
	out := flags.String("out", "", "also write the table to this file, such as docs/benchmarks.md")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	for _, name := range *only {
		if !slices.Contains(rowNames(), name) {
			fmt.Fprintf(os.Stderr, "--rows: got %q, allowed: %s\n", name, strings.Join(rowNames(), ", "))
			return 2
		}
	}
	if flags.NArg() > 0 || *rounds < 1 {
		flags.Usage()
		return 2
	}
	// The provider and the client are in this process: they should not collect
	// garbage in the middle of somebody's measurement.
	debug.SetGCPercent(400)

	r := &run{sizes: fullSizes, samples: map[string]map[string][]float64{}}
	if *quick {
		r.sizes, *rounds = quickSizes, 1
	}
	if err := r.prepare(*other); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(r.home)
	began := time.Now()
	measured := r.measure(*only, *rounds)
	report := newReport(r, measured, *rounds, time.Since(began))
	if r.stale {
		report.about = append(report.about, "the tracked module, which was measured, is not of these sources")
	}
	if *quick {
		report.about = append(report.about, "--quick, far smaller than the table says: its figures mean nothing")
	}
	report.print(os.Stdout)
	if *out != "" {
		if err := os.WriteFile(*out, []byte(report.markdown()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if len(r.faults) > 0 {
		return 1
	}
	return 0
}

func rowNames() (names []string) {
	for _, row := range rows {
		names = append(names, row.name)
	}
	return names
}

// prepare builds the programs into a folder that is also their home, and
// starts the provider.
func (r *run) prepare(other string) (err error) {
	if r.home, err = os.MkdirTemp("", "gateway-benchmark-"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(r.home)
		}
	}()
	build := exec.Command("scripts/build")
	build.Env = append(os.Environ(), "BIN="+r.home)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("scripts/build: %w\n%s", err, out)
	}
	inside, err := module.Reactor()
	if err != nil {
		return err
	}
	fresh, err := os.ReadFile(filepath.Join(r.home, "gateway.wasm"))
	if err != nil {
		return err
	}
	r.stale = !bytes.Equal(inside, fresh)
	program, reference := filepath.Join(r.home, "mcp-ai-gateway"), filepath.Join(r.home, bare)
	build = exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", reference, "./scripts/benchmark/bare")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as scripts/build does
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the bare program: %w\n%s", err, out)
	}
	env := environment(r.home)
	r.servers = []*server{
		{name: bare, program: reference, env: env},
		{name: native, program: program, env: append([]string{"SANDBOX=off"}, env...)},
		{name: sandboxed, program: program, env: append([]string{"SANDBOX=required"}, env...)},
	}
	if other != "" {
		// exec: the process that is looked at is the server, not the shell.
		r.servers = append(r.servers, &server{name: against, program: "sh", args: []string{"-c", "exec " + other}, env: env})
	}
	r.upstream, err = startUpstream(r.sizes)
	return err
}

// measure goes through all rows in each round and returns the names of those
// that were measured.
func (r *run) measure(only []string, rounds int) (measured []string) {
	for round := range rounds {
		for _, row := range rows {
			if len(only) > 0 && !slices.Contains(only, row.name) || row.rounds > 0 && round >= row.rounds {
				continue
			}
			if round == 0 {
				measured = append(measured, row.name)
			}
			fmt.Fprintf(os.Stderr, "\r\x1b[Kround %d of %d: %s", round+1, rounds, row.name)
			if err := row.measure(r); err != nil {
				r.fault(row.name, "", err)
			}
		}
	}
	fmt.Fprint(os.Stderr, "\r\x1b[K")
	return measured
}
