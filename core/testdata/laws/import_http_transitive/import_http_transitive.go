// Package import_http_transitive gets the network from packages that do not
// say so in their names.
package import_http_transitive

import (
	"crypto/x509" // want "law 1"
	"expvar"      // want "law 1"
)

// Count drags a server in.
func Count() *expvar.Int { return expvar.NewInt(x509.ECDSA.String()) }
