package core

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// ID names a call, or a fetch, timer or check of a call. The high 32 bits are the
// call's number, chosen by the host and unique among the calls in flight; the
// low 32 bits are 0 for the call itself and n for its nth fetch, timer or check.
type ID uint64

// CallID returns the ID of a call by its number, which must not be 0.
func CallID(number uint32) ID { return ID(number) << 32 }

// Call returns the ID of the call that id belongs to.
func (id ID) Call() ID { return id &^ 0xffffffff }

// String writes an ID as "7" (a call) or "7.2" (its second fetch, timer or
// check).
func (id ID) String() string {
	text := strconv.FormatUint(uint64(id>>32), 10)
	if n := uint64(id & 0xffffffff); n != 0 {
		text += "." + strconv.FormatUint(n, 10)
	}
	return text
}

// ParseID reads what [ID.String] writes.
func ParseID(text string) (ID, bool) {
	number, part, parted := strings.Cut(text, ".")
	high, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, false
	}
	var low uint64
	if parted {
		if low, err = strconv.ParseUint(part, 10, 32); err != nil {
			return 0, false
		}
	}
	return ID(high<<32 | low), true
}

// Event is what a host tells a [Machine]: one of [*Configure], [*Describe],
// [*Call], [*Cancel], [*Head], [*Chunk], [*End], [*Fail], [*Fire] and
// [*Checked]. The set is closed. AtMS is always the host's time in Unix milliseconds; a machine
// has no other clock. A machine keeps no event and no byte of it.
type Event interface {
	event() wireForm
}

// legible gives a text the form in which a frame brings it: each byte that is
// not UTF-8 becomes U+FFFD. Else results would tell a frame from none.
func legible(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// Configure sets what holds for all later calls. It comes first, and may come
// again: calls in flight go on with what they began with.
type Configure struct {
	AtMS   int64  `json:"-"`
	Config Config `json:"config"`
}

// Describe asks for the [*Manifest].
type Describe struct {
	AtMS int64 `json:"-"`
}

// Call is one tool call of an MCP client.
type Call struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
	// Tool is the tool's name, a name of the manifest.
	Tool string `json:"tool"`
	// Seed is this call's chance: 64 random bits.
	Seed uint64 `json:"seed,string"`
	// Deltas asks for the answer's text as it comes.
	Deltas bool `json:"deltas,omitempty"`
	// TimeoutMS is how long the host lets the call run, all attempts together:
	// no wait goes beyond it. The host ends its fetches then. 0: no bound.
	TimeoutMS int64 `json:"timeout_ms,omitempty"`
	// States are of the providers that cannot be asked as usual right now.
	States []State `json:"states,omitempty"`
	// Lessons are what earlier calls learned ([Result]), as far as the host
	// keeps it. Without them a call may take one exchange more.
	Lessons []provider.Lesson `json:"lessons,omitempty"`
	// Arguments is JSON as the client sent it.
	Arguments []byte `json:"-"`
}

// Cancel says that nobody waits for a call any more. The call still gets its
// [*Result], of kind canceled, which a host need not show.
type Cancel struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
}

// Head is the beginning of the reply to a [*Fetch].
type Head struct {
	ID     ID    `json:"-"`
	AtMS   int64 `json:"-"`
	Status int   `json:"status"`
	// Header holds at least those of [provider.ReplyHeaders] that came.
	Header []provider.Field `json:"header,omitempty"`
}

// Chunk is a piece of a reply's body, cut anywhere, best at most 64 kB.
type Chunk struct {
	ID   ID     `json:"-"`
	AtMS int64  `json:"-"`
	Body []byte `json:"-"`
}

// End is the regular end of a reply's body.
type End struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
}

// Fail says that a fetch was not performed, or broke.
type Fail struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
	// Kind is network or timeout in most cases; any kind is allowed, and none
	// means network.
	Kind provider.Kind `json:"kind"`
	// Reason is a sentence for the user, lower case, without full stop, and
	// without secrets, such as "connection refused".
	Reason string `json:"reason"`
	// Next says what to do about it; may be empty.
	Next string `json:"next,omitempty"`
	// Retry says that the same fetch may succeed soon, RetryAfterMS when; 0: not
	// known.
	Retry bool `json:"retry,omitempty"`
	// Refused says that the host itself did not let the fetch begin.
	Refused      bool  `json:"refused,omitempty"`
	RetryAfterMS int64 `json:"retry_after_ms,omitempty"`
}

// Fire says that a [*Timer] ran out.
type Fire struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
}

// Checked is the verdict on a [*Check].
type Checked struct {
	ID   ID    `json:"-"`
	AtMS int64 `json:"-"`
	// Verdict is valid or invalid; any other word means unknown.
	Verdict Verdict `json:"verdict"`
	// Faults are what is wrong with an invalid text, at most [FaultLimit], and
	// More is how many others there are.
	Faults []SchemaFault `json:"faults,omitempty"`
	More   int           `json:"more,omitempty"`
	// Reason is why a verdict is unknown: a sentence for the user, lower case,
	// without full stop, such as "the schema refers to another document".
	Reason string `json:"reason,omitempty"`
}

// Verdict is what came of a [*Check].
type Verdict string

// The verdicts.
const (
	Valid   Verdict = "valid"
	Invalid Verdict = "invalid"
	// Unknown: the schema is not understood, or its check would cost too much.
	Unknown Verdict = "unknown"
)

// FaultLimit is how many faults of a text are told.
const FaultLimit = 8

// SchemaFault is one way in which a text is not what its schema allows.
type SchemaFault struct {
	// Place is a JSON pointer (RFC 6901) into the text; empty is the whole.
	Place string `json:"place"`
	// Fault is a sentence, lower case, without full stop, such as "got string,
	// want number". Of long ones the first 200 characters are told.
	Fault string `json:"fault"`
}
