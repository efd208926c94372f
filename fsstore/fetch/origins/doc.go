// Package origins reads the directory of --origins: a file for each host that needs more than a
// plain request, such as header lines, certificates or a limit of connections. It opens what its
// fs.FS opens, and no error quotes a line of a file.
package origins
