package traffic

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestRequests reads every recorded request as a call of the tool, has the
// gateway write it again, and holds that against the recorded one: the SDK of
// the form has to know every field, and the two have to mean the same, but for
// what the gateway says that it adjusted. A request that needs extra_body is
// counted apart, and so is one that the tool has no way to ask for.
func TestRequests(t *testing.T) {
	onFolders(t, func(t *testing.T, title, folder string) {
		census := newCensus()
		for _, r := range load(t, folder) {
			if r.asked == nil {
				continue
			}
			t.Run(r.title(), func(t *testing.T) { census.count(t, r) })
		}
		t.Log(census)
		if census.sum().plain == 0 {
			t.Error("no request was compared")
		}
		if _, named := os.LookupEnv("TRAFFIC"); title == "recorded" && !named {
			census.stale(t) // others' recordings need not show everything
		}
	})
}

// tally counts the requests of one group.
type tally struct {
	recorded int
	plain    int // equal with the tool's arguments alone
	adjusted int // of these and the next: up to what was declared as adjusted
	extra    int // equal with extra_body beside
	refused  int // by the gateway, as by the provider
	left     int // neither can say it
}

func (c *tally) add(other *tally) {
	c.recorded, c.plain, c.adjusted = c.recorded+other.recorded, c.plain+other.plain, c.adjusted+other.adjusted
	c.extra, c.refused, c.left = c.extra+other.extra, c.refused+other.refused, c.left+other.left
}

// census counts the requests of all groups.
type census struct {
	groups map[string]*tally
	// In how many requests: fields that extra_body has to say, fields that
	// nothing can say, adjustments, refusals, what each request has unasked.
	extra, left, adjusted, refused, unasked map[string]int
	reasons                                 map[string]bool // of inexpressible that occurred
}

func newCensus() *census {
	return &census{
		map[string]*tally{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]bool{},
	}
}

// inexpressible are the fields that a caller of the tool has no way to ask for,
// by how their names begin, and why. The first that fits counts. One that no
// longer occurs fails the test, but for those that no recording has shown yet;
// so does a field without a reason.
var inexpressible = []reason{
	{"tools[].", "a field of one tool that OpenAI's form does not have", false},
	{"input[type ", "an item that only the provider's own tools make", false},
	{"input[].", "a field of one item that OpenAI's chat form does not have", false},
	{"messages[].content[type ", "a part that OpenAI's form does not have", false},
	{"messages[].content[].", "a field of one part that OpenAI's form does not have", false},
	{"contents[].role ", "a role that no provider knows: the recording is of a refusal", false},
	{"messages[].", "a field of one message that OpenAI's form does not have", true},
	{"contents[].parts[].", "a field of one part that OpenAI's form does not have", true},
	{"tool_choice", "a choice of one of the provider's own tools", true},
}

type reason struct {
	field, why string
	unseen     bool
}

// count reads one request, has it written again, and counts how that went.
func (c *census) count(t *testing.T, r *recording) {
	group := c.groups[r.group]
	if group == nil {
		group = &tally{}
		c.groups[r.group] = group
	}
	group.recorded++
	row := rowOf(t, r)
	want := wires[r.form].canonical(r.asked)
	q := &question{arguments: map[string]any{}, extra: map[string]any{}, recording: r, row: row}
	wires[r.form].read(q, cloned(want))
	if q.left = q.leftover(); len(q.left) > 0 {
		group.left++
		for _, field := range q.left {
			c.left[field]++
			i := slices.IndexFunc(inexpressible, func(known reason) bool { return strings.HasPrefix(field, known.field) })
			if i < 0 {
				t.Errorf("nothing says why %s cannot be asked for", field)
				continue
			}
			c.reasons[inexpressible[i].field] = true
		}
		return
	}
	for _, field := range fieldsOf(q.extra) {
		c.extra[field]++
	}
	got, refusal := ask(t, q)
	if refusal != "" {
		// What the provider refused, the gateway may refuse before.
		if c.refused[refusal]++; r.status < 400 {
			t.Errorf("the gateway refuses what the provider answered: %s", refusal)
			return
		}
		group.refused++
		return
	}
	unasked := compare(t, q, want, got)
	for _, field := range unasked {
		c.unasked[field]++
	}
	for _, a := range got.adjusted {
		c.adjusted[a.Parameter+" "+a.Action+": "+a.Reason]++
	}
	if t.Failed() {
		return
	}
	if len(q.extra) > 0 {
		group.extra++
	} else {
		group.plain++
	}
	if len(got.adjusted) > 0 {
		group.adjusted++
	}
}

// stale looks for reasons that nothing needs any more.
func (c *census) stale(t *testing.T) {
	for _, known := range inexpressible {
		if !known.unseen && !c.reasons[known.field] {
			t.Errorf("a reason that no longer occurs: %s: %s", known.field, known.why)
		}
	}
	for form, fields := range unasked {
		for path := range fields {
			if c.unasked[string(form)+" "+path] == 0 {
				t.Errorf("the gateway no longer adds %s to %s", path, form)
			}
		}
	}
}

func (c *census) sum() *tally {
	sum := &tally{}
	for _, group := range c.groups {
		sum.add(group)
	}
	return sum
}

// String is the table, and what stands behind its columns.
func (c *census) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%-44s %8s %8s %10s %8s %8s %8s %8s\n", "group", "recorded", "equal", "with extra", "adjusted", "refused", "left", "failed")
	line := func(name string, c *tally) {
		failed := c.recorded - c.plain - c.extra - c.refused - c.left
		fmt.Fprintf(&out, "%-44s %8d %8d %10d %8d %8d %8d %8d\n", name, c.recorded, c.plain, c.extra, c.adjusted, c.refused, c.left, failed)
	}
	for _, group := range slices.Sorted(maps.Keys(c.groups)) {
		line(group, c.groups[group])
	}
	line("all", c.sum())
	list := func(title string, counts map[string]int) {
		fmt.Fprintf(&out, "%s, and in how many requests:\n", title)
		for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
		}) {
			fmt.Fprintf(&out, "%6d %s\n", counts[name], name)
		}
	}
	list("adjusted", c.adjusted)
	list("said by the gateway, unasked", c.unasked)
	list("asked for by extra_body", c.extra)
	list("refused by the gateway, and by the provider", c.refused)
	list("left", c.left)
	return out.String()
}
