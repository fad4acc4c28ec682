// A plain webhook as one would write it with Go's standard library: it decodes the ImageReview,
// denies images that are tagged latest or not at all, and encodes the answer. It logs nothing.
//
//	webhook ADDRESS CERTIFICATE KEY CLIENT_CA
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
)

const apiVersion = "imagepolicy.k8s.io/v1alpha1"

type imageReview struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       spec   `json:"spec,omitzero"`
	Status     status `json:"status"`
}

type spec struct {
	Containers  []container       `json:"containers"`
	Annotations map[string]string `json:"annotations"`
	Namespace   string            `json:"namespace"`
}

type container struct {
	Image string `json:"image"`
}

type status struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason,omitempty"`
}

// isFixed tells whether an image has a digest, or a tag other than latest.
func isFixed(image string) bool {
	if strings.Contains(image, "@") {
		return true
	}
	name := image[strings.LastIndex(image, "/")+1:]
	_, tag, _ := strings.Cut(name, ":")
	return tag != "" && tag != "latest"
}

func review(w http.ResponseWriter, r *http.Request) {
	var question imageReview
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := imageReview{APIVersion: apiVersion, Kind: "ImageReview", Status: status{Allowed: true}}
	for _, container := range question.Spec.Containers {
		if !isFixed(container.Image) {
			answer.Status = status{Reason: fmt.Sprintf("image %q has no fixed tag", container.Image)}
			break
		}
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(answer)
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("give ADDRESS CERTIFICATE KEY CLIENT_CA")
	}
	address, certificate, key, clientCA := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	authority, err := os.ReadFile(clientCA)
	if err != nil {
		log.Fatal(err)
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		log.Fatalf("%s holds no certificate", clientCA)
	}
	http.HandleFunc("POST /image_policy", review)
	server := &http.Server{
		Addr:      address,
		TLSConfig: &tls.Config{ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert},
	}
	log.Fatal(server.ListenAndServeTLS(certificate, key))
}
