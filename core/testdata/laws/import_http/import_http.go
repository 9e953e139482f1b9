// Package import_http uses the network itself.
package import_http

import (
	"net"                 // want "law 1"
	"net/http"            // want "law 1"
	_ "net/http/httptest" // want "law 1"
)

// Dial goes around the host.
func Dial() (net.Conn, error) {
	http.DefaultClient.CloseIdleConnections()
	return net.Dial("tcp", "localhost:80")
}
