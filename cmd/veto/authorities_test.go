package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority is a private one, and what it issued: for servers of these names and of loopback.
type authority struct{ pem, cert, key []byte }

func newAuthority(t *testing.T, names ...string) authority {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	block := func(kind string, b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign, NotBefore: from, NotAfter: to}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: from, NotAfter: to}
	caKey, serverKey := key(), key()
	var a authority
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	a.pem = block("CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, server, ca, &serverKey.PublicKey, caKey)
	a.cert = block("CERTIFICATE", der, err)
	der, err = x509.MarshalECPrivateKey(serverKey)
	a.key = block("EC PRIVATE KEY", der, err)
	return a
}

// serveTLS serves on loopback with a certificate of the authority's, and returns the address.
func serveTLS(t *testing.T, a authority, h http.Handler) string {
	t.Helper()
	pair, err := tls.X509KeyPair(a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS, s.Config.ErrorLog = &tls.Config{Certificates: []tls.Certificate{pair}}, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return strings.TrimPrefix(s.URL, "https://")
}

// connectProxy speaks CONNECT alone and leads to one address, whatever is asked for. asked returns for what, sorted, each once.
func connectProxy(t *testing.T, to string) (address string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	seen := []string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.Host)
		mu.Unlock()
		up, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", to)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer up.Close()
		down, early, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer down.Close()
		fmt.Fprint(down, "HTTP/1.1 200 Connected\r\n\r\n")
		go func() {
			io.Copy(down, up)
			down.Close()
		}()
		io.Copy(up, io.MultiReader(io.LimitReader(early, int64(early.Reader.Buffered())), down))
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := slices.Clone(seen)
		slices.Sort(out)
		return slices.Compact(out)
	}
}
