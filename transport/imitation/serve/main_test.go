package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, write) }()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	endpoint := strings.TrimSuffix(line, "\n")
	response, err := http.Get(endpoint + "/models")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if list, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(list), `"imitated"`) {
		t.Errorf("%v: %s", err, list)
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(endpoint + "/models"); err == nil {
		t.Error("it answers after its end")
	}
}
