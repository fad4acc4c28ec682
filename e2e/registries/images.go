package registries

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// platforms are what images of an index are for. No two of an index are the same.
var platforms = []v1.Platform{
	{OS: "linux", Architecture: "amd64"},
	{OS: "linux", Architecture: "arm64", Variant: "v8"},
	{OS: "linux", Architecture: "arm", Variant: "v7"},
	{OS: "linux", Architecture: "s390x"},
	{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.2700"},
}

// randomImage makes an image of small layers, with some of what a configuration may say.
func randomImage(t *testing.T, chance *rand.Rand, platform v1.Platform) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1+chance.Int64N(3))
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant, config.OSVersion = platform.OS, platform.Architecture, platform.Variant, platform.OSVersion
	// A date that stands for none, and one with a zone and parts of a second.
	dates := []time.Time{{}, time.Unix(0, 0).UTC(), time.Unix(1_790_000_000+chance.Int64N(1e6), 123_456_789).In(time.FixedZone("", 5400))}
	config.Created = v1.Time{Time: dates[chance.IntN(len(dates))]}
	config.Config.User = []string{"", "0", "1000", "nobody:nogroup"}[chance.IntN(4)]
	if chance.IntN(2) == 0 {
		config.Config.Labels = map[string]string{"org.opencontainers.image.source": "https://example.com/é", "empty": ""}
		config.Config.Volumes = map[string]struct{}{"/data": {}}
		config.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}, "53/udp": {}}
	}
	if chance.IntN(2) == 0 {
		config.Config.Entrypoint = []string{"/bin/app", "--flag=<&>"}
		config.Config.Cmd = []string{"serve"}
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	if chance.IntN(2) == 0 {
		image = mutate.MediaType(image, types.OCIManifestSchema1)
		image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
		image = mutate.Annotations(image, map[string]string{"org.opencontainers.image.base.name": "docker.io/library/debian:13"}).(v1.Image)
	}
	return image
}

// randomIndex makes an index of some platforms.
func randomIndex(t *testing.T, chance *rand.Rand) v1.ImageIndex {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, []types.MediaType{types.OCIImageIndex, types.DockerManifestList}[chance.IntN(2)])
	for _, number := range chance.Perm(len(platforms))[:1+chance.IntN(len(platforms))] {
		platform := platforms[number]
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        randomImage(t, chance, platform),
			Descriptor: v1.Descriptor{Platform: &platform},
		})
	}
	return index
}

func tag(number int) string {
	return fmt.Sprintf("v%d", number)
}
