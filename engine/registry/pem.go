package registry

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParseCertificates reads the certificates in PEM text (RFC 7468). It ignores other kinds of blocks, and text around the blocks. A
// certificate that is not whole is an error, and so is text without one.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of it cannot be read: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, fmt.Errorf("after %d certificates comes one that is not whole", len(out))
	case len(out) == 0:
		return nil, errors.New("it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
	}
	return out, nil
}
