package main

import (
	"fmt"
	"strings"

	"github.com/pikasTech/agentrun/internal/canon"
	"github.com/pikasTech/agentrun/lane/intent"
)

const (
	services  = 1000
	libraries = 200

	projectName = "many"
	laneName    = "v0.1"
)

// generate is the source tree of a project with many services in one module, as
// such projects are: each main imports a few of the shared packages, which import
// each other; there are tests, embedded files and files for other systems.
func generate() (map[string][]byte, error) {
	files := map[string][]byte{
		"go.mod":    []byte("module example.com/many\n\ngo 1.26.0\n\ntoolchain go1.26.8\n"),
		"README.md": []byte("# Many\n"),
	}
	for i := range libraries {
		var imports []int
		for j := 1; j <= 3 && i-j*j >= 0; j++ {
			imports = append(imports, i-j*j)
		}
		dir := library(i)
		files[dir+"/lib.go"] = source(fmt.Sprintf("lib%03d", i), imports, "Value", 40)
		files[dir+"/more.go"] = source(fmt.Sprintf("lib%03d", i), nil, "More", 40)
		files[dir+"/other_windows.go"] = source(fmt.Sprintf("lib%03d", i), nil, "Other", 10)
		files[dir+"/lib_test.go"] = source(fmt.Sprintf("lib%03d", i), nil, "testOnly", 20)
	}
	for i := range services {
		dir := "cmd/" + service(i)
		files[dir+"/main.go"] = append(source("main", []int{i % libraries, i * 7 % libraries, i * 13 % libraries, i * 31 % libraries}, "value", 20),
			"\nfunc main() { println(value()) }\n"...)
		files[dir+"/handler.go"] = source("main", nil, "handler", 60)
		files[dir+"/handler_test.go"] = source("main", nil, "testOnly", 20)
		if i%10 == 0 {
			files[dir+"/static.go"] = []byte("package main\n\nimport _ \"embed\"\n\n//go:embed static/page.html\nvar page string\n")
			files[dir+"/static/page.html"] = []byte("<p>" + service(i) + "</p>\n")
		}
	}
	data, err := canon.Marshal(declare())
	if err != nil {
		return nil, err
	}
	files[intent.Path] = data
	_, err = intent.Parse(intent.Path, data)
	return files, err
}

func service(i int) string { return fmt.Sprintf("svc%04d", i) }
func library(i int) string { return fmt.Sprintf("internal/lib%03d", i) }

// source is a Go file whose function name uses the libraries.
func source(pkg string, imports []int, name string, lines int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\n", pkg)
	for _, i := range imports {
		fmt.Fprintf(&b, "import l%d \"example.com/many/%s\"\n", i, library(i))
	}
	fmt.Fprintf(&b, "\nfunc %s() int {\n\tn := 0\n", name)
	for _, i := range imports {
		fmt.Fprintf(&b, "\tn += l%d.Value()\n", i)
	}
	for i := range lines {
		fmt.Fprintf(&b, "\tif n == %d { n += %d } // a line as long as lines are\n", i, i)
	}
	b.WriteString("\treturn n\n}\n")
	return []byte(b.String())
}

func declare() *intent.Intent {
	in := &intent.Intent{
		APIVersion: intent.APIVersion, Kind: intent.Kind, Project: projectName, Lane: laneName,
		Cluster:  intent.Cluster{Name: "c1", Host: "host", WorktreeRoot: "/root"},
		Source:   intent.Source{Repository: "git@example.com:many/many.git"},
		Registry: intent.Registry{Address: "127.0.0.1:5000", Insecure: true},
		CI:       intent.CI{Namespace: "many-ci"},
	}
	for i := range services {
		in.Services = append(in.Services, intent.Service{
			ID: service(i), Kind: intent.Deployment, Enabled: true, Build: intent.Build{Go: "./cmd/" + service(i)},
		})
	}
	return in
}
