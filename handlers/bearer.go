package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// bearer is the one token that opens a surface.
type bearer struct {
	set    bool
	digest [sha256.Size]byte
	// off is the error of a surface without a token.
	off error
	// id tells the token from another without telling it.
	id string
}

func newBearer(token string, off error) bearer {
	id := sha256.Sum256([]byte("nof0 token id\n" + token))
	return bearer{off: off, set: token != "", digest: sha256.Sum256([]byte(token)), id: hex.EncodeToString(id[:8])}
}

// check returns off or errUnauthorized unless a request brings the
// token. The time it takes tells nothing about it, its length included.
func (b bearer) check(request http.Header) error {
	if !b.set {
		return b.off
	}
	scheme, sent, _ := strings.Cut(request.Get("Authorization"), " ")
	digest := sha256.Sum256([]byte(strings.TrimLeft(sent, " ")))
	if subtle.ConstantTimeCompare(digest[:], b.digest[:]) != 1 || !strings.EqualFold(scheme, "Bearer") {
		return errUnauthorized
	}
	return nil
}
