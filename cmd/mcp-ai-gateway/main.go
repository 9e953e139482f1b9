// Command mcp-ai-gateway is an MCP server that lets an AI assistant ask any
// other model. Run without arguments it speaks MCP over stdin and stdout.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

const usage = `Usage: mcp-ai-gateway [--sandbox=off|auto|required]
       mcp-ai-gateway demo

An MCP server whose tool chat_completion asks any other AI model. Without a
command it speaks MCP over stdin and stdout, for a client's configuration:

  {"mcpServers": {"ai-gateway": {
    "command": "mcp-ai-gateway",
    "env": {"API_KEY": "sk-...", "DEFAULT_MODEL": "gpt-4o-mini"}}}}

Commands:
  demo   show a conversation with an imitated provider; needs no key

Options:
  --sandbox[=MODE]  run the translation core as a WebAssembly module:
                    off, auto (native where that fails) or required
  --version         print the version
  --help            print this text

Environment:
  API_KEY              the provider's key
  API_FORMAT           openai (and all compatible servers), openai-responses,
                       anthropic or gemini; or a provider: azure, groq, ...
  API_ENDPOINT         the provider's address
  DEFAULT_MODEL        asked where a call names no model
  DEFAULT_TEMPERATURE  0 to 2, where a call says neither it nor top_p
  DEFAULT_MAX_TOKENS   where a call says nothing
  DESCRIPTION          your words for the tool, first in its description
  REQUEST_TIMEOUT      seconds for a whole call, default 60
  OUTPUT               form of results: text, structured or raw
  SANDBOX              as --sandbox
and for networks: PROXY_URL, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY,
CA_FILE, ALLOW_HTTP; for providers: OPENAI_ORGANIZATION, ANTHROPIC_VERSION,
AZURE_OPENAI_API_VERSION.
The README says more of each.
`

func main() {
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code: 0 when all went well, 1 when
// something failed, 2 when the command line is wrong.
func run(args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	log := func(text string) { fmt.Fprintln(stderr, "mcp-ai-gateway: "+text) }
	flags := pflag.NewFlagSet("mcp-ai-gateway", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	sandboxMode := flags.String("sandbox", "", "")
	flags.Lookup("sandbox").NoOptDefVal = "auto"
	showVersion := flags.Bool("version", false, "")
	if err := flags.Parse(withoutNpx(args)); errors.Is(err, pflag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	} else if err != nil {
		log(err.Error() + "; see mcp-ai-gateway --help")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	switch command := strings.Join(flags.Args(), " "); {
	case *showVersion:
		fmt.Fprintln(stdout, "mcp-ai-gateway", version())
		return 0
	case command == "demo":
		if err := demo(ctx, stdout); err != nil {
			log(err.Error())
			return 1
		}
		return 0
	case command == "off", command == "auto", command == "required":
		log(fmt.Sprintf("write --sandbox=%s; see mcp-ai-gateway --help", command))
		return 2
	case command != "":
		log(fmt.Sprintf("there is no command %q; see mcp-ai-gateway --help", command))
		return 2
	}
	if err := serve(ctx, readSettings(getenv, *sandboxMode), stdin, stdout, log); err != nil {
		log(err.Error())
		return 1
	}
	return 0
}

// npxArguments are what stands behind npx in configurations of the TypeScript
// program of this name. Who changes the command alone leaves them there.
var npxArguments = regexp.MustCompile(`^(-y|--yes|(@[\w.-]+/)?mcp-ai-gateway(@[\w.-]+)?)$`)

func withoutNpx(args []string) []string {
	for len(args) > 0 && npxArguments.MatchString(args[0]) {
		args = args[1:]
	}
	return args
}

// silence is how long a provider may pause in the middle of an answer. It is
// long, since some think between two words; the whole call has its own limit.
const silence = 5 * time.Minute

// heartbeat is how long a client that asked for progress hears nothing. The
// most impatient ones give up after 30 to 60 s.
const heartbeat = 15 * time.Second

// serve speaks MCP until the client is gone.
func serve(ctx context.Context, settings *settings, stdin io.Reader, stdout io.Writer, log func(string)) error {
	manifest, err := describe(settings.config)
	if err != nil {
		return err
	}
	box := newSandbox(settings, log)
	defer box.close()
	host := transport.NewHost(transport.HostConfig{
		Open: box.open,
		Fetcher: transport.NewUpstream(transport.UpstreamConfig{
			Providers: settings.config.Providers,
			Secrets:   settings.secrets,
			UserAgent: "mcp-ai-gateway/" + version(),
			Longest:   int64(box.longest),
			Proxy:     settings.proxy,
			RootCAs:   settings.authority,
			AllowHTTP: settings.allowHTTP,
			Deadlines: transport.Deadlines{Silence: silence},
			Place:     settings.peer.place,
		}),
		Timeout:   settings.timeout,
		Heartbeat: heartbeat,
		Longest:   box.longest,
		// What does not enter a machine costs the sandbox no memory of a guest.
		LongestWhole: longestNative,
		Secrets:      settings.concealed(),
		Warm:         box.warm,
		Machines:     box.machines,
		Calls:        box.calls,
		Worn:         box.worn,
		Idle:         giveBack,
		Log:          log,
	})
	defer host.Close()
	if fault := settings.fault(); fault != nil {
		host.Log(fault.Message)
	}
	for _, note := range settings.notes {
		host.Log(note)
	}
	server := transport.NewServer(transport.Program{
		Name: "mcp-ai-gateway", Title: "MCP AI Gateway", Version: version(),
		Client: settings.peer.is,
	}, manifest, host)
	return server.ServeStdio(ctx, stdin, stdout)
}

// giveBack returns what a conversation took to the system.
func giveBack() {
	runtime.GC() // what pools hold goes with the second collection
	debug.FreeOSMemory()
}

// describe asks a native core for the tools: tools/list never waits for the
// sandbox, and the module, which is the same core, would say the same.
func describe(config core.Config) (*core.Manifest, error) {
	machine := core.New()
	if _, err := machine.Step(&core.Configure{Config: config}); err != nil {
		return nil, err
	}
	effects, err := machine.Step(&core.Describe{})
	if err != nil {
		return nil, err
	}
	for _, effect := range effects {
		if manifest, ok := effect.(*core.Manifest); ok {
			return manifest, nil
		}
	}
	return nil, errors.New("the core described no tools")
}

// version is what the Go toolchain knows of this build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.0.0-dev"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
