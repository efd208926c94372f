package fetch

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"strings"
)

// certificates reads the files that the lines cert, key and ca name.
func (o origins) certificates(file string, site origin, names map[string]string) (origin, error) {
	cert, private := names["cert"], names["key"]
	if private == "" {
		private = cert
	}
	if cert == "" && private != "" {
		return origin{}, &originError{file, "has a line `key` without `cert`", "name the client " +
			"certificate, too"}
	}
	for _, f := range []struct {
		word, name string
		into       *[]byte
		check      func(fs.FileInfo) error
	}{
		{"cert", cert, &site.cert, checkPublic},
		{"key", private, &site.key, checkMode},
		{"ca", names["ca"], &site.ca, checkPublic},
	} {
		if f.name == "" {
			continue
		}
		in, name := o.dir, f.name
		if rest, ok := strings.CutPrefix(name, "/"); ok && o.root != nil {
			in, name = o.root, rest
		}
		var err error
		if *f.into, err = read(in, name, maxBundle, f.check); err != nil {
			return origin{}, &originError{file, "names a file by `" + f.word + "` that " +
				withoutName(err), "mend the line or the file; a name begins in the directory of " +
				"this one, or with a slash"}
		}
	}
	return site, nil
}

// tls returns base (nil: Go's defaults) with the host's certificates.
func (site origin) tls(file string, base *tls.Config) (*tls.Config, error) {
	if site.cert == nil && site.ca == nil {
		return base.Clone(), nil
	}
	if base == nil {
		base = &tls.Config{}
	}
	conf := base.Clone()
	if site.cert != nil {
		pair, err := tls.X509KeyPair(site.cert, site.key)
		if err != nil {
			return nil, &originError{file, "names a client certificate that can't be used (" +
				err.Error() + ")", "cert and key are PEM, belong together, and the key has no " +
				"passphrase"}
		}
		conf.Certificates = []tls.Certificate{pair}
		// Servers that want a certificate for some paths only ask for it so.
		conf.Renegotiation = tls.RenegotiateOnceAsClient
	}
	if site.ca == nil {
		return conf, nil
	}
	if conf.RootCAs == nil {
		conf.RootCAs, _ = x509.SystemCertPool()
	}
	if conf.RootCAs == nil {
		conf.RootCAs = x509.NewCertPool()
	}
	conf.RootCAs = conf.RootCAs.Clone()
	if !conf.RootCAs.AppendCertsFromPEM(site.ca) {
		return nil, &originError{file, "names a file by `ca` that holds no certificate",
			"it is PEM"}
	}
	return conf, nil
}
