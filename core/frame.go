package core

import (
	"encoding/binary"
	"errors"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

// ABIVersion is the version of the binary interface between hosts and the
// module: frames, kinds, fields, exports. docs/abi.md describes it.
const ABIVersion = 1

// Kind numbers what a frame holds. Events are below 64, effects above.
type Kind uint8

// The kinds of frames.
const (
	KindConfigure Kind = 1 + iota
	KindDescribe
	KindCall
	KindCancel
	KindHead
	KindChunk
	KindEnd
	KindFail
	KindFire
	KindChecked
)

// The kinds of frames, continued: effects.
const (
	KindManifest Kind = 65 + iota
	KindFetch
	KindAbort
	KindTimer
	KindDelta
	KindResult
	KindLog
	KindCheck
)

// kindNames are the names of the kinds in lines and transcripts.
var kindNames = map[Kind]string{
	KindConfigure: "configure", KindDescribe: "describe", KindCall: "call", KindCancel: "cancel", KindHead: "head",
	KindChunk: "chunk", KindEnd: "end", KindFail: "fail", KindFire: "fire", KindChecked: "checked",
	KindManifest: "manifest", KindFetch: "fetch", KindAbort: "abort", KindTimer: "timer", KindDelta: "delta",
	KindResult: "result", KindLog: "log", KindCheck: "check",
}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[k] }

// wireForm says how an event or effect travels: which of its fields are the
// header's, which is the body, and whether the rest is worth a JSON object.
// The fields that come with every piece of a stream (id, time, bytes) are
// outside of the JSON, so that a chunk and a delta cost no JSON at all.
type wireForm struct {
	kind Kind
	id   *ID
	at   *int64
	body *[]byte // or
	text *string // the body, as a string
	meta any     // nil: no meta
}

func (e *Configure) event() wireForm { return wireForm{kind: KindConfigure, at: &e.AtMS, meta: e} }
func (e *Describe) event() wireForm  { return wireForm{kind: KindDescribe, at: &e.AtMS} }
func (e *Call) event() wireForm {
	return wireForm{kind: KindCall, id: &e.ID, at: &e.AtMS, body: &e.Arguments, meta: e}
}
func (e *Cancel) event() wireForm { return wireForm{kind: KindCancel, id: &e.ID, at: &e.AtMS} }
func (e *Head) event() wireForm   { return wireForm{kind: KindHead, id: &e.ID, at: &e.AtMS, meta: e} }

func (e *Chunk) event() wireForm {
	return wireForm{kind: KindChunk, id: &e.ID, at: &e.AtMS, body: &e.Body}
}
func (e *End) event() wireForm  { return wireForm{kind: KindEnd, id: &e.ID, at: &e.AtMS} }
func (e *Fail) event() wireForm { return wireForm{kind: KindFail, id: &e.ID, at: &e.AtMS, meta: e} }
func (e *Fire) event() wireForm { return wireForm{kind: KindFire, id: &e.ID, at: &e.AtMS} }
func (e *Checked) event() wireForm {
	return wireForm{kind: KindChecked, id: &e.ID, at: &e.AtMS, meta: e}
}

func (e *Manifest) effect() wireForm { return wireForm{kind: KindManifest, meta: e} }
func (e *Fetch) effect() wireForm {
	return wireForm{kind: KindFetch, id: &e.ID, body: &e.Body, meta: e}
}
func (e *Abort) effect() wireForm { return wireForm{kind: KindAbort, id: &e.ID} }
func (e *Timer) effect() wireForm { return wireForm{kind: KindTimer, id: &e.ID, meta: e} }
func (e *Delta) effect() wireForm { return wireForm{kind: KindDelta, id: &e.ID, text: &e.Text} }
func (e *Result) effect() wireForm {
	return wireForm{kind: KindResult, id: &e.ID, body: &e.Body, meta: e}
}
func (e *Log) effect() wireForm { return wireForm{kind: KindLog, id: &e.ID, meta: e} }
func (e *Check) effect() wireForm {
	return wireForm{kind: KindCheck, id: &e.ID, text: &e.Text, meta: e}
}

func newEvent(kind Kind) Event {
	switch kind {
	case KindConfigure:
		return new(Configure)
	case KindDescribe:
		return new(Describe)
	case KindCall:
		return new(Call)
	case KindCancel:
		return new(Cancel)
	case KindHead:
		return new(Head)
	case KindChunk:
		return new(Chunk)
	case KindEnd:
		return new(End)
	case KindFail:
		return new(Fail)
	case KindFire:
		return new(Fire)
	case KindChecked:
		return new(Checked)
	}
	return nil
}

