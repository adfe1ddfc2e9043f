package image

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/pikasTech/agentrun/lab/problem"
)

// Archive is the file of the images that every node has.
const Archive = "images.tar"

// The images in the archive. Their tag is not latest, so that nobody looks for
// them in a registry.
const (
	Pause          = "localhost/lab/pause:v1"
	Entrypoint     = "localhost/lab/entrypoint:v1"
	Nop            = "localhost/lab/nop:v1"
	WorkingDirInit = "localhost/lab/workingdirinit:v1"
	Shell          = "localhost/lab/busybox:v1"
)

// WriteArchive makes the images of pause, of Tekton's own containers and of a
// shell from programs in dir and from Debian's static busybox, as one file that
// containerd can import.
func WriteArchive(file, dir string) error {
	images := map[name.Tag]v1.Image{}
	add := func(reference string, config v1.Config, entries ...entry) error {
		tag, err := name.NewTag(reference)
		if err != nil {
			return err
		}
		config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/ko-app"}
		images[tag], err = fromTar(small(entries), config)
		return err
	}
	for reference, program := range map[string]string{
		Pause: "pause", Entrypoint: "entrypoint", Nop: "nop", WorkingDirInit: "workingdirinit",
	} {
		// Where Tekton looks for them: its own images are made by ko.
		path := "/ko-app/" + program
		err := add(reference, v1.Config{Entrypoint: []string{path}, User: "65532:65532"},
			entry{name: "ko-app", mode: 0o755},
			entry{name: path[1:], mode: 0o555, from: filepath.Join(dir, program)})
		if err != nil {
			return fmt.Errorf("making image %s: %w", reference, err)
		}
	}
	shell, err := shellEntries()
	if err == nil {
		err = add(Shell, v1.Config{Cmd: []string{"/bin/sh"}, User: "65532:65532"}, shell...)
	}
	if err != nil {
		return fmt.Errorf("making image %s: %w", Shell, err)
	}
	if err := tarball.MultiWriteToFile(file, images); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// shellEntries are busybox and a link for each of its commands.
func shellEntries() ([]entry, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, problem.New("apt-get install busybox-static", "looking for busybox: %w", err)
	}
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("asking busybox for its commands: %w", err)
	}
	entries := []entry{
		{name: "bin", mode: 0o755},
		{name: "etc", mode: 0o755},
		{name: "tmp", mode: 0o1777},
		{name: "www", mode: 0o777},
		{name: "bin/busybox", mode: 0o755, from: busybox},
	}
	for command := range strings.FieldsSeq(string(list)) {
		if command != "busybox" {
			entries = append(entries, entry{name: "bin/" + command, mode: 0o777, link: "busybox"})
		}
	}
	return entries, nil
}
