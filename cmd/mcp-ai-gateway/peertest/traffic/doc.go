// Package traffic replays recorded exchanges with real providers: each reply
// goes into the machine, native and in the sandbox, whole and in pieces, and
// what comes out is held against the official SDKs of OpenAI, Anthropic and
// Google, which get the same bytes, and against a reading of the recorded JSON
// that shares no code with the gateway. Streams are also cut behind one event
// and another, and what had come is held against that reading. The recorded
// requests are read as calls of the tool, with no code of the gateway's; what it
// sends for these has to be known to the SDKs' types, field by field, and to
// mean what was recorded, but for what it says that it adjusted.
//
// A recording is a JSON file, {"meta", "request", "response"}. A body is a JSON
// value, or a string with the exact text of a stream or of what is no JSON. The
// file's folder, its group, says who was asked; the URL says in which form. A
// group of a form that the gateway does not speak is listed with the reason.
//
// Some recordings, written for these tests, stand in core/testdata/recordings.
// More are read from the folder that TRAFFIC names, or else from
// ../shared/traffic beside the repository, where there is one. The tests that
// need these are skipped where there is none.
//
//	go test -v ./traffic
//
// prints, for each group, how many recordings passed.
package traffic
