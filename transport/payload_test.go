package transport

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// opaque is base64 of so many characters, different for each seed. It is a
// multiple of four where the length is, padded if the length says so.
func opaque(seed uint64, length int) string {
	random := rand.New(rand.NewPCG(seed, 7))
	data := make([]byte, length/4*3+3)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return base64.StdEncoding.EncodeToString(data)[:length]
}

// asking are arguments with a part in a user's message.
func asking(part string) string {
	return `{"messages":[{"role":"user","content":[{"type":"text","text":"Look."},` + part + `]}]}`
}

func imagePart(data string) string {
	return `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + data + `"}}`
}

// overheard is a real core of one wire form that also shows what it is given.
func overheard(form string, given func([]byte)) func(context.Context) (core.Machine, error) {
	return func(context.Context) (core.Machine, error) {
		machine := core.New()
		_, err := machine.Step(&core.Configure{Config: core.Config{
			Target: "native", DefaultModel: "m",
			Providers: []provider.Row{{Name: "p", Form: form, Endpoint: "https://memory.invalid/v1"}},
		}})
		return script(func(event core.Event) ([]core.Effect, error) {
			if call, ok := event.(*core.Call); ok && given != nil {
				given(bytes.Clone(call.Arguments))
			}
			return machine.Step(event)
		}), err
	}
}

// sentOf runs a call in a host, and returns what is sent, "" for nothing, what
// the machine was given, and the result.
func sentOf(t testing.TB, form, arguments string) (sent, given string, result *core.Result) {
	t.Helper()
	host := NewHost(HostConfig{
		Open: overheard(form, func(arguments []byte) { given = string(arguments) }),
		Fetcher: exchanges(func(_ context.Context, fetch *core.Fetch, tell func(core.Event)) {
			sent = string(fetch.Body)
			tell(&core.Fail{Kind: provider.InvalidRequest, Reason: "no"})
		}),
	})
	defer host.Close()
	result = host.Call(t.Context(), "chat_completion", []byte(arguments), nil)
	return sent, given, result
}

