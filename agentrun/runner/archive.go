package runner

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/agentrun/agentrun/run"
)

// archiveName is the artifact with what the agent has made of its workspace.
const archiveName = "workspace.tar.gz"

// workspaceBounds bound what the runner looks at and holds: an agent may have unpacked a
// whole system there.
func workspaceBounds() bounds {
	return bounds{entries: 100_000, depth: 64, files: 10_000, file: 8 << 20, bytes: 64 << 20, packed: run.MaxArtifactBytes}
}

// survey notes the workspace before the agent works in it.
func (a *attempt) survey() {
	root, err := os.OpenRoot(a.cfg.Workspace)
	if err == nil {
		defer root.Close()
		a.before, err = look(a.work, root, workspaceBounds())
	}
	if err != nil {
		a.before, a.unsurveyed = nil, err
	}
}

// keepWorkspace stores the files that are new or changed since survey. It has a part of the
// farewell's time: how the attempt ended has to be told in any case, and soon to whoever
// wants its end.
func (a *attempt) keepWorkspace(ended run.State) {
	if a.session == nil { // nobody has worked there
		return
	}
	limit := a.cfg.Timing.Farewell / 3
	if ended == run.Cancelled {
		limit = min(limit, a.cfg.Timing.Patience)
	}
	ctx, cancel := context.WithTimeoutCause(a.tell, limit, errors.New("it takes too long"))
	defer cancel()
	data, lacks, err := a.archive(ctx)
	if err == nil && data != "" {
		err = a.up.artifact(ctx, archiveName, "application/gzip", []byte(data))
	}
	switch {
	case errors.Is(err, errSuperseded):
	case err != nil:
		a.say.text(run.Warning, "", a.say.redact.text(archiveName+" was not kept: "+err.Error()))
	case lacks != "":
		a.say.text(run.Warning, "", a.say.redact.text(archiveName+" has the new and changed files of the workspace, but "+lacks))
	}
}

// archive packs them, and says what of them it lacks. It is "" when there is none.
func (a *attempt) archive(ctx context.Context) (data, lacks string, err error) {
	if a.unsurveyed != nil {
		return "", "", a.unsurveyed
	}
	root, err := os.OpenRoot(a.cfg.Workspace)
	if err != nil {
		return "", "", err
	}
	defer root.Close()
	b := workspaceBounds()
	var missed missed
	found, err := look(ctx, root, b)
	if errors.Is(err, errTooMany) {
		missed.add("the rest", err)
	} else if err != nil {
		return "", "", err
	}
	data, err = pack(ctx, root, changed(a.before, found), a.say.redact, b, &missed)
	return data, missed.text(), err
}

// changed lists the files of now that were not there before, or not like that. Those of
// few folders come first: where not all are kept, they are what a person would look for.
func changed(before, now map[string]stamp) []string {
	var names []string
	for name, is := range now {
		if was, known := before[name]; !known || was.size != is.size || !was.time.Equal(is.time) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(strings.Count(a, "/")-strings.Count(b, "/"), strings.Compare(a, b))
	})
	return names
}

// packRoom is more than what the compression holds back or adds to a file.
const packRoom = 128 << 10

// pack makes an archive of files within the bounds, without the known credentials. The
// same files make the same archive; of none it is "".
func pack(ctx context.Context, root *os.Root, names []string, redact *redactor, b bounds, missed *missed) (string, error) {
	var packed strings.Builder
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return "", err
	}
	archive, files, left := tar.NewWriter(gz), 0, b.bytes
	for _, name := range names {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if files >= b.files || left <= 0 {
			missed.add(name, errFull)
			continue
		}
		content, info, err := readFile(root, name, b.file)
		if err != nil {
			missed.add(name, err)
			continue
		}
		text := redact.text(string(content))
		if size := len(text); int64(size) > left || packed.Len()+size+packRoom > b.packed {
			missed.add(name, errFull)
			continue
		}
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: redact.text(name), Size: int64(len(text)), Mode: mode,
			ModTime: info.ModTime().Truncate(time.Second), Format: tar.FormatPAX,
		}
		if err := archive.WriteHeader(header); err != nil {
			missed.add(name, errors.New("it has a name that no archive takes"))
			continue
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			return "", err
		}
		files, left = files+1, left-int64(len(text))
	}
	if files == 0 {
		return "", nil
	}
	if err := errors.Join(archive.Close(), gz.Close()); err != nil {
		return "", err
	}
	return packed.String(), nil
}

var errFull = errors.New("there is no more room")
