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

	"github.com/mcp-ai-gateway/mcp-ai-gateway/cmd/mcp-ai-gateway/config"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport"
)

const usage = `Usage: mcp-ai-gateway [--config=FILE] [--sandbox=off|auto|required]
       mcp-ai-gateway demo

An MCP server with which an assistant asks any other AI model. Without a
command it speaks MCP over stdin and stdout, for a client's configuration:

  {"mcpServers": {"ai-gateway": {
    "command": "mcp-ai-gateway",
    "env": {"API_KEY": "sk-...", "DEFAULT_MODEL": "gpt-4o-mini"}}}}

Commands:
  demo   show a conversation with an imitated provider; needs no key

Options:
  --config=FILE     read providers, models and aliases from a YAML file
  --sandbox[=MODE]  run the translation core as a WebAssembly module:
                    off, auto (native where that fails) or required
  --version         print the version
  --help            print this text

Environment, the keys of any number of providers:
  OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY (or GOOGLE_API_KEY)
  OPENROUTER_API_KEY GROQ_API_KEY MISTRAL_API_KEY DEEPSEEK_API_KEY XAI_API_KEY
  TOGETHER_API_KEY FIREWORKS_API_KEY CEREBRAS_API_KEY PERPLEXITY_API_KEY
  MOONSHOT_API_KEY ZAI_API_KEY DASHSCOPE_API_KEY COHERE_API_KEY
  AZURE_OPENAI_API_KEY with AZURE_OPENAI_ENDPOINT
or one, and what holds for all:
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
  TOOLS                which tools: chat_completion,list_models,compare_models
  SANDBOX              as --sandbox
  MCP_AI_GATEWAY_CONFIG  as --config
and for networks: PROXY_URL, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY,
CA_FILE, ALLOW_HTTP; for providers: OPENAI_ORGANIZATION, ANTHROPIC_VERSION,
AZURE_OPENAI_API_VERSION.
The README says more of each, docs/configuration.md of the file.
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
	configFile := flags.String("config", "", "")
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
	folder, _ := os.UserConfigDir() // it fails where neither is known: then a file has to be named
	home, _ := os.UserHomeDir()
	cache, _ := os.UserCacheDir() // where it is not known, nothing is kept
	settings := readSettings(sources{getenv: getenv, readFile: readFile, sandbox: *sandboxMode, config: *configFile, home: home, folder: folder, cache: cache})
	if err := serve(ctx, settings, stdin, stdout, log); err != nil {
		log(err.Error())
		return 1
	}
	return 0
}

// longestSetting bounds a file of settings, keys or certificates, in bytes.
const longestSetting = 8 << 20

// readFile reads such a file. What is named may be a device without end.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, longestSetting))
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
	lists := newKeptLists(settings.from.cache, settings.config.Providers, log)
	box := newSandbox(settings, lists, log)
	defer box.close()
	var host *transport.Host
	keys := config.NewKeys(settings.world(), settings.keys, settings.peer.place, func(key string) { host.Conceal(key) })
	upstream := transport.NewUpstream(transport.UpstreamConfig{
		Providers: settings.config.Providers,
		Secrets:   settings.secrets,
		UserAgent: "mcp-ai-gateway/" + version(),
		Longest:   int64(box.longest),
		AllowHTTP: settings.allowHTTP,
		Network:   settings.network(),
		Networks:  settings.networks,
		Secret:    keys.Get,
		Place:     settings.peer.place,
	})
	admission := transport.NewAdmission(upstream, settings.limits)
	host = transport.NewHost(transport.HostConfig{
		Open:    box.open,
		Fetcher: admission,
		States:  func() []core.State { return admission.States(settings.providers()) },
		Lists: func(read []core.List) {
			lists.keep(read)
			host.Configure(box.configuration)
		},
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
		Models: func(text string) []string { return core.ModelNames(lists.with(settings.config), text) },
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
func describe(settings core.Config) (*core.Manifest, error) {
	machine := core.New()
	if _, err := machine.Step(&core.Configure{Config: settings}); err != nil {
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
