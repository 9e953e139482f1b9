// Command page serves page.html, in which a browser runs the module, and passes
// its requests on to a provider.
//
//	API_KEY=... go run ./wasm/hosts/page https://api.openai.com/v1
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/hosts"
	"github.com/mcp-ai-gateway/mcp-ai-gateway/wasm/module"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: page ENDPOINT, with the provider's key in API_KEY")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := handler(listener.Addr().String(), os.Args[1], os.Getenv("API_KEY"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/page.html\n", listener.Addr())
	log.Fatal(http.Serve(listener, pages))
}

// handler serves the page at an address, and below /provider the provider. The
// key is put in here: what a page knows, everybody knows who looks at it.
func handler(address, endpoint, key string) (http.Handler, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	binary, err := module.Reactor()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(hosts.Page))
	mux.HandleFunc("GET /gateway.wasm", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "gateway.wasm", time.Time{}, bytes.NewReader(binary))
	})
	mux.Handle("POST /provider/", http.StripPrefix("/provider", &httputil.ReverseProxy{
		FlushInterval: -1, // each piece at once
		// What broke behind breaks here, too: an answer of ours would be taken for the provider's.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			for _, name := range []string{"Origin", "Referer", "Cookie"} {
				r.Out.Header.Del(name)
			}
			if key != "" {
				r.Out.Header.Set("Authorization", "Bearer "+key)
			}
		},
	}))
	// Another site in the same browser must not spend the key: neither by
	// asking this address nor by a name of its own that leads here.
	own := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address {
			http.Error(w, "this is "+address, http.StatusForbidden)
			return
		}
		own.ServeHTTP(w, r)
	}), nil
}
