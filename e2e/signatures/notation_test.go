package signatures

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
)

var notationFixtures = flag.String("notation-fixtures", "", "a file to write the evidence of notation to, for the tests of imagereview-signature")

// imageDigest is what everything here is about.
var imageDigest = "sha256:" + strings.Repeat("1", 64)

// certificates is a signer with a chain.
type certificates struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

func (c certificates) root() *x509.Certificate { return c.chain[len(c.chain)-1] }

// certify makes a chain of so many certificates for a key.
func certify(t *testing.T, key crypto.Signer, length int) certificates {
	t.Helper()
	var chain []*x509.Certificate
	var parentKey crypto.Signer
	for level := length - 1; level >= 0; level-- {
		isLeaf := level == 0
		own := key
		if !isLeaf {
			made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			own = made
		}
		template := &x509.Certificate{
			SerialNumber:          big.NewInt(int64(level) + 1),
			Subject:               pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"Example"}, CommonName: fmt.Sprintf("level %d", level)},
			NotBefore:             time.Now().Add(-time.Hour),
			NotAfter:              time.Now().Add(30 * 365 * 24 * time.Hour),
			BasicConstraintsValid: true,
			IsCA:                  !isLeaf,
			KeyUsage:              x509.KeyUsageDigitalSignature,
		}
		if isLeaf {
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		} else {
			template.KeyUsage = x509.KeyUsageCertSign
		}
		parent, signer := template, own
		if len(chain) > 0 {
			parent, signer = chain[0], parentKey
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append([]*x509.Certificate{certificate}, chain...)
		parentKey = own
	}
	return certificates{key, chain}
}

// TestNotationAgrees signs with each kind of key in both formats, changes what was signed, and asks both libraries whether it
// counts.
func TestNotationAgrees(t *testing.T) {
	curve := func(curve elliptic.Curve) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
	}
	modulus := func(bits int) func() (crypto.Signer, error) {
		return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
	}
	kinds := []struct {
		name string
		make func() (crypto.Signer, error)
	}{
		{"P-256", curve(elliptic.P256())}, {"P-384", curve(elliptic.P384())}, {"P-521", curve(elliptic.P521())},
		{"RSA-2048", modulus(2048)}, {"RSA-3072", modulus(3072)}, {"RSA-4096", modulus(4096)},
	}
	var kept []map[string]any
	asked, unsupported, copies := 0, 0, 0
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := certify(t, stranger, 2).root()
	for _, kind := range kinds {
		for length := 1; length <= 3; length++ {
			key, err := kind.make()
			if err != nil {
				t.Fatal(err)
			}
			signer := certify(t, key, length)
			for _, mediaType := range []string{jws.MediaTypeEnvelope, cose.MediaTypeEnvelope} {
				for _, expires := range []bool{false, true} {
					envelope := signNotation(t, signer, mediaType, expires)
					name := fmt.Sprintf("%s, %d certificates, %s, expires: %t", kind.name, length, mediaType, expires)
					if (length == 2) == expires && (expires || kind.name == "P-256") {
						kept = append(kept, map[string]any{
							"name": name, "key": kind.name, "roots": certificatePEM(signer.root()), "image": imageDigest,
							"evidence": evidence{MediaType: mediaType, Content: envelope},
						})
					}
					for _, root := range []*x509.Certificate{signer.root(), other} {
						// The whole, and with one bit of it turned, all over it.
						for place := -1; place < len(envelope); place += 1 + len(envelope)/12 {
							changed := bytes.Clone(envelope)
							if place >= 0 {
								changed[place] ^= 1
							}
							asked++
							theirs := notationSays(mediaType, changed, root)
							ours, outcome := oursSayOfNotation(t, mediaType, changed, root)
							if theirs == nil && !ours && kind.name == "P-521" {
								unsupported++
								continue
							}
							// Ours takes the root from the trust store, and does not look at the copy in the envelope.
							if theirs != nil && ours && length > 1 && !holds(changed, signer.root()) {
								copies++
								continue
							}
							if place < 0 && (theirs == nil) != (root == signer.root()) {
								t.Errorf("%s: notation says %v", name, theirs)
							}
							// What only ours refuses is a change in what is not signed, which notation does not look at.
							if (theirs == nil) != ours && (ours || place < 0) {
								t.Errorf("%s, byte %d: notation says %v, ours %s", name, place, theirs, outcome)
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d questions; %d signatures of P-521, which only notation can verify; %d with a damaged copy of the root, which only notation looks at",
		asked, unsupported, copies)
	if *notationFixtures != "" {
		text, err := json.MarshalIndent(kept, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*notationFixtures, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func signNotation(t *testing.T, signer certificates, mediaType string, expires bool) []byte {
	t.Helper()
	local, err := signature.NewLocalSigner(signer.chain, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := signature.NewEnvelope(mediaType)
	if err != nil {
		t.Fatal(err)
	}
	request := &signature.SignRequest{
		Payload: signature.Payload{
			ContentType: "application/vnd.cncf.notary.payload.v1+json",
			Content: fmt.Appendf(nil,
				`{"targetArtifact":{"annotations":{"env":"prod"},"digest":%q,"mediaType":"application/vnd.oci.image.manifest.v1+json","size":528}}`,
				imageDigest),
		},
		Signer:        local,
		SigningTime:   time.Now(),
		SigningScheme: signature.SigningSchemeX509,
		SigningAgent:  "e2e",
	}
	if expires {
		request.Expiry = time.Now().Add(20 * 365 * 24 * time.Hour)
	}
	signed, err := envelope.Sign(request)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// notationSays is what notation's library says: nil, or why it does not count.
func notationSays(mediaType string, content []byte, root *x509.Certificate) error {
	envelope, err := signature.ParseEnvelope(mediaType, content)
	if err != nil {
		return err
	}
	verified, err := envelope.Verify()
	if err != nil {
		return err
	}
	if _, err := signature.VerifyAuthenticity(&verified.SignerInfo, []*x509.Certificate{root}); err != nil {
		return err
	}
	if expiry := verified.SignerInfo.SignedAttributes.Expiry; !expiry.IsZero() && expiry.Before(time.Now()) {
		return errors.New("it has expired")
	}
	var payload struct{ TargetArtifact struct{ Digest string } }
	if err := json.Unmarshal(verified.Payload.Content, &payload); err != nil {
		return err
	}
	if payload.TargetArtifact.Digest != imageDigest {
		return errors.New("it is about another digest")
	}
	return nil
}

func oursSayOfNotation(t *testing.T, mediaType string, content []byte, root *x509.Certificate) (bool, string) {
	t.Helper()
	folder := t.TempDir()
	text, err := json.Marshal([]evidence{{MediaType: mediaType, Content: content}})
	if err != nil {
		t.Fatal(err)
	}
	found, roots := filepath.Join(folder, "evidence.json"), filepath.Join(folder, "roots.pem")
	if err := errors.Join(os.WriteFile(found, text, 0o600), os.WriteFile(roots, []byte(certificatePEM(root)), 0o600)); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("IMAGEREVIEW_BIN"), "examples", "verify"), "notation="+roots, imageDigest, found).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return bytes.Contains(output, []byte(`"verified"`)), string(output)
}

// holds says whether an envelope has a certificate in it.
func holds(envelope []byte, certificate *x509.Certificate) bool {
	return bytes.Contains(envelope, certificate.Raw) ||
		bytes.Contains(envelope, []byte(base64.StdEncoding.EncodeToString(certificate.Raw)))
}

func certificatePEM(certificate *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}
