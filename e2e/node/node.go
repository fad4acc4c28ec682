// Package node reads image references as the nodes of a cluster do.
//
// Two programs read the string that stands in a container's image field: the kubelet, to add the default tag
// (k8s.io/kubernetes/pkg/util/parsers.ParseImageName), and then containerd, to resolve what the kubelet handed it
// (containerd's CRI plugin calls reference.ParseDockerRef). Both use github.com/distribution/reference, so that module
// decides what a reference means. A policy that reads a reference otherwise can be walked around.
package node

import (
	// Digests count only when their hash is linked; the kubelet links these two, which bring sha256, sha384 and sha512.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// Reference is what a node takes an image reference to mean.
type Reference struct {
	// Domain is the registry's host and port. It is empty for a first component that has a dot but is no host name,
	// such as a_b.c/d: the module then takes all of it as the path.
	Domain string `json:"domain"`
	// Path is the repository within the registry.
	Path string `json:"path"`
	// Tag is the tag as written, nil where none was.
	Tag *string `json:"tag"`
	// Digest is the digest as written, algorithm included, nil where none was.
	Digest *string `json:"digest"`
}

// Read reads an image reference, or tells why a node refuses it.
func Read(image string) (*Reference, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil, err
	}
	read := &Reference{Domain: reference.Domain(named), Path: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		tag := tagged.Tag()
		read.Tag = &tag
	}
	if digested, ok := named.(reference.Digested); ok {
		digest := digested.Digest().String()
		read.Digest = &digest
	}
	return read, nil
}

// Resolve gives the reference that containerd pulls for an image: fully qualified, and with either a tag or a digest.
// It goes the node's way: the kubelet adds the default tag to the string, containerd parses the outcome.
func Resolve(image string) (string, error) {
	read, err := Read(image)
	if err != nil {
		return "", fmt.Errorf("the kubelet refuses it: %w", err)
	}
	if read.Tag == nil && read.Digest == nil && !strings.HasSuffix(image, ":latest") {
		image += ":latest"
	}
	resolved, err := reference.ParseDockerRef(image)
	if err != nil {
		return "", fmt.Errorf("containerd refuses it: %w", err)
	}
	return resolved.String(), nil
}
