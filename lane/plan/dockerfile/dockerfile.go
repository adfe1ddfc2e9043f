// Package dockerfile says what a Dockerfile takes into an image, as far as the
// image's identity needs to know it (rule F5).
//
// Input is the text of a Dockerfile and the image lock; output is the images it
// builds on and the paths of the build context that it reads. It is BuildKit's
// own parser that reads the file, with the built-in frontend. (Its module is
// taken at the newest version whose go line is not newer than this project's;
// the parser's rules are those of the builder in use.)
//
// Refused, with line and hint, is everything that could make two images of one
// text: a base image without a digest in the lock, another frontend, remote ADD,
// cache, secret and ssh mounts, the network, variables in places that decide what
// is read, and ONBUILD. The package reads no file and asks no registry. It needs
// no --chmod and --chown on COPY: whoever builds gives the context fixed modes,
// and BuildKit gives what comes from a context to root.
package dockerfile

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/pikasTech/agentrun/internal/fail"
)

// MaxBytes is the most that a Dockerfile or a lock may have.
const MaxBytes = 1 << 20

// Dockerfile is what a Dockerfile reads.
type Dockerfile struct {
	Bases   []string // names in the lock, sorted
	Sources []Source // in the order of the file
	HasRun  bool
}

// Source is a path or glob in the build context.
type Source struct {
	Line int
	Path string // relative, clean; "." is the whole context
}

// Parse reads a Dockerfile. file is only used in messages.
func Parse(file string, data []byte, lock Lock) (*Dockerfile, error) {
	if len(data) > MaxBytes {
		return nil, fail.Fail(file, "make it smaller", "it has %d bytes, the limit is %d", len(data), MaxBytes)
	}
	if _, syntax, ranges, ok := parser.DetectSyntax(data); ok {
		line := 1
		if len(ranges) > 0 {
			line = ranges[0].Start.Line
		}
		return nil, fail.Refuse("F5", fmt.Sprintf("%s:%d", file, line), "remove the line; the builder's own frontend is used", "syntax=%s would load another frontend", fail.Clean(syntax, 100))
	}
	result, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, fail.Fail(file, "mend the Dockerfile", "%s", fail.Clean(err.Error(), 300))
	}
	r := &reader{file: file, lock: lock, out: &Dockerfile{}}
	for _, node := range result.AST.Children {
		if err := r.instruction(node); err != nil {
			return nil, err
		}
	}
	if len(r.stages) == 0 {
		return nil, fail.Fail(file, "begin with FROM scratch, or FROM and a name of the image lock", "it has no FROM")
	}
	slices.Sort(r.out.Bases)
	r.out.Bases = slices.Compact(r.out.Bases)
	return r.out, nil
}

// reader goes through the instructions.
type reader struct {
	file   string
	lock   Lock
	stages []string // names, lower case, "" for a stage without one
	out    *Dockerfile
}

func (r *reader) refuse(node *parser.Node, hint, format string, args ...any) error {
	return fail.Refuse("F5", fmt.Sprintf("%s:%d", r.file, node.StartLine), hint, format, args...)
}

func (r *reader) instruction(node *parser.Node) error {
	name := strings.ToLower(node.Value)
	if name != "from" && name != "arg" && len(r.stages) == 0 {
		return fail.Fail(fmt.Sprintf("%s:%d", r.file, node.StartLine), "begin with FROM", "%s stands before the first FROM", strings.ToUpper(name))
	}
	switch name {
	case "from":
		return r.from(node)
	case "copy", "add":
		return r.copy(node, name)
	case "run":
		return r.run(node)
	case "onbuild":
		return r.refuse(node, "write the instruction where it is meant", "ONBUILD acts in another build than the one that is looked at")
	case "arg", "cmd", "entrypoint", "env", "expose", "healthcheck", "label", "maintainer", "shell", "stopsignal", "user", "volume", "workdir":
		return nil
	}
	return r.refuse(node, "mend the Dockerfile", "%q is not a known instruction", fail.Clean(node.Value, 40))
}

// from checks FROM name [AS stage].
func (r *reader) from(node *parser.Node) error {
	args := arguments(node)
	if len(node.Flags) > 0 {
		return r.refuse(node, "remove it; images are built for linux/amd64", "FROM %s is not allowed", fail.Clean(node.Flags[0], 60))
	}
	if len(args) != 1 && (len(args) != 3 || !strings.EqualFold(args[1], "as")) {
		return r.refuse(node, "write FROM NAME or FROM NAME AS STAGE", "FROM has %d arguments", len(args))
	}
	if args[0] != "scratch" {
		if err := r.image(node, "FROM", args[0]); err != nil {
			return err
		}
	}
	stage := ""
	if len(args) == 3 {
		stage = strings.ToLower(args[2])
		if _, locked := r.lock[stage]; locked || stage == "scratch" || slices.Contains(r.stages, stage) || strings.Contains(stage, "$") {
			return r.refuse(node, "give the stage a name of its own", "the stage name %q already means something", fail.Clean(stage, 60))
		}
	}
	r.stages = append(r.stages, stage)
	return nil
}

