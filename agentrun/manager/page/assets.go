package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed static/*
var static embed.FS

// assets are the files that pages refer to. Their paths hold a hash of their
// content, so that a browser may keep them for ever and has never an old one.
type assets struct {
	paths map[string]string // by name
	files map[string][]byte // by path
}

func readAssets() *assets {
	a := &assets{map[string]string{}, map[string][]byte{}}
	names, err := fs.Glob(static, "static/*")
	if err != nil {
		panic(err) // the pattern is right
	}
	for _, name := range names {
		data, err := static.ReadFile(name)
		if err != nil {
			panic(err) // it is in the program
		}
		sum := sha256.Sum256(data)
		base := path.Base(name)
		at := "/ui/static/" + hex.EncodeToString(sum[:8]) + "/" + base
		a.paths[base], a.files[at] = at, data
	}
	return a
}

func (a *assets) path(name string) string { return a.paths[name] }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(r.URL.Path)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(data)
}
