// Tests of an HTTP client. Run: go test tracker_test.go
// AQUATIC names the command, `npx aquatic` by default.
package tracker

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Ends with this process, since its standard input does.
type Tracker struct {
	HTTP    string `json:"http"`
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func start(t *testing.T) *Tracker {
	name := os.Getenv("AQUATIC")
	if name == "" {
		name = "npx aquatic"
	}
	words := append(strings.Fields(name), "--test")
	tracker := &Tracker{command: exec.Command(words[0], words[1:]...)}
	tracker.command.Stderr = os.Stderr
	tracker.in, _ = tracker.command.StdinPipe()
	out, _ := tracker.command.StdoutPipe()
	tracker.out = bufio.NewReader(out)
	if err := tracker.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tracker.in.Close()
		tracker.command.Wait()
	})
	tracker.read(t, tracker)
	return tracker
}

func (tracker *Tracker) read(t *testing.T, into any) {
	line, err := tracker.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A command is a line of JSON; its result is decoded into `result`.
func (tracker *Tracker) ask(t *testing.T, command string, result any) {
	io.WriteString(tracker.in, command+"\n")
	answer := struct {
		Result any
		Error  string
	}{Result: result}
	tracker.read(t, &answer)
	if answer.Error != "" {
		t.Fatal(answer.Error)
	}
}

func (tracker *Tracker) announce(t *testing.T) string {
	response, err := http.Get(tracker.HTTP + "?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-abcdefghijkl&port=6881&left=0")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

type peer struct {
	Address string
	Port    int
	Seeder  bool
}

const peersOfA = `{"command":"peers","info_hash":"6161616161616161616161616161616161616161"}`

func TestASeederIsKnownForAsLongAsItAnnounces(t *testing.T) {
	tracker := start(t)
	tracker.announce(t)
	var peers []peer
	tracker.ask(t, peersOfA, &peers)
	if len(peers) != 1 || peers[0] != (peer{"127.0.0.1", 6881, true}) {
		t.Fatal(peers)
	}
	tracker.ask(t, `{"command":"advance","seconds":3600}`, nil)
	tracker.ask(t, peersOfA, &peers)
	if len(peers) != 0 {
		t.Fatal(peers)
	}
}

func TestAFailureIsTold(t *testing.T) {
	tracker := start(t)
	tracker.ask(t, `{"command":"faults","faults":{"http":{"error":"try later"}}}`, nil)
	if answer := tracker.announce(t); answer != "d14:failure reason9:try latere" {
		t.Fatal(answer)
	}
}
