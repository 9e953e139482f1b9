package peertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// malformed is an input that no client should send.
type malformed struct {
	name string
	text string   // without its last newline
	ids  []string // that have to be answered, once for each mention
	want string   // a part of what comes in short; empty: see ids
}

// callOf is a call with params as they are.
func callOf(id, params string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":` + params + `}`
}

// argumentsOf is a call of chat_completion with arguments as they are.
func argumentsOf(id, arguments string) string {
	return callOf(id, `{"name":"chat_completion","arguments":`+arguments+`}`)
}

// besides is a call of chat_completion that is right but for more arguments.
func besides(id, more string) string {
	return argumentsOf(id, `{"messages":[{"role":"user","content":"Hello"}],`+more+`}`)
}

// malformedInputs is the table. What a row wants is told only where the
// answer's code or kind is a promise, not chance.
func malformedInputs(on target) []malformed {
	const (
		parse, invalid, unknown, params = "error -32700", "error -32600", "error -32601", "error -32602"

		wrong = "kind invalid_request"
		deep  = 200_000
	)
	lists := strings.Repeat("[", deep) + strings.Repeat("]", deep)
	objects := strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep)
	allowed := strings.Repeat("[", 9000) + strings.Repeat("]", 9000) // deep, but not too deep to be read
	quoted, err := json.Marshal(lists)
	if err != nil {
		panic(err) // a string
	}
	large := "result: You said"
	if on.title == sandbox.title {
		large = "kind too_large"
	}

	inputs := []malformed{
		// No JSON, or none that is read.
		{"garbage", "!§$%&/()=?", nil, parse},
		{"words", "hello?", nil, parse},
		{"an HTTP request", "POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n{}", nil, ""},
		{"NUL bytes", "\x00\x00\x00\x00", nil, parse},
		{"NUL inside of a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\x00ng\"}", nil, parse},
		{"other control characters in a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\x01\x1b[31m\x7f\"}", nil, parse},
		{"tab in a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\tng\"}", nil, parse},
		{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", nil, parse},
		{"overlong UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":\"\xc0\xaf\",\"method\":\"ping\"}", nil, parse},
		{"a surrogate as UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":\"\xed\xa0\x80\",\"method\":\"ping\"}", nil, parse},
		{"UTF-16", "\xff\xfe{\x00}\x00", nil, parse},
		{"half JSON", `{"jsonrpc":"2.0","id":1,"method":"pi`, nil, parse},
		{"JSON on two lines", "{\"jsonrpc\":\"2.0\",\n\"id\":1,\"method\":\"ping\"}", nil, parse},
		{"two messages on a line", request("1", "ping") + request("2", "ping"), nil, parse},
		{"single quotes", `{'jsonrpc':'2.0','id':1,'method':'ping'}`, nil, parse},
		{"comma at the end", `{"jsonrpc":"2.0","id":1,"method":"ping",}`, nil, parse},
		{"comment", `{"jsonrpc":"2.0","id":1,"method":"ping"} // please`, nil, parse},
		{"NaN", `{"jsonrpc":"2.0","id":NaN,"method":"ping"}`, nil, parse},
		{"number with leading zero", `{"jsonrpc":"2.0","id":01,"method":"ping"}`, nil, parse},
		{"wrong escape", `{"jsonrpc":"2.0","id":1,"method":"\x70ing"}`, nil, parse},
		{"half an escape", `{"jsonrpc":"2.0","id":1,"method":"\u00"}`, nil, parse},
		{"BOM in the middle", "\xef\xbb\xbf" + request("1", "ping"), nil, parse},
		{"BOM inside of the message", "{\xef\xbb\xbf\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", nil, parse},
		{"lists 200,000 deep", lists, nil, parse},
		{"lists 200,000 deep, left open", strings.Repeat("[", deep), nil, parse},
		{"objects 200,000 deep", objects, nil, parse},
		{"lists 200,000 deep as params", callOf("1", lists), nil, parse},
		{"lists 200,000 deep as argument", argumentsOf("1", `{"messages":`+lists+`}`), nil, parse},
		{"objects 200,000 deep as argument", argumentsOf("1", `{"temperature":`+objects+`}`), nil, parse},
		{"a line of 65 MB", `"` + strings.Repeat("x", 65<<20) + `"`, nil, invalid},

		// JSON, but no message.
		{"null", "null", nil, invalid},
		{"true", "true", nil, invalid},
		{"number", "42", nil, invalid},
		{"string", `"ping"`, nil, invalid},
		{"empty object", "{}", nil, invalid},
		{"empty list", "[]", nil, invalid},
		{"batch", "[" + request("1", "ping") + "," + request("2", "ping") + "]", nil, invalid},
		{"empty lines, spaces and tabs", "\n\r\n \t \n\t", nil, "nothing"},
		{"no jsonrpc", `{"id":"no jsonrpc","method":"ping"}`, []string{`"no jsonrpc"`}, invalid},
		{"jsonrpc 1.0", `{"jsonrpc":"1.0","id":10,"method":"ping"}`, []string{"10"}, invalid},
		{"jsonrpc as number", `{"jsonrpc":2,"id":11,"method":"ping"}`, []string{"11"}, invalid},
		{"a response nobody asked for", `{"jsonrpc":"2.0","id":12,"result":{}}`, nil, "nothing"},
		{"an error nobody asked for", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}`, nil, ""},

		// Ids.
		{"id null", request("null", "ping"), nil, invalid},
		{"id true", request("true", "ping"), nil, invalid},
		{"id as list", request("[1]", "ping"), nil, invalid},
		{"id as object", request(`{"a":1}`, "ping"), nil, invalid},
		{"id as object of a call", callLine(`{"a":1}`, question{text: "Hello"}, ""), nil, invalid},
		{"id 1.5", request("1.5", "ping"), []string{"1.5"}, "result"},
		{"id -0", request("-0", "ping"), []string{"-0"}, "result"},
		{"id 1e400", request("1e400", "ping"), []string{"1e400"}, "result"},
		{"id of 400 digits", request(strings.Repeat("9", 400), "ping"), []string{strings.Repeat("9", 400)}, "result"},
		{"id of 100,000 characters", request(`"`+strings.Repeat("i", 100_000)+`"`, "ping"), []string{`"` + strings.Repeat("i", 100_000) + `"`}, "result"},
		{"empty id", request(`""`, "ping"), []string{`""`}, "result"},
		{"lone surrogate as id", request(`"\ud800"`, "ping"), []string{`"\ud800"`}, "result"},
		{"lone surrogate as id of a call", callLine(`"\udfff"`, question{text: "Hello"}, ""), []string{`"\udfff"`}, "result: You said"},
		{"id twice", `{"jsonrpc":"2.0","id":20,"id":21,"method":"ping"}`, []string{"21"}, ""},
		{"id of a running call", callLine("22", question{model: "imitated?latency=100ms", text: "Hello"}, "") + "\n" + callLine("22", question{text: "Hello"}, ""), []string{"22", "22"}, invalid},
		{"id of a call that is over", callLine("22", question{text: "Hello"}, ""), []string{"22"}, "result: You said"},

		// Methods.
		{"no method", `{"jsonrpc":"2.0","id":30}`, []string{"30"}, invalid},
		{"empty method", request("31", ""), []string{"31"}, "error"},
		{"method null", `{"jsonrpc":"2.0","id":32,"method":null}`, []string{"32"}, invalid},
		{"method as number", `{"jsonrpc":"2.0","id":33,"method":7}`, []string{"33"}, invalid},
		{"method true", `{"jsonrpc":"2.0","id":34,"method":true}`, []string{"34"}, invalid},
		{"method as list", `{"jsonrpc":"2.0","id":35,"method":["ping"]}`, []string{"35"}, invalid},
		{"method as object", `{"jsonrpc":"2.0","id":36,"method":{"ping":1}}`, []string{"36"}, invalid},
		{"method twice", `{"jsonrpc":"2.0","id":37,"method":"no/such","method":"ping"}`, []string{"37"}, ""},
		{"unknown method", request("38", "no/such"), []string{"38"}, unknown},
		{"method of 1 MB", request("39", strings.Repeat("m", 1<<20)), []string{"39"}, unknown},
		{"method in escapes", request("40", `\u0070\u0069ng`), []string{"40"}, "result"},
		{"NUL in a method, escaped", request("41", `ping\u0000`), []string{"41"}, unknown},
		{"names in capitals", `{"JSONRPC":"2.0","ID":42,"METHOD":"ping"}`, nil, invalid},
		{"initialize without params", request("43", "initialize"), []string{"43"}, ""},
		{"initialize of no known version", `{"jsonrpc":"2.0","id":44,"method":"initialize","params":{"protocolVersion":"1","capabilities":7,"clientInfo":[]}}`, []string{"44"}, ""},
		{"a cursor that is none", `{"jsonrpc":"2.0","id":45,"method":"tools/list","params":{"cursor":{"a":1}}}`, []string{"45"}, ""},

		// Notifications.
		{"unknown notification", `{"jsonrpc":"2.0","method":"notifications/no_such"}`, nil, "nothing"},
		{"a call without id", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"chat_completion","arguments":{}}}`, nil, ""},
		{"cancel of an unknown call", cancelLine("12345"), nil, "nothing"},
		{"cancel without params", `{"jsonrpc":"2.0","method":"notifications/cancelled"}`, nil, "nothing"},
		{"cancel with a list as params", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}`, nil, ""},
		{"cancel of an object", cancelLine(`{"a":1}`), nil, "nothing"},
		{"cancel of null", cancelLine("null"), nil, "nothing"},
		{"cancel as a request", `{"jsonrpc":"2.0","id":50,"method":"notifications/cancelled","params":{"requestId":1}}`, []string{"50"}, ""},

		// Params of calls.
		{"call without params", request("60", "tools/call"), []string{"60"}, params},
		{"params null", callOf("61", "null"), []string{"61"}, params},
		{"params as number", callOf("62", "7"), []string{"62"}, invalid},
		{"params as string", callOf("63", `"chat_completion"`), []string{"63"}, invalid},
		{"params false", callOf("64", "false"), []string{"64"}, invalid},
		{"params as list", callOf("65", `["chat_completion",{}]`), []string{"65"}, invalid},
		{"no name", callOf("66", `{"arguments":{}}`), []string{"66"}, params},
		{"name as number", callOf("67", `{"name":7,"arguments":{}}`), []string{"67"}, "error"},
		{"name as object", callOf("68", `{"name":{},"arguments":{}}`), []string{"68"}, "error"},
		{"name null", callOf("69", `{"name":null,"arguments":{}}`), []string{"69"}, "error"},
		{"unknown tool", callOf("70", `{"name":"no_such_tool","arguments":{}}`), []string{"70"}, params},
		{"tool of 1 MB", callOf("71", `{"name":"`+strings.Repeat("t", 1<<20)+`","arguments":{}}`), []string{"71"}, params},
		{"no arguments", callOf("72", `{"name":"chat_completion"}`), []string{"72"}, wrong},
		{"arguments as string", argumentsOf("73", `"Hello"`), []string{"73"}, wrong},
		{"arguments as list", argumentsOf("74", `[{"messages":[]}]`), []string{"74"}, wrong},
		{"arguments as number", argumentsOf("75", "7"), []string{"75"}, wrong},
		{"arguments null", argumentsOf("76", "null"), []string{"76"}, wrong},
		{"arguments true", argumentsOf("77", "true"), []string{"77"}, wrong},
		{"arguments twice", callOf("78", `{"name":"chat_completion","arguments":7,"arguments":{}}`), []string{"78"}, wrong},
		{"_meta as list", callOf("79", `{"name":"chat_completion","arguments":{},"_meta":[1]}`), []string{"79"}, ""},

		// Arguments.
		{"unknown argument", besides("100", `"tempreature":1`), []string{"100"}, wrong},
		{"empty name of an argument", besides("101", `"":1`), []string{"101"}, wrong},
		{"argument twice", besides("102", `"temperature":"hot","temperature":1`), []string{"102"}, ""},
		{"model as number", besides("103", `"model":4`), []string{"103"}, wrong},
		{"model as list", besides("104", `"model":["a"]`), []string{"104"}, wrong},
		{"messages as string", argumentsOf("105", `{"messages":"Hello"}`), []string{"105"}, wrong},
		{"messages as number", argumentsOf("106", `{"messages":1}`), []string{"106"}, wrong},
		{"no messages", argumentsOf("107", `{"messages":[]}`), []string{"107"}, wrong},
		{"messages of all sorts", argumentsOf("108", `{"messages":[1,"a",null,[],{}]}`), []string{"108"}, wrong},
		{"unknown role", argumentsOf("109", `{"messages":[{"role":"boss","content":"Hello"}]}`), []string{"109"}, wrong},
		{"role as object", argumentsOf("110", `{"messages":[{"role":{},"content":"Hello"}]}`), []string{"110"}, wrong},
		{"content as number", argumentsOf("111", `{"messages":[{"role":"user","content":1}]}`), []string{"111"}, wrong},
		{"content null", argumentsOf("112", `{"messages":[{"role":"user","content":null}]}`), []string{"112"}, wrong},
		{"content of an unknown part", argumentsOf("113", `{"messages":[{"role":"user","content":[{"type":"smell","text":"Hello"}]}]}`), []string{"113"}, wrong},
		{"temperature as word", besides("114", `"temperature":"hot"`), []string{"114"}, wrong},
		{"temperature 1e400", besides("115", `"temperature":1e400`), []string{"115"}, wrong},
		{"temperature -0", besides("116", `"temperature":-0`), []string{"116"}, "result: You said"},
		{"max_tokens 1.5", besides("117", `"max_tokens":1.5`), []string{"117"}, wrong},
		{"max_tokens -0", besides("118", `"max_tokens":-0`), []string{"118"}, wrong},
		{"max_tokens of 400 digits", besides("119", `"max_tokens":`+strings.Repeat("9", 400)), []string{"119"}, wrong},
		{"stream as word", besides("120", `"stream":"maybe"`), []string{"120"}, wrong},
		{"stream as object", besides("121", `"stream":{}`), []string{"121"}, wrong},
		{"top_p as object", besides("122", `"top_p":{}`), []string{"122"}, wrong},
		{"frequency_penalty true", besides("123", `"frequency_penalty":true`), []string{"123"}, wrong},
		{"presence_penalty as list", besides("124", `"presence_penalty":[1]`), []string{"124"}, wrong},
		{"stop as list of numbers", besides("125", `"stop":[1,2]`), []string{"125"}, wrong},
		{"stop as object", besides("126", `"stop":{}`), []string{"126"}, wrong},
		{"response_format as number", besides("127", `"response_format":7`), []string{"127"}, wrong},
		{"response_format of a wrong schema", besides("128", `"response_format":{"type":"json_schema","json_schema":[1]}`), []string{"128"}, wrong},
		{"lone surrogate in a message", argumentsOf("129", `{"messages":[{"role":"user","content":"a\ud800b"}]}`), []string{"129"}, "result: You said"},
		{"NUL in a message, escaped", argumentsOf("130", `{"messages":[{"role":"user","content":"a\u0000b"}]}`), []string{"130"}, "result: You said"},
		{"lists 9,000 deep as argument", argumentsOf("131", `{"messages":`+allowed+`}`), []string{"131"}, wrong},
		{"lists 9,000 deep as content", argumentsOf("132", `{"messages":[{"role":"user","content":`+allowed+`}]}`), []string{"132"}, wrong},
		{"lists 200,000 deep in a string", argumentsOf("133", string(quoted)), []string{"133"}, wrong},
		{"lists 200,000 deep in a string as messages", argumentsOf("134", `{"messages":`+string(quoted)+`}`), []string{"134"}, wrong},
		{"100,000 unknown arguments", argumentsOf("135", `{"a":1`+strings.Repeat(`,"a":1`, 99_999)+`}`), []string{"135"}, wrong},
		{"a message of 16 MB", callLine("136", question{text: strings.Repeat("x", 16<<20)}, ""), []string{"136"}, large},
		{"CR before the newline", callLine("137", question{text: "Hello"}, "") + "\r", []string{"137"}, "result: You said"},
		{"tabs and spaces around", "\t  " + callLine("138", question{text: "Hello"}, "") + " \t", []string{"138"}, "result: You said"},
	}
	// Who names no usable token gets no progress; the test takes any for a fault.
	for i, token := range []string{"null", "true", "[1]", `{"a":1}`} {
		id := fmt.Sprint(200 + i)
		inputs = append(inputs, malformed{
			"progressToken " + token, callLine(id, question{text: "Hello", stream: true}, `{"progressToken":`+token+`}`), []string{id}, "",
		})
	}
	return inputs
}

// inShort is a response for the table.
func (m message) inShort() string {
	if m.Error != nil {
		return fmt.Sprintf("error %d: %.60s", m.Error.Code, m.Error.Message)
	}
	var result struct {
		Content []struct{ Text string }
		IsError bool
		Meta    about `json:"_meta"`
	}
	if json.Unmarshal(m.Result, &result) != nil || len(result.Content) == 0 {
		return fmt.Sprintf("result: %.60s", m.Result)
	}
	if result.IsError && result.Meta.Error != nil {
		return fmt.Sprintf("kind %s: %.60s", result.Meta.Error.Kind, result.Content[0].Text)
	}
	return fmt.Sprintf("result: %.60s", result.Content[0].Text)
}

// TestMalformedInputs: no input ends the program, leaves a question without an
// answer, or gets an answer that nobody waits for.
func TestMalformedInputs(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		inputs := malformedInputs(on)
		p := open(t, on, endpoint, cache)
		p.send(initialize)
		p.result("0")
		survived, usable, answered := 0, 0, 0
		var table strings.Builder
		defer func() { // in any case: of a program that has died the last row says why
			t.Logf("\n%s%d of %d survived, %d of %d usable ids answered", &table, survived, len(inputs), answered, usable)
		}()
		for i, input := range inputs {
			fmt.Fprintf(&table, "%-45s ", input.name)
			began := time.Now()
			ping := fmt.Sprintf(`"ping %d"`, i)
			p.send(input.text, request(ping, "ping"))
			due := map[string]int{}
			for _, id := range input.ids {
				due[id]++
			}
			usable += len(input.ids)
			waiting := len(input.ids)
			lines := strings.Count(input.text, "\n") + 1 - waiting // of which each may be an error without id
			var short []string
			for ponged := false; !ponged || waiting > 0; {
				m := p.next()
				id := string(m.ID)
				switch {
				case m.Method != "":
					t.Errorf("%s: a notification: %.200s", input.name, m)
				case id == ping:
					if ponged || m.Result == nil {
						t.Errorf("%s: the ping is answered with %.200s", input.name, m)
					}
					ponged = true
				case due[id] > 0:
					due[id]--
					waiting--
					answered++
					short = append(short, m.inShort())
				case id == "null" && m.Error != nil && lines > 0 && !ponged:
					lines--
					short = append(short, "id null, "+m.inShort())
				default:
					t.Errorf("%s: nobody waits for %.200s", input.name, m)
				}
			}
			survived++
			got := strings.Join(short, "; ")
			if got == "" {
				got = "nothing"
			}
			if !strings.Contains(got, input.want) {
				t.Errorf("%s: got %s, not %s", input.name, got, input.want)
			}
			fmt.Fprintf(&table, "%5d ms  %q\n", time.Since(began).Milliseconds(), got)
		}
		p.noLine()
		// The end demands of stderr more than that it is short and quotes
		// nothing: that there is nothing.
		p.endSilently()
	})
}
