// Package hosts holds hosts of the module in other languages, docs/hosts.md,
// and the files of the one in a browser.
package hosts

import "embed"

// Page is page.html and what it imports, without the module.
//
//go:embed page.html reactor.mjs
var Page embed.FS
