package provider

import (
	"reflect"
	"strings"
	"testing"
)

// TestOpenAIModelOf: what a model's name tells.
func TestOpenAIModelOf(t *testing.T) {
	const reasoning = "low medium high"
	for _, test := range []struct {
		id      string
		want    openAIModel
		efforts string
	}{
		{"gpt-4o-mini", openAIModel{}, ""},
		{"gpt-4.1-2025-04-14", openAIModel{}, ""},
		{"gpt-35-turbo", openAIModel{}, ""},
		{"my-deployment", openAIModel{reasons: true}, ""},
		{"grok-code-pro", openAIModel{reasons: true}, ""},
		{"gpt-4o-search-preview", openAIModel{sampling: samplingNever, one: true}, ""},
		{"o1-mini", openAIModel{sampling: samplingNever, noStop: true, noSystem: true, reasons: true}, ""},
		{"o3-mini", openAIModel{sampling: samplingNever, reasons: true}, reasoning},
		{"o3-pro", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, reasoning},
		{"o4-mini-deep-research", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, reasoning},
		{"codex-mini-latest", openAIModel{reasons: true, responsesOnly: true}, ""},
		{"computer-use-preview", openAIModel{reasons: true, responsesOnly: true}, ""},
		{"gpt-5-chat-latest", openAIModel{}, ""},
		{"gpt-5-mini-2025-08-07", openAIModel{sampling: samplingNever, noStop: true, reasons: true}, "minimal " + reasoning},
		{"ft:gpt-5-nano:org::id", openAIModel{sampling: samplingNever, noStop: true, reasons: true}, "minimal " + reasoning},
		{"gpt-5-pro", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, "high"},
		{"gpt-5-codex", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, reasoning},
		{"gpt-5.1", openAIModel{sampling: samplingUnless, noStop: true, reasons: true}, "none " + reasoning},
		{"gpt-5.1-codex-max", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, reasoning + " xhigh"},
		{"gpt-5.2-2025-12-11", openAIModel{sampling: samplingUnless, noStop: true, reasons: true}, "none " + reasoning + " xhigh"},
		{"gpt-5.2-pro", openAIModel{sampling: samplingNever, noStop: true, reasons: true, responsesOnly: true}, "medium high xhigh"},
		{"gpt-5.3-chat-latest", openAIModel{sampling: samplingNever, noStop: true, reasons: true}, ""},
		{"gpt-5.4-mini", openAIModel{sampling: samplingUnless, noStop: true, reasons: true, chatTools: toolsWithoutEffort}, "none " + reasoning + " xhigh"},
		{"gpt-5.5", openAIModel{sampling: samplingWithNone, noStop: true, reasons: true, chatTools: toolsWithoutEffort}, "none " + reasoning + " xhigh"},
		{"gpt-5.6-sol", openAIModel{sampling: samplingWithNone, noStop: true, reasons: true, chatTools: toolsWithoutEffort}, "none " + reasoning + " xhigh max"},
		{"gpt-6-luna", openAIModel{sampling: samplingWithNone, noStop: true, reasons: true, chatTools: toolsWithoutEffort}, "none " + reasoning + " xhigh max"},
		{"gpt-6-astra", openAIModel{sampling: samplingNever, noStop: true, reasons: true, chatTools: toolsNever}, reasoning + " xhigh max"},
		{"gpt-6.1-sol", openAIModel{sampling: samplingNever, noStop: true, reasons: true, chatTools: toolsNever, chatEfforts: strings.Fields(reasoning + " xhigh")}, reasoning + " xhigh max"},
		{"gpt-11", openAIModel{sampling: samplingNever, noStop: true, reasons: true, chatTools: toolsNever, chatEfforts: strings.Fields(reasoning + " xhigh")}, reasoning + " xhigh max"},
	} {
		got := openAIModelOf(test.id)
		efforts := strings.Join(got.efforts, " ")
		got.efforts = nil
		if !reflect.DeepEqual(got, test.want) || efforts != test.efforts {
			t.Errorf("%s: got %+v %q, want %+v %q", test.id, got, efforts, test.want, test.efforts)
		}
	}
}

// TestEffort: the nearest effort that a model knows, upwards.
func TestEffort(t *testing.T) {
	for _, test := range []struct {
		id, asked, want string
		adjusted        int
	}{
		{"gpt-5", "none", "minimal", 1},
		{"o3", "none", "low", 1},
		{"gpt-5.6", "minimal", "low", 1},
		{"gpt-5.1", "max", "high", 1},
		{"gpt-5.2", "xhigh", "xhigh", 0},
		{"gpt-4o", "low", "", 1},
		{"o1-mini", "low", "", 1},
		{"gpt-4o-search-preview", "low", "", 1},
		{"my-deployment", "max", "max", 0},
		{"gpt-5", "", "", 0},
	} {
		var adjusted adjustments
		if got := openAIModelOf(test.id).effort(test.asked, test.id, &adjusted); got != test.want || len(adjusted) != test.adjusted {
			t.Errorf("%s, %s: got %q, %v", test.id, test.asked, got, adjusted)
		}
	}
}
