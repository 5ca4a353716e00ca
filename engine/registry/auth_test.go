package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vetoci/veto/engine/registry"
)

// Basic and token authentication, with credentials given outright and stored by docker login.
func TestAuthentication(t *testing.T) {
	const user, password = "gate", "s3cret-word"
	var address string
	basic := func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if u, p, ok := r.BasicAuth(); ok && u == user && p == password {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	token := func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/token" {
			u, p, _ := r.BasicAuth()
			if u != user || p != password || r.URL.Query().Get("scope") != "repository:shop/web:pull" || r.URL.Query().Get("service") != "test" {
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			json.NewEncoder(w).Encode(map[string]string{"token": "t0ken"})
			return true
		}
		if r.Header.Get("Authorization") == "Bearer t0ken" {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",scope="repository:shop/web:pull"`, address))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	for name, f := range map[string]fault{"basic": basic, "token": token} {
		t.Run(name, func(t *testing.T) {
			address, _ = serve(t, f)
			o := options()
			_, _, err := pull(o, address+"/shop/web:1")
			check(t, err, "401 Unauthorized", "docker login "+address)
			o.User, o.Password, o.Host = user, "wrong-s3cret", address
			_, _, err = pull(o, address+"/shop/web:1")
			check(t, err, "401 Unauthorized", "docker login")
			o.Password = password
			if b, _, err := pull(o, address+"/shop/web:1"); err != nil || !bytes.Equal(b, layer) {
				t.Errorf("with the right password: %v", err)
			}
			stored := fmt.Sprintf(`{"auths":{%q:{"username":%q,"password":%q}}}`, address, user, password)
			dir := filepath.Join(os.Getenv("HOME"), ".docker")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(stored), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("DOCKER_CONFIG", dir)
			if b, _, err := pull(options(), address+"/shop/web:1"); err != nil || !bytes.Equal(b, layer) {
				t.Errorf("with a stored login: %v", err)
			}
		})
	}
	if _, _, err := registry.New(registry.Options{User: user}).Resolve(t.Context(), "127.0.0.1:1/x:1"); err == nil ||
		!strings.Contains(err.Error(), "VETO_REGISTRY_PASSWORD") {
		t.Errorf("a user without a password: %v", err)
	}
}

// What a registry redirects to must not see its credentials, and an error must not show the address's secrets.
func TestRedirect(t *testing.T) {
	var got []string
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusForbidden)
	}))
	defer storage.Close()
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		http.Redirect(w, r, storage.URL+"/x?signature=s3cret", http.StatusTemporaryRedirect)
		return true
	})
	o := options()
	o.User, o.Password, o.Host = "gate", "s3cret-word", address
	_, _, err := pull(o, address+"/shop/web:1")
	check(t, err, "403 Forbidden", "")
	if len(got) == 0 || strings.Join(got, "") != "" {
		t.Errorf("the storage saw %q", got)
	}
}

// A certificate that nobody vouches for is said as such, and not tried again.
func TestCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	p := &pauses{}
	o := options()
	o.Sleep = p.sleep
	_, _, err := registry.New(o).Resolve(t.Context(), strings.TrimPrefix(s.URL, "https://")+"/x:1")
	check(t, err, "certificate", "--ca-file")
	if len(p.all) != 0 {
		t.Errorf("paused %v", p.all)
	}
}
