// Package peertest tests the program mcp-ai-gateway as its clients meet it: a
// process that speaks MCP over pipes, once with the client of the official Go
// SDK at the other end, and once with lines written by hand.
//
// It is a module of its own, and all of it is tests: the SDK and what the SDK
// needs are for these tests alone, and who imports the gateway's module shall
// not inherit them. Run it in this folder:
//
//	go test ./...
package peertest
