package peertest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcp-ai-gateway/mcp-ai-gateway/transport/imitation"
)

// configurations are those that the TypeScript program of this name gives its
// users, with everything but the command as it was.
var configurations = map[string]string{
	"OpenAI": `{"mcpServers": {"ai-gateway": {"command": "npx", "args": ["-y", "mcp-ai-gateway"], "env": {
		"API_FORMAT": "openai", "API_KEY": "sk-openai-0123456789", "DEFAULT_MODEL": "gpt-4o", "REQUEST_TIMEOUT": "60"}}}}`,
	"Anthropic": `{"mcpServers": {"ai-gateway": {"command": "npx", "args": ["-y", "mcp-ai-gateway"], "env": {
		"API_FORMAT": "anthropic", "API_ENDPOINT": "https://api.anthropic.com", "API_KEY": "sk-ant-0123456789", "DEFAULT_MODEL": "claude-sonnet-4-5", "ANTHROPIC_VERSION": "2023-06-01"}}}}`,
	"OpenRouter": `{"mcpServers": {"ai-gateway": {"command": "npx", "args": ["@kinhunt/mcp-ai-gateway@latest"], "env": {
		"API_FORMAT": "openai", "API_ENDPOINT": "https://openrouter.ai/api/v1/chat/completions", "API_KEY": "sk-or-0123456789", "DEFAULT_MODEL": "openai/gpt-4o", "DEFAULT_TEMPERATURE": "0.7", "DEFAULT_MAX_TOKENS": "1000"}}}}`,
	"several": `{"mcpServers": {
		"openai-gateway": {"command": "npx", "args": ["mcp-ai-gateway"], "env": {"API_FORMAT": "openai", "API_ENDPOINT": "https://api.openai.com/v1", "API_KEY": "sk-one-0123456789", "DEFAULT_MODEL": "gpt-4o", "DESCRIPTION": "For code."}},
		"anthropic-gateway": {"command": "npx", "args": ["mcp-ai-gateway"], "env": {"API_FORMAT": "anthropic", "API_ENDPOINT": "https://api.anthropic.com", "API_KEY": "sk-two-0123456789", "DEFAULT_MODEL": "claude-sonnet-4-5", "DESCRIPTION": "For prose."}}}}`,
}

// TestConfigurations runs them with another command. The providers' real names
// lead to imitations on this machine: through a proxy, and certificates that
// the environment around the configuration tells of.
func TestConfigurations(t *testing.T) {
	world := newWorld(t)
	for name, text := range configurations {
		t.Run(name, func(t *testing.T) {
			var configuration struct {
				MCPServers map[string]struct {
					Args []string          `json:"args"`
					Env  map[string]string `json:"env"`
				} `json:"mcpServers"`
			}
			if err := json.Unmarshal([]byte(text), &configuration); err != nil {
				t.Fatal(err)
			}
			for title, server := range configuration.MCPServers {
				process := exec.Command(native.command("", cache).Path, server.Args...)
				process.Env = append([]string{"PROXY_URL=" + world.proxy, "CA_FILE=" + world.authority}, "HOME="+t.TempDir())
				for name, value := range server.Env {
					process.Env = append(process.Env, name+"="+value)
				}
				process.Stdin = strings.NewReader(initialize + "\n" + request("1", "tools/list") + "\n" + `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"chat_completion","arguments":{"messages":[{"role":"user","content":"Hello from ` + title + `"}]}}}`)
				var stderr strings.Builder
				process.Stderr = &stderr
				out, err := process.Output()
				if err != nil || stderr.Len() > 0 {
					t.Fatalf("%v, stderr %s", err, stderr.String())
				}
				if description := server.Env["DESCRIPTION"]; !strings.Contains(string(out), `"description":"`+description) {
					t.Errorf("%s: the description is not first: %s", title, out)
				}
				if !strings.Contains(string(out), "Hello from "+title) || strings.Contains(string(out), `"isError":true`) {
					t.Errorf("%s: the answer is %s", title, out)
				}
				if key := server.Env["API_KEY"]; world.keys(key) != 1 {
					t.Errorf("%s: the key was seen %d times", title, world.keys(key))
				}
			}
		})
	}
}

// world is the providers by their own names.
type world struct {
	proxy, authority string

	mu   sync.Mutex
	seen []string // the keys that came
}

func (w *world) keys(key string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, seen := range w.seen {
		if seen == key {
			n++
		}
	}
	return n
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	imitated := imitation.New()
	providers := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.seen = append(w.seen, r.Header.Get("x-api-key")+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.mu.Unlock()
		switch path := r.Host + r.URL.Path; path {
		case "api.openai.com/v1/chat/completions", "openrouter.ai/api/v1/chat/completions", "api.anthropic.com/v1/messages":
			if version := r.Header.Get("anthropic-version"); r.Host == "api.anthropic.com" && version != "2023-06-01" {
				http.Error(rw, "the version is "+version, 400)
				return
			}
			imitated.ServeHTTP(rw, r)
		default:
			http.Error(rw, "nobody is at "+path, 404)
		}
	}))
	certificate, authority := certify(t, "api.openai.com", "api.anthropic.com", "openrouter.ai")
	providers.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	providers.StartTLS()
	t.Cleanup(providers.Close)
	w.authority = authority
	w.proxy = tunnels(t, providers.Listener.Addr().String())
	return w
}

// tunnels is a proxy whose every tunnel leads to one address.
func tunnels(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				reader := bufio.NewReader(client)
				request, err := http.ReadRequest(reader)
				if err != nil || request.Method != http.MethodConnect {
					return
				}
				server, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer server.Close()
				_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
				go func() { _, _ = io.Copy(server, reader) }()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// certify makes an authority and a certificate for hosts, and returns the
// authority as a file.
func certify(t *testing.T, hosts ...string) (tls.Certificate, string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityBytes, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: hosts, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	leafBytes, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, authorityKey)
	must(err)
	path := filepath.Join(t.TempDir(), "authority.pem")
	must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityBytes}), 0o600))
	return tls.Certificate{Certificate: [][]byte{leafBytes}, PrivateKey: key}, path
}
