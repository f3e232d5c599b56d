package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
)

// static is what pages load, by name: styles, scripts and, below lib, libraries as
// their authors published them. internal/console/package-lock.json names their versions.
//
//go:embed static
var static embed.FS

// Asset is a file that pages load.
type Asset struct {
	Body []byte
	Type string // media type
}

// readAssets returns the files by their path, and a version that changes with any of
// them.
func readAssets() (map[string]Asset, string, error) {
	assets := map[string]Asset{}
	digest := sha256.New()
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		name = name[len("static/"):]
		assets[name] = Asset{Body: body, Type: mime.TypeByExtension(path.Ext(name))}
		fmt.Fprintf(digest, "%s %d\n%s", name, len(body), body)
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("error reading what the pages load: %w", err)
	}
	return assets, hex.EncodeToString(digest.Sum(nil)[:8]), nil
}
