package shim

// client is the tool under its own name.
func client(argv []string, env Env) int {
	complain("usage: call this program as curl, wget, curlfromcache or wgetfromcache")
	return 2
}
