// Command serve runs one imitated provider as a process of its own, for trying
// the gateway, or any other client, by hand:
//
//	go run ./transport/imitation/serve
//
// It prints the endpoint, such as http://127.0.0.1:40123/v1, which is the same
// for all wire forms, and answers there until it is interrupted. What it answers
// to, and how a model's name steers it, is in the comment of package imitation.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, out io.Writer) error {
	endpoint, stop, err := imitation.New().Serve()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(out, endpoint)
	<-ctx.Done()
	return nil
}
