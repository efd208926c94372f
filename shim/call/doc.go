// Package call reads a call of curl or wget: its command line and the configuration files that the
// tool reads by itself, as the tool would read them.
//
// [Read] returns a [Call]: groups of URLs, each with what its options say. Every option has a
// class, see package options. A neutral one leaves a call to be asked about; most others let it
// pass unasked (a body, another method, credentials, a header that may choose the answer, the
// header of the answer, conditions, another way to the server, how a server must prove itself); an
// option that the table lacks lets the whole call pass. TLS 1.2 and older versions are neutral
// because the cache-host asks that of an origin by itself. A User-Agent is neutral where the URL
// names a file, because install hosts give a browser a page and curl a script.
//
// Abbreviations, clusters and --next are read as well. curlrc, wgetrc and .netrc are judged line by
// line by the same classes. Where only the C library can say whose they are, the call passes.
package call