// sentWithout runs a call on a machine alone.
func sentWithout(t testing.TB, form, arguments string) (sent string, result *core.Result) {
	t.Helper()
	machine, err := overheard(form, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	step := func(event core.Event) {
		effects, err := machine.Step(event)
		if err != nil {
			t.Fatal(err)
		}
		for _, effect := range effects {
			switch effect := effect.(type) {
			case *core.Fetch:
				sent = string(effect.Body)
			case *core.Result:
				result = effect
			}
		}
	}
	step(&core.Call{ID: core.CallID(1), Tool: "chat_completion", Arguments: []byte(arguments)})
	if result == nil {
		step(&core.Fail{ID: core.CallID(1) | 1, Kind: provider.InvalidRequest, Reason: "no"})
	}
	return sent, result
}

// TestPayloads: what is sent is the same to the byte, whether the data went
// through the machine or past it.
func TestPayloads(t *testing.T) {
	long, padded := opaque(1, 40_000), opaque(2, 39_998)+"=="
	short := opaque(3, shortestPayload-1)
	slashed := strings.ReplaceAll(long, "/", `\/`)
	dotnet := strings.NewReplacer("+", `\u002B`).Replace(long)
	gson := strings.NewReplacer("=", `\u003d`).Replace(padded)
	called := func(arguments string) string {
		return `{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":` +
			arguments + `}}]},{"role":"tool","tool_call_id":"a","content":[` + imagePart(long) + `]}]}`
	}
	for _, test := range []struct {
		name, arguments string
		past            int // payloads that are not to reach the machine
	}{
		{"image", asking(imagePart(long)), 1},
		{"padded", asking(imagePart(padded)), 1},
		{"shortest", asking(imagePart(short + "A")), 1},
		{"shorter", asking(imagePart(short)), 0},
		{"escaped slashes", asking(strings.Replace(imagePart(slashed), "image/png", `image\/png`, 1)), 1},
		{"escaped plus", asking(imagePart(dotnet)), 1},
		{"escaped padding", asking(imagePart(gson)), 1},
		{"an escape that is no base64", asking(imagePart(long + `\n`)), 0},
		{"no base64", asking(imagePart(long + "!")), 0},
		{"too much padding", asking(imagePart(long + "===")), 0},
		{"padding inside", asking(imagePart(long[:35_000] + "=" + long)), 0},
		{"many", asking(imagePart(long) + "," + imagePart(padded) + "," + imagePart(long)), 3},
		{"sound", asking(`{"type":"input_audio","input_audio":{"data":"` + long + `","format":"wav"}}`), 1},
		{"a file", asking(`{"type":"file","file":{"file_data":"data:application/pdf;base64,` + long + `","filename":"a.pdf"}}`), 1},
		{"a text, which is read", asking(`{"type":"file","file":{"file_data":"data:text/plain;base64,` + strings.Repeat("QUJD", 10_000) + `","filename":"a.txt"}}`), 0},
		{"words that look like base64", asking(`{"type":"text","text":"` + long + `"}`), 0},
		{"white space", strings.ReplaceAll(asking(imagePart(long)), `":`, "\" \t\n:\r "), 1},
		{"a list in quotes", `{"messages":"[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,` + long + `\"}]}]"}`, 0},
		{"extra_body", `{"messages":[{"role":"user","content":"x"}],"extra_body":{"mask":"` + slashed + `","more":["` + long + `",{"b64":"data:image/png;base64,` + gson + `"}]}}`, 3},
		{"elsewhere", `{"messages":[{"role":"user","content":"x"}],"model":"` + long + `"}`, 0},
		{"the arguments of a call", called(`{"data":"` + slashed + `","url":"` + dotnet + `"}`), 3},
		{"no JSON", asking(imagePart(long)) + "]", 1},
		{"no end", asking(imagePart(long))[:30_000], 0},
		{"no end of a string", asking(imagePart(long))[:40_000], 0},
		{"a colon where none may be", asking(strings.Replace(imagePart(long), `"}`, `":}`, 1)), 0},
		{"no data", asking(`{"type":"file","file":{"file_data":"` + long + `"}}`), 1},
	} {
		for _, form := range []string{"openai-chat", "openai-responses", "anthropic", "gemini"} {
			want, wantResult := sentWithout(t, form, test.arguments)
			got, given, result := sentOf(t, form, test.arguments)
			if got != want {
				t.Errorf("%s, %s: sent are %d bytes, want %d: %.300s", test.name, form, len(got), len(want), got)
			}
			if result, want := noTimes(result.Body), noTimes(wantResult.Body); result != want {
				t.Errorf("%s, %s: the result is\n%.2000s\nwant\n%.2000s", test.name, form, result, want)
			}
			rest := len(test.arguments) - test.past*(shortestPayload-200)
			if test.past > 0 && len(given) > rest || test.past == 0 && given != test.arguments {
				t.Errorf("%s, %s: the machine was given %d bytes of %d", test.name, form, len(given), len(test.arguments))
			}
		}
	}
}

// noTimes is a result without what a clock put into it.
func noTimes(result []byte) string {
	fields := strings.Split(string(result), `"ms":`)
	for i := range fields[1:] {
		fields[i+1] = strings.TrimLeft(fields[i+1], "0123456789")
	}
	return strings.Join(fields, `"ms":`)
}

// TestPayloadsInResults: where a result would show a reference, it says what
// there was.
func TestPayloadsInResults(t *testing.T) {
	long := opaque(1, 40_000)
	arguments := strings.Replace(asking(imagePart(long)), "{", `{"dry_run":true,`, 1)
	_, given, result := sentOf(t, "openai-chat", arguments)
	if result.Kind != "" || !strings.Contains(string(result.Body), `data:image/png;base64,[base64 of 40000 characters]`) {
		t.Errorf("a dry run shows %s", result.Body)
	}
	mark := given[strings.Index(given, long[:payloadHead])+payloadHead:][:26]
	if strings.Contains(string(result.Body), mark) || strings.Contains(string(result.Body), long[:payloadHead]) {
		t.Errorf("a dry run shows %s", result.Body)
	}
	p := &payloads{mark: "MARK", all: []payload{{data: []byte(long), raw: []byte(long)}}}
	for text, want := range map[string]string{
		"a" + long[:96] + "MARK/00000" + long[39_996:] + "b": "a[base64 of 40000 characters]b",
		"a" + long[:96] + `MARK\\/00000` + long[39_996:]:     "a[base64 of 40000 characters]",
		"aMARK/00000b": "a[base64 of 40000 characters]b", "aMARK/0000": "a[base64 of 0 characters]/0000", "aMAR": "aMAR",
		"aMARK/00001b": "a[base64 of 0 characters]/00001b",
	} {
		if got := string(p.told([]byte(text))); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
		if _, whole := p.body([]byte(text)); whole != (strings.Contains(text, long[:96]) || text == "aMAR") {
			t.Errorf("%q as a body is whole: %v", text, whole)
		}
	}
}

// TestPayloadForged: a reference of another call is a text like any other.
func TestPayloadForged(t *testing.T) {
	long := opaque(1, 40_000)
	_, given, _ := sentOf(t, "openai-chat", asking(imagePart(long)))
	_, rest, _ := strings.Cut(given, "base64,")
	forged, _, _ := strings.Cut(rest, `"`)
	if len(forged) < 100 || len(forged) > 200 {
		t.Fatalf("the reference is %q", forged)
	}
	arguments := asking(`{"type":"text","text":"` + forged + `"},` + imagePart(forged) + "," + imagePart(opaque(2, 40_000)))
	sent, _, _ := sentOf(t, "openai-chat", arguments)
	if want, _ := sentWithout(t, "openai-chat", arguments); sent != want || strings.Count(sent, forged) != 2 {
		t.Errorf("sent are %d bytes, want %d, with the forged reference twice", len(sent), len(want))
	}
}

// TestPayloadsLost: what was cut out of a reference is not sent.
func TestPayloadsLost(t *testing.T) {
	host := NewHost(HostConfig{
		Open: always(script(func(event core.Event) ([]core.Effect, error) {
			switch event := event.(type) {
			case *core.Call:
				cut := bytes.Replace(event.Arguments, []byte("/00000"), []byte("/0000"), 1)
				return []core.Effect{&core.Fetch{ID: event.ID | 1, HTTPRequest: provider.HTTPRequest{Body: cut}}}, nil
			case *core.Fail:
				return []core.Effect{&core.Result{ID: event.ID.Call(), Kind: event.Kind, Body: []byte(event.Reason)}}, nil
			}
			return nil, nil
		})),
		Fetcher: exchanges(func(context.Context, *core.Fetch, func(core.Event)) { t.Error("it was sent") }),
	})
	result := host.Call(t.Context(), "x", []byte(asking(imagePart(opaque(1, 40_000)))), nil)
	if result.Kind != provider.Internal || !strings.Contains(string(result.Body), "lost") {
		t.Errorf("the result is %+v: %s", result, result.Body)
	}
}

// TestPayloadsAtOnce: each attempt of each of many calls sends the call's own
// data.
func TestPayloadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		attempts := map[string]int{}
		host := NewHost(HostConfig{
			Open: overheard("openai-chat", nil), Machines: 3, Calls: 20,
			Fetcher: exchanges(func(_ context.Context, fetch *core.Fetch, tell func(core.Event)) {
				mu.Lock()
				attempts[string(fetch.Body)]++
				mu.Unlock()
				tell(&core.Fail{Kind: provider.Network, Reason: "no", Retry: true})
			}),
		})
		const calls = 40
		var group sync.WaitGroup
		for n := range uint64(calls) {
			group.Go(func() {
				arguments := asking(imagePart(opaque(n, 40_000)) + "," + imagePart(opaque(calls+n, 50_000)))
				if result := host.Call(t.Context(), "chat_completion", []byte(arguments), nil); result.Kind != provider.Network {
					t.Errorf("a call gives %s", result.Body)
				}
			})
		}
		group.Wait()
		for n := range uint64(calls) {
			want, _ := sentWithout(t, "openai-chat", asking(imagePart(opaque(n, 40_000))+","+imagePart(opaque(calls+n, 50_000))))
			if attempts[want] != 3 {
				t.Errorf("call %d was sent whole %d times, want 3", n, attempts[want])
			}
		}
		if len(attempts) != calls {
			t.Errorf("%d different bodies were sent, want %d", len(attempts), calls)
		}
	})
}

