package main

import (
	"strings"
	"sync/atomic"
)

// places is where the users of a client set this program's variables, by how
// the name begins that the client gives itself in clientInfo.
var places = []struct{ name, place string }{
	{"claude-ai", `"env" of this server in claude_desktop_config.json (Claude Desktop: Settings, Developer, Edit Config)`},
	{"claude-code", `"env" of this server in .mcp.json or ~/.claude.json`},
	{"codex", `[mcp_servers.NAME.env] in ~/.codex/config.toml, NAME being this server's`},
	{"cursor", `"env" of this server in ~/.cursor/mcp.json or .cursor/mcp.json`},
	{"gemini-cli", `"env" of this server in ~/.gemini/settings.json or .gemini/settings.json`},
	{"visual studio code", `"env" of this server in .vscode/mcp.json (command: MCP: Open User Configuration)`},
	{"windsurf", `"env" of this server in ~/.codeium/windsurf/mcp_config.json`},
	{"zed", `"env" of this server in Zed's settings.json, "context_servers"`},
}

// peer is the client at the other end of stdin and stdout.
type peer struct{ name atomic.Pointer[string] }

func (p *peer) is(name string) { p.name.Store(&name) }

// mediaLimit is how much base64 this client takes in one result, 0 where no
// bound is known. Claude Desktop throws away what is larger than 1 MB whole
// (anthropics/claude-code#66519, jlowin/fastmcp#1036); the rest is for the text.
func (p *peer) mediaLimit() int64 {
	if name := p.name.Load(); name != nil && strings.HasPrefix(strings.ToLower(*name), "claude-ai") {
		return 900_000
	}
	return 0
}

// place is where this client's users set variables, for a sentence: "Set it in
// the ...".
func (p *peer) place() string {
	if name := p.name.Load(); name != nil {
		for _, known := range places {
			if strings.HasPrefix(strings.ToLower(*name), known.name) {
				return known.place
			}
		}
	}
	return `"env" of this server in the client's configuration`
}
