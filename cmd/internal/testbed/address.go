package testbed

import (
	"encoding/base64"
	"path"
)

// TokenPath is the address at which a cache-host answers for an origin's URL, as the shim asks for it.
func TokenPath(url string) string {
	return "/b/" + base64.RawURLEncoding.EncodeToString([]byte(url)) + "/" + path.Base(url)
}
