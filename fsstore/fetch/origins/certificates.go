package origins

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"strings"
)

// certificates reads the files that the lines cert, key and ca name.
func (o Dir) certificates(file string, site Host, names map[string]string) (Host, error) {
	cert, private := names["cert"], names["key"]
	if private == "" {
		private = cert
	}
	if cert == "" && private != "" {
		return Host{}, &FileError{file, "has a line `key` without `cert`", "name the client " +
			"certificate, too"}
	}
	for _, f := range []struct {
		word, name string
		into       *[]byte
		check      func(fs.FileInfo) error
	}{
		{"cert", cert, &site.Cert, checkPublic},
		{"key", private, &site.Key, checkMode},
		{"ca", names["ca"], &site.CA, checkPublic},
	} {
		if f.name == "" {
			continue
		}
		in, name := o.Files, f.name
		if rest, ok := strings.CutPrefix(name, "/"); ok && o.Root != nil {
			in, name = o.Root, rest
		}
		var err error
		if *f.into, err = read(in, name, maxBundle, f.check); err != nil {
			return Host{}, &FileError{file, "names a file by `" + f.word + "` that " +
				withoutName(err), "mend the line or the file; a name begins in the directory of " +
				"this one, or with a slash"}
		}
	}
	return site, nil
}

// TLS returns base (nil: Go's defaults) with the host's certificates.
func (site Host) TLS(file string, base *tls.Config) (*tls.Config, error) {
	if site.Cert == nil && site.CA == nil {
		return base.Clone(), nil
	}
	if base == nil {
		base = &tls.Config{}
	}
	conf := base.Clone()
	if site.Cert != nil {
		pair, err := tls.X509KeyPair(site.Cert, site.Key)
		if err != nil {
			return nil, &FileError{file, "names a client certificate that can't be used (" +
				err.Error() + ")", "cert and key are PEM, belong together, and the key has no " +
				"passphrase"}
		}
		conf.Certificates = []tls.Certificate{pair}
		// Servers that want a certificate for some paths only ask for it so.
		conf.Renegotiation = tls.RenegotiateOnceAsClient
	}
	if site.CA == nil {
		return conf, nil
	}
	if conf.RootCAs == nil {
		conf.RootCAs, _ = x509.SystemCertPool()
	}
	if conf.RootCAs == nil {
		conf.RootCAs = x509.NewCertPool()
	}
	conf.RootCAs = conf.RootCAs.Clone()
	if !conf.RootCAs.AppendCertsFromPEM(site.CA) {
		return nil, &FileError{file, "names a file by `ca` that holds no certificate",
			"it is PEM"}
	}
	return conf, nil
}
