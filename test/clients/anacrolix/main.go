// The tracker client of anacrolix/torrent, by which the Go clients announce and scrape. Started by
// http-library.ts; prints one line of JSON.
//
//	anacrolix announce URL INFO_HASH PORT LEFT EVENT
//	anacrolix scrape URL INFO_HASH…
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/anacrolix/torrent/tracker"
	"github.com/anacrolix/torrent/types/infohash"
)

const timeout = 10 * time.Second

func main() {
	result, err := run(os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		result = map[string]any{"failure": err.Error()}
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
}

func run(what string, url string, values []string) (any, error) {
	client, err := tracker.NewClient(url, tracker.NewClientOpts{})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if what == "scrape" {
		return scrape(ctx, client, values)
	}
	return announce(ctx, client, values)
}

func announce(ctx context.Context, client tracker.Client, values []string) (any, error) {
	port, _ := strconv.Atoi(values[1])
	left, _ := strconv.ParseInt(values[2], 10, 64)
	request := tracker.AnnounceRequest{
		InfoHash: infohash.FromHexString(values[0]),
		Left:     left,
		NumWant:  -1,
		Port:     uint16(port),
	}
	copy(request.PeerId[:], fmt.Sprintf("-GT0003-%012d", port))
	if err := request.Event.UnmarshalText([]byte(values[3])); err != nil {
		return nil, err
	}
	response, err := client.Announce(ctx, request, tracker.AnnounceOpt{})
	if err != nil {
		return nil, err
	}
	peers := []string{}
	for _, peer := range response.Peers {
		peers = append(peers, peer.String())
	}
	return map[string]any{
		"interval":   response.Interval,
		"complete":   response.Seeders,
		"incomplete": response.Leechers,
		"peers":      peers,
	}, nil
}

func scrape(ctx context.Context, client tracker.Client, values []string) (any, error) {
	hashes := []infohash.T{}
	for _, value := range values {
		hashes = append(hashes, infohash.FromHexString(value))
	}
	response, err := client.Scrape(ctx, hashes)
	if err != nil {
		return nil, err
	}
	files := map[string][]int32{}
	for i, file := range response {
		files[hex.EncodeToString(hashes[i][:])] = []int32{file.Seeders, file.Completed, file.Leechers}
	}
	return map[string]any{"files": files}, nil
}