// TestLimitsOfArguments: one bound is for what a machine is given, another for
// all of it.
func TestLimitsOfArguments(t *testing.T) {
	host := NewHost(HostConfig{
		Open: configured, Longest: 50_000, LongestWhole: 200_000,
		Fetcher: exchanges(func(_ context.Context, _ *core.Fetch, tell func(core.Event)) {
			tell(&core.Fail{Kind: provider.Quota, Reason: "sent"})
		}),
	})
	defer host.Close()
	words := strings.Repeat("word ", 12_000)
	for _, test := range []struct{ arguments, want string }{
		{asking(imagePart(opaque(1, 150_000))), "sent"},
		{asking(imagePart(opaque(1, 210_000))), "got 210139 bytes, allowed: at most 200000"},
		{asking(`{"type":"text","text":"` + words + `"}`), "got 60099 bytes, allowed: at most 50000"},
		{asking(`{"type":"text","text":"` + words + `"},` + imagePart(opaque(1, 40_000))), "got 60297 bytes beside images and files, allowed: at most 50000"},
	} {
		result := host.Call(t.Context(), "chat_completion", []byte(test.arguments), nil)
		if !strings.Contains(string(result.Body), test.want) {
			t.Errorf("%d bytes give %s, want %q", len(test.arguments), result.Body, test.want)
		}
	}
}

