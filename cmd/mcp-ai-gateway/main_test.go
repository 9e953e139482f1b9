package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mcp-ai-gateway": main,
	})
}

// TestStories runs the stories of the command line. ENDPOINT in a story is an
// imitated provider of its own.
func TestStories(t *testing.T) {
	cache, err := os.UserCacheDir() // so that the module is compiled once
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/stories",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			endpoint, stop, err := imitation.New().Serve()
			if err != nil {
				return err
			}
			env.Defer(stop)
			env.Setenv("ENDPOINT", endpoint)
			env.Setenv("XDG_CACHE_HOME", cache)
			return nil
		},
	})
}
