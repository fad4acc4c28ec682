// Package registries compares what imagereview says of images with what go-containerregistry says, in registries
// that people run.
package registries

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"

	// The storage and the logins that the configurations below name.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

const (
	user     = "someone"
	password = "a password: with a colon"
)

// login is what a registry wants.
var login = authn.FromConfig(authn.AuthConfig{Username: user, Password: password})

// server is a registry that listens on a loopback port.
type server struct {
	// The host as images name it.
	host string
	// What it wants of those who push and pull.
	auth authn.Authenticator
}

// servers starts each registry that tests are about, under its name.
func servers(t *testing.T) map[string]server {
	t.Helper()
	logrus.SetOutput(io.Discard)
	started := map[string]server{
		"go-containerregistry": inProcess(t, registry.New(
			registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)),
		), authn.Anonymous),
		"distribution":           distribution(t, nil, authn.Anonymous),
		"distribution, htpasswd": distribution(t, configuration.Auth{"htpasswd": {"realm": "a realm", "path": htpasswd(t)}}, login),
		"distribution, token":    distribution(t, tokens(t), login),
	}
	if path, err := exec.LookPath("docker-registry"); err != nil {
		t.Log("Debian's docker-registry is not installed, so it is not compared with")
	} else {
		started["Debian's docker-registry"] = debian(t, path)
	}
	return started
}

func inProcess(t *testing.T, handler http.Handler, auth authn.Authenticator) server {
	t.Helper()
	listening := httptest.NewServer(handler)
	t.Cleanup(listening.Close)
	return server{host: onLocalhost(listening.Listener.Addr()), auth: auth}
}

// onLocalhost names a loopback address as people do, and as token realms have to.
func onLocalhost(address net.Addr) string {
	return fmt.Sprintf("localhost:%d", address.(*net.TCPAddr).Port)
}

// distribution is the registry of the distribution project, version 3.
func distribution(t *testing.T, auth configuration.Auth, wanted authn.Authenticator) server {
	t.Helper()
	config := &configuration.Configuration{
		Storage: configuration.Storage{"filesystem": {"rootdirectory": t.TempDir()}},
		Auth:    auth,
	}
	config.HTTP.Secret = "for this test"
	return inProcess(t, handlers.NewApp(t.Context(), config), wanted)
}

func htpasswd(t *testing.T) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%s:%s\n", user, hash), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokens starts a token server, and gives the configuration of a registry that sends its clients there.
func tokens(t *testing.T) configuration.Auth {
	t.Helper()
	const service, issuer = "a service", "an issuer"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		return encode(text)
	}
	public := map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
		"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()),
	}}}
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	text, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jwks, text, 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(response http.ResponseWriter, request *http.Request) {
		name, secret, _ := request.BasicAuth()
		if name != user || secret != password {
			http.Error(response, "who are you?", http.StatusUnauthorized)
			return
		}
		access := []any{}
		for _, scopes := range request.URL.Query()["scope"] {
			for scope := range strings.SplitSeq(scopes, " ") {
				kind, rest, _ := strings.Cut(scope, ":")
				last := strings.LastIndex(rest, ":")
				access = append(access, map[string]any{
					"type": kind, "name": rest[:last], "actions": strings.Split(rest[last+1:], ","),
				})
			}
		}
		now := time.Now()
		signed := part(map[string]string{"alg": "RS256", "typ": "JWT", "kid": "1"}) + "." + part(map[string]any{
			"iss": issuer, "sub": name, "aud": service, "jti": "1", "access": access,
			"nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		})
		digest := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Error(err)
		}
		response.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(response).Encode(map[string]any{"token": signed + "." + encode(signature), "expires_in": 3600})
	}
	listening := httptest.NewServer(http.HandlerFunc(serve))
	t.Cleanup(listening.Close)
	return configuration.Auth{"token": {
		"realm":             "http://" + onLocalhost(listening.Listener.Addr()) + "/token",
		"service":           service,
		"issuer":            issuer,
		"jwks":              jwks,
		"signingalgorithms": []any{"RS256"},
	}}
}

// debian is the registry that Debian packages, version 2.
func debian(t *testing.T, path string) server {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr()
	free.Close()
	config := filepath.Join(t.TempDir(), "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n",
		t.TempDir(), address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, "serve", config)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() })
	for {
		connection, err := net.Dial("tcp", address.String())
		if err == nil {
			connection.Close()
			break
		}
		select {
		case <-t.Context().Done():
			t.Fatal("the registry did not start")
		default:
		}
	}
	return server{host: onLocalhost(address), auth: authn.Anonymous}
}
