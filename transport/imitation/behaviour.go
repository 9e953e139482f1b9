package imitation

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxName = 64 << 10         // bytes of a model's name
	maxWait = 60 * time.Second // latency, gap, and the silence of hang and stall
	maxSize = 64 << 20         // bytes of answer text
)

// behaviour is what one model's name asks for; the package comment explains the
// keys. The zero value of a field means that its key was not given.
type behaviour struct {
	latency    time.Duration
	gap        time.Duration
	size       *int // bytes; a pointer because size=0 is an empty answer
	chunks     int
	status     int
	retryAfter string // seconds, as the header has it
	fault      string
	times      int
	id         string
	echoKey    bool
	crlf       bool
	comments   bool
	usage      bool // true unless usage=0
	tool       string
	finish     string
	reasoning  string
	text       string
	again      string
}

// faulty tells whether the behaviour has a fault at all.
func (b behaviour) faulty() bool {
	return b.status != 0 || b.fault != ""
}

// key is one key of the model-name language. set stores a value and tells
// whether it is within what allowed says.
type key struct {
	allowed string
	set     func(b *behaviour, value string) bool
}

var faults = []string{"cut", "end", "error", "html", "empty", "garbage", "hang", "stall", "reset"}

var (
	toolName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	finishReason = regexp.MustCompile(`^[a-z_]{1,64}$`)
)

const (
	allowedWait = "a duration from 0s to 60s, such as 200ms"
	allowedFlag = "0 or 1"
	allowedText = "a text that is not empty"
)

var keys = map[string]key{
	"latency": {allowedWait, func(b *behaviour, value string) bool { return setWait(&b.latency, value) }},
	"gap":     {allowedWait, func(b *behaviour, value string) bool { return setWait(&b.gap, value) }},
	"size": {"a whole number of bytes from 0 to 67108864", func(b *behaviour, value string) bool {
		b.size = new(int)
		return setNumber(b.size, value, 0, maxSize)
	}},
	"chunks": {"a whole number from 1 to 100000", func(b *behaviour, value string) bool { return setNumber(&b.chunks, value, 1, 100_000) }},
	"status": {"an HTTP status from 400 to 599", func(b *behaviour, value string) bool { return setNumber(&b.status, value, 400, 599) }},
	"retry_after": {"a whole number of seconds from 0 to 86400", func(b *behaviour, value string) bool {
		var seconds int
		ok := setNumber(&seconds, value, 0, 86_400)
		b.retryAfter = strconv.Itoa(seconds)
		return ok
	}},
	"fault": {strings.Join(faults, ", "), func(b *behaviour, value string) bool {
		b.fault = value
		return slices.Contains(faults, value)
	}},
	"times": {"a whole number from 1 to 1000000", func(b *behaviour, value string) bool { return setNumber(&b.times, value, 1, 1_000_000) }},
	"id": {"a text of at most 200 bytes", func(b *behaviour, value string) bool {
		b.id = value
		return len(value) <= 200
	}},
	"echo": {"key", func(b *behaviour, value string) bool {
		b.echoKey = value == "key"
		return b.echoKey
	}},
	"crlf":     {allowedFlag, func(b *behaviour, value string) bool { return setFlag(&b.crlf, value) }},
	"comments": {allowedFlag, func(b *behaviour, value string) bool { return setFlag(&b.comments, value) }},
	"usage":    {allowedFlag, func(b *behaviour, value string) bool { return setFlag(&b.usage, value) }},
	"tool": {"1 to 64 of A-Z a-z 0-9 _ -", func(b *behaviour, value string) bool {
		b.tool = value
		return toolName.MatchString(value)
	}},
	"finish": {"1 to 64 of a-z and _", func(b *behaviour, value string) bool {
		b.finish = value
		return finishReason.MatchString(value)
	}},
	"reasoning": {allowedText, func(b *behaviour, value string) bool { return setText(&b.reasoning, value) }},
	"text":      {allowedText, func(b *behaviour, value string) bool { return setText(&b.text, value) }},
	"again":     {allowedText, func(b *behaviour, value string) bool { return setText(&b.again, value) }},
}

func setWait(wait *time.Duration, value string) bool {
	parsed, err := time.ParseDuration(value)
	*wait = parsed
	return err == nil && parsed >= 0 && parsed <= maxWait
}

func setNumber(number *int, value string, lowest, highest int) bool {
	parsed, err := strconv.Atoi(value)
	*number = parsed
	return err == nil && parsed >= lowest && parsed <= highest
}

func setFlag(flag *bool, value string) bool {
	*flag = value == "1"
	return value == "0" || value == "1"
}

func setText(text *string, value string) bool {
	*text = value
	return value != ""
}

// parseModel reads the behaviour out of a model's name; crlf is what holds
// where the name says nothing of it. The refusal, if any, is
// the body of a 400 answer.
func parseModel(name string, crlf bool) (behaviour, *apiError) {
	b := behaviour{usage: true, crlf: crlf}
	if len(name) > maxName {
		return b, badModel(fmt.Sprintf("the name has %d bytes; allowed: at most %d", len(name), maxName))
	}
	_, query, _ := strings.Cut(name, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return b, badModel(fmt.Sprintf("%.100q after the ? is not a URL query (%v); allowed: key=value&key=value", query, err))
	}
	// Sorted, so that of several mistakes the same one is always named.
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key, known := keys[name]
		if !known {
			return b, badModel(fmt.Sprintf("unknown key %.100q; allowed: %s", name, strings.Join(slices.Sorted(maps.Keys(keys)), ", ")))
		}
		if given := values[name]; len(given) > 1 {
			return b, badModel(fmt.Sprintf("key %q is given %d times; allowed: once", name, len(given)))
		}
		if value := values.Get(name); !key.set(&b, value) {
			return b, badModel(fmt.Sprintf("key %q is %.100q; allowed: %s", name, value, key.allowed))
		}
	}
	return b, b.contradiction()
}

// contradiction refuses pairs of keys of which one would have no effect: a test
// that gives them expects something that cannot happen.
func (b behaviour) contradiction() *apiError {
	switch {
	case b.status != 0 && b.fault != "":
		return badModel(fmt.Sprintf("key \"status\" is %d and key \"fault\" is %q; allowed: one of the two", b.status, b.fault))
	case b.retryAfter != "" && b.status == 0:
		return badModel(fmt.Sprintf("key \"retry_after\" is %q without status; allowed: together with status", b.retryAfter))
	case b.times != 0 && !b.faulty():
		return badModel(fmt.Sprintf("key \"times\" is %d without a fault; allowed: together with status or fault", b.times))
	case b.echoKey && b.status == 0 && b.fault != "error":
		return badModel("key \"echo\" is \"key\" without an error; allowed: together with status or fault=error")
	case b.size != nil && b.tool != "":
		return badModel(fmt.Sprintf("key \"size\" is %d and key \"tool\" is %q; allowed: one of the two", *b.size, b.tool))
	case b.text != "" && (b.size != nil || b.tool != ""):
		return badModel(fmt.Sprintf("key \"text\" is %.100q beside size or tool; allowed: one of them", b.text))
	case b.again != "" && b.text == "":
		return badModel(fmt.Sprintf("key \"again\" is %.100q without text; allowed: together with text", b.again))
	}
	return nil
}

// badModel is the refusal of a model's name.
func badModel(problem string) *apiError {
	return &apiError{
		Message: "model: " + problem,
		Type:    "invalid_request_error",
		Param:   "model",
		Code:    "invalid_imitation",
	}
}
