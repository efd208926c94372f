// Package address decides which addresses the cache may dial for a URL, and by whose choice: an
// approved URL may name a private address, but neither a public name nor a redirect from a public
// host may lead there. Addresses of this machine, and those at which clouds give out secrets, are
// open to nobody but by --allow-origin.
//
// What is checked is the address itself, as it is dialled, after the name was resolved: a resolver
// can't change its answer in between.
package address
