// Package signatures compares what imagereview says of signatures with what cosign says, over signatures that cosign made.
package signatures

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// cosign is one version of the program, with a folder of its own for what it writes.
type cosign struct {
	path string
	home string
}

// newCosign finds the program that e2e/run built and named in a variable.
func newCosign(t *testing.T, variable string) cosign {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set; run this with e2e/run", variable)
	}
	return cosign{path: path, home: t.TempDir()}
}

// run runs the program, and returns what it printed and whether it succeeded.
func (c cosign) run(t *testing.T, arguments ...string) (string, bool) {
	t.Helper()
	command := exec.CommandContext(t.Context(), c.path, arguments...)
	command.Dir = c.home
	command.Env = append(os.Environ(), "HOME="+c.home, "COSIGN_PASSWORD=", "DOCKER_CONFIG="+c.home)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatal(err)
	}
	return output.String(), err == nil
}

// must runs the program, which has to succeed.
func (c cosign) must(t *testing.T, arguments ...string) {
	t.Helper()
	if output, ok := c.run(t, arguments...); !ok {
		t.Fatalf("cosign %q: %s", arguments, output)
	}
}

// key is a pair of keys as files that cosign made of it.
type key struct {
	// What kind of key it is.
	name string
	// The files.
	private, public string
}

// keys makes one pair of each kind that cosign can sign with.
func keys(t *testing.T, c cosign) []key {
	t.Helper()
	curve := func(curve elliptic.Curve) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
	}
	kinds := []struct {
		name string
		make func() (crypto.Signer, error)
	}{
		{"P-256", curve(elliptic.P256())},
		{"P-384", curve(elliptic.P384())},
		{"P-521", curve(elliptic.P521())},
		{"RSA-2048", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }},
		{"RSA-4096", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 4096) }},
		{"Ed25519", func() (crypto.Signer, error) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			return key, err
		}},
	}
	var made []key
	for _, kind := range kinds {
		signer, err := kind.make()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(signer)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(c.home, kind.name+".pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		prefix := filepath.Join(c.home, kind.name)
		c.must(t, "import-key-pair", "--key", file, "--output-key-prefix", prefix)
		made = append(made, key{name: kind.name, private: prefix + ".key", public: prefix + ".pub"})
	}
	return made
}
