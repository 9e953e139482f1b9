// Package transport joins a [core.Machine] to the world: [Server] speaks MCP to
// clients, [Host] drives the machines, [Upstream] speaks HTTP to providers.
//
// None of them knows what a request or an answer means; that is the core's.
// What is here has sockets, clocks, goroutines and secrets, which the core has
// not.
package transport
