package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run ends with.
type report struct {
	about  []string // commit, date, machine
	lines  [][]string
	faults []string
	missed int
}

func newReport(r *run, measured []string, rounds int, took time.Duration) *report {
	subjects := []string{direct}
	for _, server := range r.servers {
		subjects = append(subjects, server.name)
	}
	report := &report{
		about: []string{
			"commit " + commit(),
			time.Now().Format("2 January 2006"),
			fmt.Sprintf("%s, %d cores", processor(), runtime.NumCPU()),
			runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
			fmt.Sprintf("%d rounds in %v", rounds, took.Round(time.Second)),
		},
		lines: [][]string{append(append([]string{"what"}, subjects...), "goal", "reached", "of the goal", "")},
	}
	for _, figure := range figures {
		if !slices.Contains(measured, figure.row) {
			continue
		}
		samples := r.samples[figure.name]
		line := []string{figure.what}
		if figure.unit != "" {
			line[0] += ", " + figure.unit
		}
		for _, subject := range subjects {
			line = append(line, cell(samples[subject]))
		}
		if len(samples) == 0 {
			r.fault(figure.row, "", fmt.Errorf("no figure for %q", figure.what))
		}
		if len(figure.goals) == 0 {
			report.lines = append(report.lines, append(line, "", "", "", ""))
		}
		for n, goal := range figure.goals {
			if n > 0 {
				line = make([]string, 1+len(subjects))
			}
			verdict, met := goal.verdict(samples)
			if !met {
				report.missed++
			}
			report.lines = append(report.lines, append(line, verdict...))
		}
	}
	report.faults = slices.Concat(r.faults, r.foreign)
	return report
}

// verdict compares the median of the rounds' ratios with the goal: each round
// has its own noise, which hits both sides of a ratio.
func (g goal) verdict(samples map[string][]float64) (cells []string, met bool) {
	sign, reference := "≤", ""
	if g.atLeast {
		sign = "≥"
	}
	if g.to != "" {
		reference = " × " + g.to
	}
	values := slices.Clone(samples[g.of])
	if g.to != "" {
		references := samples[g.to]
		values = values[:min(len(values), len(references))]
		for n := range values {
			values[n] /= references[n]
		}
	}
	cells = []string{g.of + " " + sign + " " + number(g.bound) + reference}
	if len(values) == 0 {
		return append(cells, "", "", "**no figure**"), false
	}
	reached := median(values)
	met = reached <= g.bound
	if g.atLeast {
		met = reached >= g.bound
	}
	near := ""
	if g.bound != 0 {
		near = fmt.Sprintf("%.0f %%", 100*reached/g.bound)
	}
	verdict := "met"
	if !met {
		verdict = "**missed**"
	}
	return append(cells, fmt.Sprintf("%s (%s to %s)", number(reached), number(slices.Min(values)), number(slices.Max(values))), near, verdict), met
}

// cell is the median and the middle half.
func cell(values []float64) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return number(values[0])
	}
	low, middle, high := number(quantile(values, 0.25)), number(median(values)), number(quantile(values, 0.75))
	if low == high {
		return middle
	}
	return middle + " (" + low + " to " + high + ")"
}

// number has three digits, or all in front of the point.
func number(value float64) string {
	decimals := 0
	for limit := 100.0; decimals < 2 && value < limit && value > -limit; limit /= 10 {
		decimals++
	}
	text := strconv.FormatFloat(value, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// print writes the table for a terminal.
func (r *report) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range r.lines {
		fmt.Fprintln(table, strings.ReplaceAll(strings.Join(line, "\t"), "**", ""))
	}
	_ = table.Flush() // a terminal that is gone needs no table
	fmt.Fprintf(out, "\n%s\n%d goals missed\n", strings.Join(r.about, "; "), r.missed)
	for _, fault := range r.faults {
		fmt.Fprintln(out, "fault:", fault)
	}
}

// markdown is the page for docs/.
func (r *report) markdown() string {
	var page strings.Builder
	page.WriteString(`# Benchmarks

` + "`scripts/bench --out docs/benchmarks.md`" + ` measured this and wrote this page: ` + strings.Join(r.about, "; ") + `.

How to read it: a cell is the median over the rounds, with the middle half of them in brackets; *reached* is the median
of what each round gave (lowest to highest), and only that is held against the goal, since times of different machines or
days cannot be compared. *direct* is a client without a gateway, *bare* the least program that can do the work
([scripts/benchmark/bare](../scripts/benchmark/bare/main.go)), *native* and *sandboxed* are the gateway's two targets.

`)
	for n, line := range r.lines {
		page.WriteString("| " + strings.Join(line, " | ") + " |\n")
		if n == 0 {
			page.WriteString("|" + strings.Repeat(" --- |", len(line)) + "\n")
		}
	}
	for n, fault := range r.faults {
		if n == 0 {
			page.WriteString("\nWhat went wrong in this run:\n\n")
		}
		page.WriteString("- " + strings.ReplaceAll(fault, "\n", " ") + "\n")
	}
	page.WriteString(`
Little of everything, in less than a minute, to see that it works:

` + "```sh\nscripts/bench --quick\n```\n")
	return page.String()
}

// commit is the sources' revision, with a plus where they were changed since.
func commit() string {
	revision, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	text := strings.TrimSpace(string(revision))
	if status, err := exec.Command("git", "status", "--porcelain").Output(); err == nil && len(status) > 0 {
		text += "+"
	}
	return text
}

// processor is the model of this machine's.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	_, rest, found := strings.Cut(string(text), "model name")
	if !found {
		return "an unknown processor"
	}
	rest, _, _ = strings.Cut(rest, "\n")
	return strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
}
