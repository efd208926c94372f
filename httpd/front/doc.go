// Package front answers the plainest requests before net/http sees them. It reads the head of a
// request from a connection, and has a GET or HEAD of the read path answered on it at once; whatever
// else comes goes to net/http with every byte that was read, and the connection is net/http's for
// good. So what a request means is decided by one of the two alone, and neither has to find the
// place where the other has stopped.
//
// What is plain is a white list: see Parse. The package parses hostile bytes on an open port, so it
// understands little, and takes no more than MaxHead bytes of a head.
package front
