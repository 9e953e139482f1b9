// Package pretty stands in the modules for the one that gjson lays JSON out with
// where a path has the modifier @pretty or @ugly. No path of ours has one, but
// they hang in a table that keeps encoding/json, and fmt with it, in every
// program that scans JSON: half a megabyte. scripts/build puts it in place.
package pretty

// Options are of gjson's package.
type Options struct {
	Width    int
	Prefix   string
	Indent   string
	SortKeys bool
}

// DefaultOptions are of gjson's package.
var DefaultOptions = &Options{Width: 80, Indent: "  "}

// Pretty returns json as it is.
func Pretty(json []byte) []byte { return json }

// PrettyOptions returns json as it is.
func PrettyOptions(json []byte, _ *Options) []byte { return json }

// Ugly returns json as it is.
func Ugly(json []byte) []byte { return json }
