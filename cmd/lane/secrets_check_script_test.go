package main

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pikasTech/agentrun/internal/scratch"
)

// cmdPostgres (postgres DATABASE) starts a real Postgres with a database and a role
// agent, whose password is that of the file password. It is reached over TCP at
// 127.0.0.1:$DBPORT.
func cmdPostgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: postgres DATABASE")
	}
	ctx := context.Background()
	dir := filepath.Join(ts.MkAbs("."), ".postgres")
	ts.Check(os.Mkdir(dir, 0o755))
	p, err := scratch.StartPostgres(ctx, dir)
	ts.Check(err)
	ts.Defer(func() { ts.Check(p.Close()) })
	conn, err := pgx.Connect(ctx, p.DSN)
	ts.Check(err)
	defer conn.Close(ctx)
	password := strings.TrimSpace(ts.ReadFile("password"))
	for _, sql := range []string{"create database " + args[0], "create role agent login password '" + strings.ReplaceAll(password, "'", "''") + "'"} {
		_, err := conn.Exec(ctx, sql)
		ts.Check(err)
	}
	socket := filepath.Join(conn.Config().Host, ".s.PGSQL.5432")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	ts.Check(err)
	ts.Setenv("DBPORT", port)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go join(from, socket)
		}
	}()
}

// join carries bytes between a connection and a unix socket until one ends.
func join(from net.Conn, socket string) {
	defer from.Close()
	to, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, from)
		to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// cmdSecret (secret FILE NAMESPACE NAME MANAGER KEY=FILE...) writes a Secret of lane
// v0.3 of shop as an API server has it, with the files as its values.
func cmdSecret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: secret FILE NAMESPACE NAME MANAGER KEY=FILE...")
	}
	data, owned := map[string]any{}, map[string]any{}
	for _, pair := range args[4:] {
		key, file, _ := strings.Cut(pair, "=")
		data[key] = base64.StdEncoding.EncodeToString([]byte(ts.ReadFile(file)))
		owned["f:"+key] = map[string]any{}
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
		"metadata": map[string]any{
			"namespace": args[1], "name": args[2], "uid": "11111111-2222-3333-4444-555555555555",
			"labels":        map[string]any{"lane.agentrun.dev/project": "shop", "lane.agentrun.dev/lane": "v0.3"},
			"managedFields": []any{map[string]any{"manager": args[3], "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:data": owned}}},
		},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// cmdTaken (taken FILE KEY VALUE) writes what a Secret that was sent to the server
// holds under KEY to the file VALUE.
func cmdTaken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: taken FILE KEY VALUE")
	}
	var sent struct {
		Data map[string][]byte `json:"data"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &sent))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), sent.Data[args[1]], 0o600))
}
