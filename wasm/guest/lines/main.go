// Command lines is the engine as a plain command: events as lines of JSON on
// stdin, effects as lines of JSON on stdout, for hosts where only _start is
// easy. docs/abi.md describes the lines. It is meant for GOOS=wasip1 and runs
// natively too.
//
// It ends with 0 at the end of stdin, with 2 after a line that is no event or
// makes no sense, whose number it names on stderr, and with 1 where reading or
// writing fails.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
)

func main() { os.Exit(run(os.Stdin, os.Stdout, os.Stderr)) }

func run(stdin io.Reader, stdout, stderr io.Writer) int {
	engine := core.New()
	lines := bufio.NewReader(stdin)
	var out []byte
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			// Loud, because some runtimes end an idle pipe with an error.
			fmt.Fprintf(stderr, "gateway-lines: reading line %d: %v\n", number, err)
			return 1
		}
		if len(line) == 0 {
			return 0
		}
		event, err := core.DecodeEventLine(line)
		if err != nil {
			fmt.Fprintf(stderr, "gateway-lines: line %d is no event: %v\n", number, err)
			return 2
		}
		effects, err := engine.Step(event)
		if err != nil {
			fmt.Fprintf(stderr, "gateway-lines: line %d: %v\n", number, err)
			return 2
		}
		out = out[:0]
		for _, effect := range effects {
			if out, err = core.AppendEffectLine(out, effect); err != nil {
				fmt.Fprintf(stderr, "gateway-lines: an effect of line %d: %v\n", number, err)
				return 1
			}
		}
		if len(out) == 0 {
			continue
		}
		if _, err := stdout.Write(out); err != nil { // at once: the host waits for it
			fmt.Fprintf(stderr, "gateway-lines: writing the effects of line %d: %v\n", number, err)
			return 1
		}
	}
}
