package coretest

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/core/provider"
)

// Generated holds the part of a page between the lines
//
//	<!-- generated: NAME -->
//	<!-- end of NAME -->
//
// against a text, or with -update writes it there.
func Generated(t *testing.T, page, name, text string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	from, to := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, begun := strings.Cut(string(data), from)
	old, after, ended := strings.Cut(rest, to)
	if !begun || !ended {
		t.Fatalf("%s has no part %s", page, name)
	}
	switch {
	case old == text:
	case *update:
		if err := os.WriteFile(page, []byte(before+from+text+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s: the part %s is stale (-update writes it): %s", page, name, difference(text, old))
	}
}

// ReadRecorded reads the list of the recordings that stand behind cells of the
// exam: lines of examinee, column, recording, between bars. A cell that is there
// twice, or does not exist, is an error.
func ReadRecorded(t *testing.T, file string) map[Cell]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[Cell]string{}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Split(strings.TrimSpace(line), " | ")
		if len(words) != 3 {
			t.Fatalf("%s: %q", file, line)
		}
		cell := Cell{words[0], words[1]}
		known := slices.ContainsFunc(Examinees(), func(e Examinee) bool { return e.Name == cell.Examinee }) &&
			slices.ContainsFunc(Columns, func(c Column) bool { return c.Name == cell.Column })
		if recorded[cell] != "" || !known {
			t.Errorf("%s: a cell that is there twice, or does not exist: %s", file, line)
		}
		recorded[cell] = words[2]
	}
	return recorded
}

// ExamTable is the table of the exam in Markdown, with its notes.
func ExamTable(verdicts map[Cell]Verdict, recorded map[Cell]string) string {
	var table, notes strings.Builder
	table.WriteString("| |")
	for _, column := range Columns {
		table.WriteString(" " + column.Name + " |")
	}
	table.WriteString("\n| --- |" + strings.Repeat(" --- |", len(Columns)) + "\n")
	sums := map[string]int{}
	for _, examinee := range Examinees() {
		table.WriteString("| " + examinee.Name + " |")
		for _, column := range Columns {
			cell := Cell{examinee.Name, column.Name}
			mark := map[Verdict]string{Passed: "✓", Refused: "✗", NotOffered: "–"}[verdicts[cell]]
			if verdicts[cell] == Passed && recorded[cell] != "" {
				mark += "R"
			}
			for i, excepted := range Exceptions {
				if excepted.Column == cell.Column && slices.Contains(excepted.Examinees, cell.Examinee) {
					mark += fmt.Sprintf(" (%d)", i+1)
				}
			}
			sums[string(verdicts[cell])]++
			if verdicts[cell] == Passed && recorded[cell] != "" {
				sums["recorded"]++
			}
			table.WriteString(" " + cmp.Or(mark, "failed") + " |")
		}
		table.WriteString("\n")
	}
	fmt.Fprintf(&notes, "\n%d cells: %d passed, %d refused clearly, %d not offered. %d are held against a recorded exchange as well.\n\n",
		len(verdicts), sums[string(Passed)], sums[string(Refused)], sums[string(NotOffered)], sums["recorded"])
	for i, excepted := range Exceptions {
		fmt.Fprintf(&notes, "%d. %s\n", i+1, excepted.Reason)
	}
	return table.String() + notes.String()
}

