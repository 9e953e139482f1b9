package core_test

import (
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/coretest"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/json"
)

func TestTranscripts(t *testing.T) {
	t.Log("native, with " + json.Library)
	coretest.Run(t, "testdata/transcripts", func(*testing.T) core.Machine { return core.New() })
}

// TestTranscriptsInFrames sends every event and effect through its frame.
func TestTranscriptsInFrames(t *testing.T) {
	coretest.Run(t, "testdata/transcripts", func(*testing.T) core.Machine { return framed{core.New()} })
}

type framed struct{ machine core.Machine }

func (f framed) Step(event core.Event) ([]core.Effect, error) {
	in, err := core.AppendEvent(nil, event)
	if err != nil {
		return nil, err
	}
	decoded, rest, err := core.DecodeEvent(in)
	if err != nil || len(rest) > 0 {
		return nil, core.ErrFrame
	}
	effects, err := f.machine.Step(decoded)
	clear(in) // whatever the machine kept of the event is gone now
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, effect := range effects {
		if out, err = core.AppendEffect(out, effect); err != nil {
			return nil, err
		}
	}
	effects = nil
	for len(out) > 0 {
		var effect core.Effect
		if effect, out, err = core.DecodeEffect(out); err != nil {
			return nil, err
		}
		effects = append(effects, effect)
	}
	return effects, nil
}
