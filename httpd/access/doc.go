// Package access decides who may use the operator's side of the cache-host: the pages
// and the API. A Guard answers four questions about a request:
//
//	Check     may it come in at all? The Host it names, and the site that a browser sent it from
//	Visitor   who sent it, may they read and act, and what does a job's log call them
//	SignIn    is this the password? Then the browser gets a cookie, which SignOut removes
//	Open      is no password set, so that everybody may do everything
//
// Check comes before everything else and reads only the header, because a body may have any
// length; Wrap puts it before a handler. A server has one Guard, because a client's guesses at
// passwords are counted in it.
//
// What a browser keeps is a signed Cookie. The key is the session secret of the data directory,
// so that a sign-in outlives a restart; a new password or a new secret ends every sign-in.
package access