// TestBody: a body has a length, and can be read again where a connection was
// just being closed.
func TestBody(t *testing.T) {
	upstream := upstreamFor(t, "https://memory.invalid/v1")
	for _, body := range []Body{nil, {nil}, {[]byte("a")}, {[]byte("a"), nil, []byte("bc")}} {
		want := string(bytes.Join(body, nil))
		request, _, fail := upstream.request(t.Context(), post("https://memory.invalid/v1", ""), body)
		if fail != nil {
			t.Fatalf("%+v", fail)
		}
		if request.ContentLength != int64(len(want)) || (request.Body == nil) != (want == "") {
			t.Errorf("%q has the length %d", want, request.ContentLength)
		}
		for range 2 {
			if request.Body == nil {
				continue
			}
			if got, err := io.ReadAll(request.Body); string(got) != want || err != nil {
				t.Errorf("the body is %q, %v, want %q", got, err, want)
			}
			request.Body, _ = request.GetBody()
		}
	}
}

// FuzzPayloads: whatever the arguments are, the same bytes are sent, or none,
// whether data went through the machine or past it. In arguments, ~ stands for
// much base64, and ^ for the same with escapes.
func FuzzPayloads(f *testing.F) {
	for _, arguments := range []string{
		asking(imagePart("~")), asking(imagePart(`^\u002b`)), asking(imagePart("~==") + "," + imagePart("~A=")),
		asking(`{"type":"input_audio","input_audio":{"data":"~","format":"mp3"}}`),
		asking(`{"type":"file","file":{"file_data":"data:application\/pdf;base64,^","filename":"a"}}`),
		asking(`{"type":"file","file":{"file_data":"data:text/plain;base64,~","filename":"a"}}`),
		`{"messages":[{"role":"user","content":"~","name":"^"}],"extra_body":{"a":"~","b":["^","data:image/png;base64,^"]}}`,
		`{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"url","function":{"name":"f","arguments":{"data":"^"}}}]},{"role":"tool","tool_call_id":"url","content":[` + imagePart("~") + `]}]}`,
		`{"messages":[{"role":"assistant","content":"a","reasoning_details":[{"type":"gemini.part","content":0,"calls":0,"value":{"inlineData":{"mimeType":"image/png","data":"^"}}}]},{"role":"user","content":{"type":"image_url","image_url":"~"}}]}`,
		`{"messages" : [ { "role":"user", "content" : [ {"type":"video_url","video_url": {"url" : "data:video/mp4;base64,~" } } ] } ], "url":"~", "dry_run":true}`,
	} {
		for form := range uint8(4) {
			f.Add(arguments, form)
		}
	}
	plain := opaque(1, shortestPayload)
	escaped := strings.ReplaceAll(plain, "/", `\/`)
	f.Fuzz(func(t *testing.T, arguments string, form uint8) {
		if strings.Count(arguments, "~")+strings.Count(arguments, "^") > 20 {
			return
		}
		arguments = strings.NewReplacer("~", plain, "^", escaped).Replace(arguments)
		name := []string{"openai-chat", "openai-responses", "anthropic", "gemini"}[form%4]
		want, wantResult := sentWithout(t, name, arguments)
		got, given, result := sentOf(t, name, arguments)
		if got != want {
			t.Fatalf("sent are %d bytes, want %d", len(got), len(want))
		}
		if result.Kind != wantResult.Kind {
			t.Fatalf("the result is of kind %q, want %q", result.Kind, wantResult.Kind)
		}
		if len(given) == len(arguments) && given != arguments {
			t.Fatal("the arguments were changed")
		}
		if got, want := noTimes(result.Body), noTimes(wantResult.Body); !strings.Contains(got, "[base64 of ") && got != want {
			t.Fatalf("the result is\n%.2000s\nwant\n%.2000s", got, want)
		}
	})
}

// BenchmarkImage is a call with an image of 8 MB up to its fetch, with the data
// past the machine, and through it.
func BenchmarkImage(b *testing.B) {
	arguments := []byte(asking(imagePart(opaque(1, 8<<20))))
	for _, past := range []bool{true, false} {
		b.Run(fmt.Sprintf("past=%v", past), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(arguments)))
			machine, err := overheard("openai-chat", nil)(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for n := uint32(1); b.Loop(); n++ {
				given, p := arguments, (*payloads)(nil)
				if past {
					given, p = takeOut(arguments)
				}
				effects, err := machine.Step(&core.Call{ID: core.CallID(n), Tool: "chat_completion", Arguments: given})
				if err != nil {
					b.Fatal(err)
				}
				body, _ := p.body(effects[0].(*core.Fetch).Body)
				if sent, err := io.Copy(io.Discard, body.Reader()); err != nil || sent < 8<<20 {
					b.Fatal(sent, err)
				}
				if _, err := machine.Step(&core.Cancel{ID: core.CallID(n)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