// traitWords say to a user what a trait means.
var traitWords = map[provider.Trait]string{
	provider.OpenAIModels:         "what a model refuses (temperature, stop, ...) is left out",
	provider.MaxCompletionTokens:  "`max_tokens` is called `max_completion_tokens`",
	provider.DeveloperRole:        "the role `developer` is known",
	provider.RandomSeed:           "`seed` is called `random_seed`",
	provider.ChoiceAny:            "`tool_choice` required is called any",
	provider.ShortCallIDs:         "ids of calls are made to 9 letters and digits",
	provider.NoStreamOptions:      "no `stream_options`",
	provider.TextOnly:             "text only: other parts are refused",
	provider.ImagesOnly:           "text and images only: other parts are refused",
	provider.JSONWord:             "where `json_object` is asked for and no message says JSON, a system message does",
	provider.NoJSONObject:         "`json_object` is refused",
	provider.NoSchema:             "a `json_schema` goes as `json_object`, described by a system message",
	provider.ThinkingType:         "`reasoning_effort` is `thinking.type`",
	provider.EnableThinking:       "`reasoning_effort` is `enable_thinking`",
	provider.GreedyTopP:           "no `top_p` beside temperature 0",
	provider.PositivePenalty:      "`frequency_penalty` is above 0",
	provider.Alternating:          "neighbours of one role go as one message",
	provider.NoToolChoice:         "`tool_choice` none leaves the tools out; one that forces a call is refused",
	provider.RequireParameters:    "a schema or `logprobs` set `provider.require_parameters`",
	provider.ImagesBack:           "images that the model made go back",
	provider.VendorNames:          "models are called `VENDOR/MODEL`",
	provider.NoNames:              "`name` of messages is left out",
	provider.NoLogprobs:           "`logprobs` is refused",
	provider.OneChoice:            "`n` above 1 is refused",
	provider.NoRequired:           "`tool_choice` required is refused",
	provider.KnownFields:          "`cache_control` and the like are left out",
	provider.PrefixMark:           "a last message of the assistant is marked `prefix`, one of the system goes as the user's",
	provider.DocumentURLPart:      "a file is called `document_url`",
	provider.DataURLs:             "images by value only",
	provider.ToolImages:           "tools may answer with images",
	provider.ReasoningObject:      "`reasoning_effort` is `reasoning.effort`",
	provider.ThinkingSwitch:       "thinks unless `reasoning_effort` is none, and passes sampling over; a forced call switches thinking off",
	provider.ReasoningBack:        "`reasoning_content` goes back",
	provider.ReasoningFieldBack:   "reasoning goes back as `reasoning`",
	provider.ReasoningDetailsBack: "`reasoning_details` go back",
}

// formWords say what is special about the forms that are not OpenAI's chat.
var formWords = map[string]string{
	"openai-responses": "`stop`, `seed` and penalties do not exist there; reasoning goes back encrypted",
	"anthropic":        "`max_tokens` is added where none is given; temperature ends at 1; sound and video are refused; signed thoughts go back",
	"gemini":           "files and images by value; penalties are left out since 2.5; thought signatures go back",
}

// ProviderTable lists the rows for their users, in Markdown.
func ProviderTable() string {
	var table strings.Builder
	table.WriteString("| `API_FORMAT` | address | the key, and where its users have it | what is special |\n| --- | --- | --- | --- |\n")
	for _, row := range provider.Rows {
		key := "none; one that is set goes as `authorization: Bearer`"
		if row.Credential.Name != "" {
			key = fmt.Sprintf("`%s: %s…`, `%s`", row.Credential.Header, row.Credential.Prefix, row.Credential.Name)
		}
		var special []string
		if words := formWords[row.Form]; words != "" {
			special = append(special, words)
		}
		for _, trait := range row.Traits {
			special = append(special, cmp.Or(traitWords[trait], string(trait)))
			if trait == provider.OpenAIModels && row.Form == "openai-chat" {
				special = append(special, "what only the other API can do (tools of newer models, files by address) goes to `/responses`")
			}
		}
		if row.Hottest > 0 {
			special = append(special, fmt.Sprintf("`temperature` ends at %g", row.Hottest))
		}
		if slices.ContainsFunc(row.Models, func(model provider.ModelRow) bool { return len(model.Efforts) > 0 }) {
			special = append(special, "`reasoning_effort` is made one that the model knows")
		}
		if len(row.Lacks) > 0 {
			special = append(special, "has no `"+strings.Join(row.Lacks, "`, `")+"`")
		}
		address := "your own: `API_ENDPOINT=https://RESOURCE.openai.azure.com`, or one with `/openai/deployments/NAME`"
		if row.Endpoint != "" {
			address = "`" + row.Endpoint + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", row.Name, address, key, cmp.Or(strings.Join(special, "; "), "nothing"))
	}
	return table.String()
}
