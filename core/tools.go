package core

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// tools reads the tools that the model may call: OpenAI's form, or the
// function alone.
func (a *arguments) tools(argument string) []provider.Tool {
	list, ok := a.fields[argument]
	if !ok {
		return nil
	}
	var tools []provider.Tool
	named := map[string]bool{}
	for i, element := range elements(unquoted(list)) {
		path := argument + "[" + strconv.Itoa(i) + "]"
		element = unquoted(element)
		tool := provider.Tool{}
		a.each(path+".", a.object(path, element), []string{"type", "function", "name", "description", "parameters", "strict", "cache_control"}, func(name string, value json.Value) {
			switch name {
			case "type":
				if value.String() != "function" {
					a.fault(path+".type", given(value), "function")
				}
			case "function":
				a.each(path+".function.", a.object(path+".function", value), []string{"name", "description", "parameters", "strict"}, func(name string, value json.Value) {
					a.toolField(&tool, path+".function."+name, name, value)
				})
			default:
				a.toolField(&tool, path+"."+name, name, value)
			}
		})
		switch {
		case !isName(tool.Name):
			a.fault(path+".function.name", strconv.Quote(shorten(tool.Name)), "1 to 64 letters, digits, _ and -")
		case named[tool.Name]:
			a.fault(path+".function.name", strconv.Quote(tool.Name)+" a second time", "a name of its own for each tool")
		}
		named[tool.Name] = true
		tools = append(tools, tool)
	}
	return tools
}

func (a *arguments) toolField(tool *provider.Tool, path, name string, value json.Value) {
	switch name {
	case "name":
		tool.Name = a.string(path, value)
	case "description":
		tool.Description = a.string(path, value)
	case "parameters":
		if schema := a.object(path, value); schema.Exists() {
			tool.Parameters = json.Compact([]byte(schema.Raw))
		}
	case "strict":
		strict := value.Type == json.True
		if tool.Strict = &strict; value.Type != json.True && value.Type != json.False {
			a.fault(path, given(value), "true or false")
		}
	case "cache_control":
		tool.CacheControl = a.cacheControl(path, value)
	}
}

// isName knows the names of functions and schemas that every provider takes.
func isName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// toolChoice reads tool_choice: a word, the name of a function, or the names of
// those that are allowed, in either form of OpenAI's. Without tools there is
// nothing to choose from.
func (a *arguments) toolChoice(argument string, tools []provider.Tool) *provider.ToolChoice {
	value, ok := a.fields[argument]
	if !ok {
		return nil
	}
	const allowed = `auto, none, required, {"type": "function", "function": {"name": "..."}} with the name of a tool, or {"type": "allowed_tools", "allowed_tools": {"mode": "auto" or "required", "tools": [...]}}`
	value = unquoted(value)
	choice := &provider.ToolChoice{Mode: strings.ToLower(value.String())}
	if value.IsObject() {
		choice.Mode = value.Get("type").String()
		choice.Name = toolName(value)
		if !value.Get("type").Exists() && choice.Name != "" {
			choice.Mode = "function" // the form of function_call
		}
	}
	known := true
	if choice.Mode == "allowed_tools" {
		among := value
		if inner := value.Get("allowed_tools"); inner.IsObject() {
			among = inner
		}
		choice.Mode = among.Get("mode").String()
		for _, tool := range elements(among.Get("tools")) {
			name := toolName(tool)
			known = known && isTool(tools, name)
			choice.Allowed = append(choice.Allowed, name)
		}
		known = known && len(choice.Allowed) > 0 && choice.Mode != "none"
	}
	switch choice.Mode {
	case "any": // Anthropic's and Mistral's word
		choice.Mode = "required"
	case "auto", "none", "required":
	case "function":
		known = isTool(tools, choice.Name)
	default:
		known = false
	}
	if !known || choice.Mode != "function" && choice.Name != "" {
		a.fault(argument, given(value), allowed)
		return nil
	}
	if len(tools) == 0 {
		if choice.Mode == "required" {
			a.fault(argument, given(value), "auto or none, since there are no tools")
		} else {
			a.adapted(argument, "dropped", "there are no tools")
		}
		return nil
	}
	return choice
}

// toolName is the name of the tool that a choice means, in either form.
func toolName(choice json.Value) string {
	return cmp.Or(choice.Get("function.name").String(), choice.Get("name").String())
}

// isTool reports whether a tool has the name.
func isTool(tools []provider.Tool, name string) bool {
	return slices.ContainsFunc(tools, func(tool provider.Tool) bool { return tool.Name == name })
}

// extra reads extra_body, which may not name what the gateway knows: such a
// field would go past all checks. Its tools are the provider's own, which go
// behind the functions of the argument.
func (a *arguments) extra() json.RawMessage {
	value, ok := a.fields["extra_body"]
	if !ok {
		return nil
	}
	value = a.object("extra_body", value)
	empty := true
	value.ForEach(func(key, member json.Value) bool {
		empty = false
		name := key.String()
		switch {
		case name == "tools":
			a.ownTools(member)
		case slices.Contains(chatNames, name):
			a.fault("extra_body."+name, "an argument of chat_completion", "fields of the provider's that are none")
		}
		return true
	})
	if empty {
		return nil
	}
	return json.Compact([]byte(value.Raw))
}

// ownTools checks that tools of extra_body are none that the argument tools
// has: functions, in the words of any form.
func (a *arguments) ownTools(list json.Value) {
	if !list.IsArray() {
		a.fault("extra_body.tools", given(list), "a list of the provider's own tools")
		return
	}
	for i, tool := range list.Array() {
		path := "extra_body.tools[" + strconv.Itoa(i) + "]"
		const allowed = "tools of the provider's own, such as web search; functions belong in the argument tools"
		switch {
		case !tool.IsObject():
			a.fault(path, given(tool), allowed)
		case tool.Get("type").String() == "function", tool.Get("function").Exists(), tool.Get("functionDeclarations").Exists(), tool.Get("input_schema").Exists():
			a.fault(path, "a function", allowed)
		}
	}
}
