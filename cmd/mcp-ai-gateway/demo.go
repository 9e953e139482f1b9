package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/client"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// demoCalls is how many calls the demonstration times.
const demoCalls = 100

// demo shows the program at work, natively and in the sandbox: a real MCP
// client speaks over pipes to this very program as a second process, whose
// provider is an imitated one on loopback. Nothing leaves the machine.
func demo(ctx context.Context, out io.Writer) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	provider := imitation.New()
	endpoint, stop, err := provider.Serve()
	if err != nil {
		return fmt.Errorf("the imitated provider: %w", err)
	}
	defer stop()
	fmt.Fprintf(out, "An imitated provider answers on %s; nothing leaves this machine.\n", endpoint)

	var figures []*figures
	for _, target := range []struct {
		name, mode string
		out        io.Writer
	}{
		{"native", "off", out},
		{"sandbox", "required", out},
		// The second start finds the compiled module in the cache.
		{"sandbox, again", "required", io.Discard},
	} {
		figure, err := show(ctx, target.out, target.name, len(figures) == 0, exec.CommandContext(ctx, program, "--sandbox="+target.mode, "--config="+os.DevNull), endpoint)
		if err != nil {
			return fmt.Errorf("%s: %w", target.name, err)
		}
		figures = append(figures, figure)
	}
	compare(out, figures)
	return nil
}

// figures are what one target took.
type figures struct {
	name          string
	ready         time.Duration // from the start of the process to the tools
	first, median time.Duration // of calls
	stream        time.Duration
	memory        int64 // resident at the most, bytes; 0: not known here
}

// show has a conversation with one server and prints it.
func show(ctx context.Context, out io.Writer, name string, withTool bool, server *exec.Cmd, endpoint string) (*figures, error) {
	server.Env = append(os.Environ(), "API_FORMAT=openai", "API_ENDPOINT="+endpoint, "API_KEY=demo", "DEFAULT_MODEL=imitated",
		"DESCRIPTION=", "REQUEST_TIMEOUT=", "OUTPUT=")
	for variable := range keyVariables() {
		server.Env = append(server.Env, variable+"=") // nobody but the imitated provider
	}
	var complaints bytes.Buffer
	server.Stderr = &complaints
	stdin, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	figure := &figures{name: name}
	began := time.Now()
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer server.Process.Kill() // does nothing to one that has ended
	peer, err := client.Connect(ctx, stdout, stdin)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, complaints.String())
	}
	tools, err := peer.Tools(ctx)
	if err != nil {
		return nil, err
	}
	figure.ready = time.Since(began)
	if withTool {
		fmt.Fprintln(out, "\nThe tool, as the assistant sees it:")
		for _, tool := range tools {
			fmt.Fprintf(out, "  %s (%s), %d bytes\n", tool.Name, tool.Title, len(tool.Definition))
			fmt.Fprintf(out, "    %s\n", tool.Description)
			fmt.Fprintf(out, "    arguments: %s\n", strings.Join(arguments(tool.Definition), ", "))
		}
	}

	fmt.Fprintf(out, "\n%s: a call, a streamed one, and one that fails\n", strings.ToUpper(name[:1])+name[1:])
	call := func(model, question string, stream bool, progress func(string)) (*client.Answer, time.Duration, error) {
		began := time.Now()
		answer, err := peer.Call(ctx, "chat_completion", map[string]any{
			"model": model, "stream": stream, "messages": []map[string]string{{"role": "user", "content": question}},
		}, progress)
		return answer, time.Since(began), err
	}
	answer, took, err := call("imitated", "Is this thing on?", false, nil)
	if err != nil {
		return nil, err
	}
	figure.first = took
	report(out, answer)

	var pieces []string
	answer, figure.stream, err = call("imitated?chunks=24&gap=2ms", "Tell it piece by piece.", true, func(text string) { pieces = append(pieces, text) })
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "  progress  %d messages before the answer: %s\n", len(pieces), preview(pieces))
	report(out, answer)

	if answer, _, err = call("imitated?status=404", "Anybody there?", false, nil); err != nil {
		return nil, err
	}
	report(out, answer)

	var times []time.Duration
	for range demoCalls {
		_, took, err := call("imitated", "And again?", false, nil)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	figure.median = times[len(times)/2]
	if err := stdin.Close(); err != nil {
		return nil, err
	}
	if err := server.Wait(); err != nil {
		return nil, fmt.Errorf("the server ended with %w\n%s", err, complaints.String())
	}
	figure.memory = peakMemory(server.ProcessState)
	return figure, nil
}

// report prints an answer as the assistant and the person read it.
func report(out io.Writer, answer *client.Answer) {
	label := "answer"
	if answer.IsError {
		label = "error"
	}
	for _, text := range answer.Texts {
		fmt.Fprintf(out, "  %-8s  %s\n", label, text)
	}
	for _, note := range answer.Notes {
		fmt.Fprintf(out, "  %-8s  %s\n", "for you", note)
	}
}

// preview shows the first few pieces of a stream.
func preview(pieces []string) string {
	var shown []string
	for _, piece := range pieces[:min(len(pieces), 6)] {
		shown = append(shown, fmt.Sprintf("%q", piece))
	}
	if len(pieces) > len(shown) {
		shown = append(shown, "...")
	}
	return strings.Join(shown, " ")
}

// arguments are the names of a tool's arguments, in the order of its schema,
// those that are required with a star.
func arguments(definition []byte) []string {
	schema := json.Parse(definition).Get("inputSchema")
	var names []string
	schema.Get("properties").ForEach(func(name, _ json.Value) bool {
		names = append(names, name.String())
		return true
	})
	for _, required := range schema.Get("required").Array() {
		if i := slices.Index(names, required.String()); i >= 0 {
			names[i] += "*"
		}
	}
	return names
}

// compare prints the figures of the targets side by side.
func compare(out io.Writer, all []*figures) {
	row := func(label string, value func(*figures) string) {
		fmt.Fprintf(out, "  %-34s", label)
		for _, figure := range all {
			fmt.Fprintf(out, "%16s", value(figure))
		}
		fmt.Fprintln(out)
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
	fmt.Fprintln(out)
	row("", func(f *figures) string { return f.name })
	row("from start to the list of tools", func(f *figures) string { return ms(f.ready) })
	row("first call", func(f *figures) string { return ms(f.first) })
	row(fmt.Sprintf("a call, median of %d", demoCalls), func(f *figures) string { return ms(f.median) })
	row("a stream of 24 pieces, 2 ms apart", func(f *figures) string { return ms(f.stream) })
	row("memory at its peak", func(f *figures) string {
		if f.memory == 0 {
			return "not known"
		}
		return fmt.Sprintf("%d MB", f.memory>>20)
	})
	if all[1].first > 2*all[2].first {
		fmt.Fprintln(out, "\nThe first sandboxed call waited for the module to be compiled for this machine;\nfrom now on it comes out of the cache.")
	}
}
