package signatures

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// evidence is a layer that may be a signature, as imagereview-core writes it to files of facts.
type evidence struct {
	MediaType   string            `json:"mediaType"`
	Content     []byte            `json:"content"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// evidenceOf reads everything beside an image that may be a signature of it.
func evidenceOf(t *testing.T, image name.Digest) []evidence {
	t.Helper()
	var found []evidence
	tag := strings.Replace(image.DigestStr(), ":", "-", 1)
	for _, suffix := range []string{".sig", ".att"} {
		if manifest, err := remote.Image(image.Repository.Tag(tag + suffix)); err == nil {
			found = append(found, layers(t, manifest)...)
		}
	}
	// That of the API where there is one, and that of the fallback tag otherwise.
	referrers, err := remote.Referrers(image)
	if err != nil {
		t.Fatal(err)
	}
	index, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range index.Manifests {
		manifest, err := remote.Image(image.Repository.Digest(descriptor.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, layers(t, manifest)...)
	}
	return found
}

func layers(t *testing.T, image v1.Image) []evidence {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []evidence
	for _, descriptor := range manifest.Layers {
		layer, err := image.LayerByDigest(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		content, err := blob(layer)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, evidence{MediaType: string(descriptor.MediaType), Content: content, Annotations: descriptor.Annotations})
	}
	return found
}

func blob(layer v1.Layer) ([]byte, error) {
	reader, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("a layer: %w", err)
	}
	defer reader.Close()
	return io.ReadAll(reader)
}