func newEffect(kind Kind) Effect {
	switch kind {
	case KindManifest:
		return new(Manifest)
	case KindFetch:
		return new(Fetch)
	case KindAbort:
		return new(Abort)
	case KindTimer:
		return new(Timer)
	case KindDelta:
		return new(Delta)
	case KindResult:
		return new(Result)
	case KindLog:
		return new(Log)
	case KindCheck:
		return new(Check)
	}
	return nil
}

// frameHeader is the length of a frame's header, little endian:
//
//	0  u8   kind
//	1  u8   0
//	2  u16  0
//	4  u32  length of meta
//	8  u32  length of body
//	12 u32  0
//	16 u64  id
//	24 i64  at_ms
//
// Behind it stand meta, a JSON object or nothing, and body, raw bytes.
const frameHeader = 32

// ErrFrame says that bytes are not frames of this version.
var ErrFrame = errors.New("core: malformed frame")

// AppendEvent appends an event's frame to b.
func AppendEvent(b []byte, event Event) ([]byte, error) { return appendFrame(b, event.event()) }

// AppendEffect appends an effect's frame to b.
func AppendEffect(b []byte, effect Effect) ([]byte, error) { return appendFrame(b, effect.effect()) }

// DecodeEvent reads the first frame of b and returns what is behind it. The
// event's body refers to b.
func DecodeEvent(b []byte) (Event, []byte, error) {
	kind, _ := frameKind(b)
	event := newEvent(kind)
	if event == nil {
		return nil, nil, ErrFrame
	}
	rest, err := decodeFrame(b, event.event())
	return event, rest, err
}

// DecodeEffect reads the first frame of b and returns what is behind it. The
// effect owns its bytes.
func DecodeEffect(b []byte) (Effect, []byte, error) {
	kind, _ := frameKind(b)
	effect := newEffect(kind)
	if effect == nil {
		return nil, nil, ErrFrame
	}
	form := effect.effect()
	rest, err := decodeFrame(b, form)
	if form.body != nil {
		*form.body = append([]byte(nil), *form.body...)
	}
	return effect, rest, err
}

func frameKind(b []byte) (Kind, bool) {
	if len(b) < frameHeader {
		return 0, false
	}
	return Kind(b[0]), true
}

func appendFrame(b []byte, form wireForm) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, frameHeader)...)
	if form.meta != nil {
		meta, err := json.Marshal(form.meta)
		if err != nil {
			return nil, ErrFrame
		}
		b = append(b, meta...)
	}
	metaEnd := len(b)
	if form.body != nil {
		b = append(b, *form.body...)
	} else if form.text != nil {
		b = append(b, *form.text...)
	}
	header := b[start:]
	header[0] = byte(form.kind)
	binary.LittleEndian.PutUint32(header[4:], uint32(metaEnd-start-frameHeader))
	binary.LittleEndian.PutUint32(header[8:], uint32(len(b)-metaEnd))
	if form.id != nil {
		binary.LittleEndian.PutUint64(header[16:], uint64(*form.id))
	}
	if form.at != nil {
		binary.LittleEndian.PutUint64(header[24:], uint64(*form.at))
	}
	return b, nil
}

func decodeFrame(b []byte, form wireForm) (rest []byte, err error) {
	metaLen := uint64(binary.LittleEndian.Uint32(b[4:]))
	bodyLen := uint64(binary.LittleEndian.Uint32(b[8:]))
	if b[1]|b[2]|b[3]|b[12]|b[13]|b[14]|b[15] != 0 || uint64(len(b)-frameHeader) < metaLen+bodyLen {
		return nil, ErrFrame
	}
	if form.id != nil {
		*form.id = ID(binary.LittleEndian.Uint64(b[16:]))
	}
	if form.at != nil {
		*form.at = int64(binary.LittleEndian.Uint64(b[24:]))
	}
	meta := b[frameHeader:][:metaLen]
	body := b[frameHeader+metaLen:][:bodyLen]
	if form.meta != nil {
		if !json.Valid(meta) || json.Unmarshal(meta, form.meta) != nil {
			return nil, ErrFrame
		}
	} else if metaLen != 0 {
		return nil, ErrFrame
	}
	if form.body != nil {
		*form.body = body
	} else if form.text != nil {
		*form.text = string(body)
	} else if bodyLen != 0 {
		return nil, ErrFrame
	}
	return b[frameHeader+metaLen+bodyLen:], nil
}