// image checks a name that stands for an earlier stage or an image of the lock.
func (r *reader) image(node *parser.Node, what, name string) error {
	if slices.Contains(r.stages, strings.ToLower(name)) {
		return nil
	}
	if _, ok := r.lock[name]; ok {
		r.out.Bases = append(r.out.Bases, name)
		return nil
	}
	return r.refuse(node, "add the line "+lockLine+" to the image lock and write "+what+" NAME",
		"%s %q is neither an earlier stage nor an image of the lock", what, fail.Clean(name, 100))
}

// copy checks COPY and ADD and keeps what they read from the context.
func (r *reader) copy(node *parser.Node, name string) error {
	from := ""
	for _, flag := range node.Flags {
		key, value, _ := strings.Cut(flag, "=")
		switch key {
		case "--from":
			from = value
		case "--chmod", "--chown", "--link", "--exclude", "--parents":
		default:
			return r.refuse(node, "remove the flag", "%s %s is not allowed", strings.ToUpper(name), fail.Clean(flag, 60))
		}
	}
	args := arguments(node)
	if len(args) < 2 {
		return r.refuse(node, "name sources and a destination", "%s has %d arguments", strings.ToUpper(name), len(args))
	}
	if from != "" {
		if i, err := strconv.Atoi(from); err == nil && i >= 0 && i < len(r.stages) {
			return nil
		}
		return r.image(node, "--from", from)
	}
	for _, arg := range args[:len(args)-1] {
		if strings.HasPrefix(arg, "<<") && len(node.Heredocs) > 0 {
			continue // its text is in the Dockerfile
		}
		if err := r.source(node, strings.ToUpper(name), arg); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) source(node *parser.Node, what, arg string) error {
	switch {
	case strings.Contains(arg, "://") || strings.HasPrefix(arg, "git@"), what == "ADD" && strings.HasPrefix(arg, "github.com/"):
		return r.refuse(node, "commit the file, name it in build.inputs and copy it", "%s of an address can bring another content each time", what)
	case strings.Contains(arg, "$"):
		return r.refuse(node, "write the path out", "%s %q: a variable decides what is read", what, fail.Clean(arg, 100))
	}
	p := path.Clean(strings.TrimLeft(arg, "/"))
	if p == ".." || strings.HasPrefix(p, "../") || strings.ContainsAny(arg, "\\\x00") {
		return r.refuse(node, "write a path below the top folder of the repository", "%s %q cannot be followed", what, fail.Clean(arg, 100))
	}
	r.out.Sources = append(r.out.Sources, Source{Line: node.StartLine, Path: p})
	return nil
}

// run checks that RUN can depend on nothing but the image so far.
func (r *reader) run(node *parser.Node) error {
	r.out.HasRun = true
	for _, flag := range node.Flags {
		key, value, _ := strings.Cut(flag, "=")
		switch {
		case key == "--mount":
			if err := r.mount(node, value); err != nil {
				return err
			}
		case key == "--network" && value == "none":
		default:
			return r.refuse(node, "remove the flag; RUN has no network and no privileges", "RUN %s is not allowed", fail.Clean(flag, 60))
		}
	}
	return nil
}

// mount checks RUN --mount=type=bind,… and type=tmpfs.
func (r *reader) mount(node *parser.Node, spec string) error {
	if strings.Contains(spec, `"`) {
		return r.refuse(node, "write it without quotes", "RUN --mount=%s cannot be followed", fail.Clean(spec, 60))
	}
	fields := map[string]string{"type": "bind"}
	for field := range strings.SplitSeq(spec, ",") {
		key, value, _ := strings.Cut(field, "=")
		fields[strings.ToLower(key)] = value
	}
	switch fields["type"] {
	case "tmpfs":
		return nil
	case "bind":
	default:
		return r.refuse(node, "use COPY or --mount=type=bind", "a mount of type %q brings in what the commit does not hold", fail.Clean(fields["type"], 40))
	}
	if from := fields["from"]; from != "" {
		return r.image(node, "--mount from=", from)
	}
	source := fields["source"]
	if source == "" {
		source = fields["src"]
	}
	return r.source(node, "RUN --mount", "/"+source)
}

// arguments are the words after an instruction.
func arguments(node *parser.Node) []string {
	var args []string
	for n := node.Next; n != nil; n = n.Next {
		args = append(args, n.Value)
	}
	return args
}
