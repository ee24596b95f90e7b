package redis

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

var errServersReply = errors.New("unexpected reply of the servers script")

// The two keys about servers are in one slot of a Cluster: the tag of the second
// is the first.
func (b *Broker) serversKey() string    { return b.prefix + ":servers" }
func (b *Broker) serverInfoKey() string { return b.prefix + ":server-info:{" + b.serversKey() + "}" }

// Beat implements broker.Monitor.
func (b *Broker) Beat(ctx context.Context, server broker.ServerInfo, lasts time.Duration) error {
	if err := server.Check(lasts); err != nil {
		return err
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	said, err := json.Marshal(server.Cut())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = beatScript.run(ctx, b.client, []string{b.serversKey(), b.serverInfoKey()}, server.Name, ceil(lasts), said)
	return wrap("report a server to redis", err)
}

// Depart implements broker.Monitor. Should it end halfway, what is left goes as
// if the server had died.
func (b *Broker) Depart(ctx context.Context, name string) error {
	if err := broker.CheckName("ServerInfo.Name", name); err != nil {
		return err
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	pipe := b.client.TxPipeline()
	pipe.HDel(ctx, b.serverInfoKey(), name)
	pipe.ZRem(ctx, b.serversKey(), name)
	_, err := pipe.Exec(ctx)
	return wrap("take leave of redis", err)
}

// Servers implements broker.Monitor.
func (b *Broker) Servers(ctx context.Context, cursor string, limit int) ([]broker.ServerInfo, string, error) {
	if err := broker.CheckPage(limit); err != nil {
		return nil, "", err
	}
	at, err := parseScanCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if err := b.ready(ctx); err != nil {
		return nil, "", err
	}
	reply, err := serversScript.run(ctx, b.client, []string{b.serversKey(), b.serverInfoKey()}, at, limit)
	if err != nil {
		return nil, "", wrap("list servers in redis", err)
	}
	values, err := texts(reply)
	if err != nil || len(values)%3 != 1 {
		return nil, "", errServersReply
	}
	var servers []broker.ServerInfo
	for i := 1; i < len(values); i += 3 {
		var s broker.ServerInfo
		if json.Unmarshal([]byte(values[i+2]), &s) == nil { // a foreign one is left out
			s.Expires, s.SeenAt = parseMillis(values[i]), parseMillis(values[i+1])
			servers = append(servers, s)
		}
	}
	return servers, nextScan(values[0]), nil
}

// parseScanCursor reads the cursor of a page that one of the SCAN commands gave.
func parseScanCursor(cursor string) (string, error) {
	if cursor == "" {
		return "0", nil
	}
	if _, err := strconv.ParseUint(cursor, 10, 64); err != nil {
		return "", &task.FieldError{Field: "cursor", Rule: "must be what an earlier page returned", Value: strconv.Quote(cursor)}
	}
	return cursor, nil
}

func nextScan(cursor string) string {
	if cursor == "0" {
		return ""
	}
	return cursor
}

// texts returns the elements of a reply that is a list of texts.
func texts(reply any) ([]string, error) {
	values, ok := reply.([]any)
	if !ok {
		return nil, errServersReply
	}
	found := make([]string, len(values))
	for i, value := range values {
		switch value := value.(type) {
		case string:
			found[i] = value
		case int64:
			found[i] = strconv.FormatInt(value, 10)
		default:
			return nil, errServersReply
		}
	}
	return found, nil
}

func parseMillis(text string) time.Time {
	ms, _ := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms)
}
