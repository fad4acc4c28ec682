package registries

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

var seed = flag.Uint64("registries.seed", uint64(time.Now().UnixNano()), "the images' seed")

// resolved is one element of what `imagereview resolve --format json` prints.
type resolved struct {
	Image string
	Known *facts
	// Where it is not known.
	Absent      any
	Unavailable any
}

type facts struct {
	Digest    string
	MediaType string
	Platforms []platformFacts
}

type platformFacts struct {
	Platform string
	Digest   string
	Details  struct{ Known *details }
}

type details struct {
	Created      *time.Time
	Size         int64
	Layers       int
	User         string
	Labels       map[string]string
	Annotations  map[string]string
	Volumes      []string
	ExposedPorts []string
	Entrypoint   []string
	Command      []string
}

// TestResolveAgrees pushes random images to each registry, and compares what the command line says of them with what
// go-containerregistry reads.
func TestResolveAgrees(t *testing.T) {
	t.Logf("-registries.seed=%d", *seed)
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) { compare(t, server) })
	}
}

func compare(t *testing.T, server server) {
	const images, indexes = 10, 10
	chance := rand.New(rand.NewPCG(*seed, 0))
	var references []string
	want := map[string]facts{}
	push := func(number int, taggable remote.Taggable, media string, platforms []platformFacts) {
		reference, err := name.ParseReference(server.host + "/team/app:" + tag(number))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Put(reference, taggable, remote.WithAuth(server.auth)); err != nil {
			t.Fatal(err)
		}
		head, err := remote.Head(reference, remote.WithAuth(server.auth))
		if err != nil {
			t.Fatal(err)
		}
		references = append(references, reference.String())
		want[reference.String()] = facts{Digest: head.Digest.String(), MediaType: media, Platforms: platforms}
	}
	repository, err := name.NewRepository(server.host + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	write := func(image v1.Image) {
		if err := remote.Write(repository.Tag("parts"), image, remote.WithAuth(server.auth)); err != nil {
			t.Fatal(err)
		}
	}
	for number := range images {
		image := randomImage(t, chance, platforms[chance.IntN(len(platforms))])
		write(image)
		media, err := image.MediaType()
		if err != nil {
			t.Fatal(err)
		}
		push(number, image, string(media), []platformFacts{known(t, image, nil)})
	}
	for number := range indexes {
		index := randomIndex(t, chance)
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var each []platformFacts
		for _, descriptor := range manifest.Manifests {
			image, err := index.Image(descriptor.Digest)
			if err != nil {
				t.Fatal(err)
			}
			write(image)
			each = append(each, known(t, image, descriptor.Platform))
		}
		push(images+number, index, string(manifest.MediaType), each)
	}

	output := resolve(t, server, 0, references...)
	if len(output) != len(references) {
		t.Fatalf("%d images were asked for, and %d are known", len(references), len(output))
	}
	for _, one := range output {
		if one.Known == nil {
			t.Errorf("%s is not known: %+v", one.Image, one)
		} else if !reflect.DeepEqual(*one.Known, want[one.Image]) {
			t.Errorf("%s:\n got %s\nwant %s", one.Image, text(*one.Known), text(want[one.Image]))
		}
	}

	// By digest, and what is not there.
	some := want[references[0]]
	byDigest := resolve(t, server, 0, repository.Digest(some.Digest).String())
	if byDigest[0].Known == nil || !reflect.DeepEqual(*byDigest[0].Known, some) {
		t.Errorf("by digest: %+v", byDigest[0])
	}
	if missing := resolve(t, server, 1, repository.Tag("none").String()); missing[0].Known != nil {
		t.Errorf("a tag that is not there: %+v", missing[0])
	}
}

// known is what is to be said of an image, by go-containerregistry's own reading.
func known(t *testing.T, image v1.Image, platform *v1.Platform) platformFacts {
	t.Helper()
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if platform == nil {
		platform = config.Platform()
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += layer.Size
	}
	var created *time.Time
	if date := config.Created.Time; !date.IsZero() && date.Unix() != 0 {
		created = &date
	}
	facts := platformFacts{Digest: digest.String(), Platform: platformText(*platform)}
	facts.Details.Known = &details{
		Created:      created,
		Size:         size,
		Layers:       len(manifest.Layers),
		User:         config.Config.User,
		Labels:       config.Config.Labels,
		Annotations:  manifest.Annotations,
		Volumes:      slices.Sorted(maps.Keys(config.Config.Volumes)),
		ExposedPorts: slices.Sorted(maps.Keys(config.Config.ExposedPorts)),
		Entrypoint:   config.Config.Entrypoint,
		Command:      config.Config.Cmd,
	}
	normalise(&facts)
	return facts
}

// platformText is how a platform is written.
func platformText(platform v1.Platform) string {
	text := platform.OS + "/" + platform.Architecture
	if platform.Variant != "" {
		text += "/" + platform.Variant
	}
	if platform.OSVersion != "" {
		text += " (" + platform.OSVersion + ")"
	}
	return text
}

// normalise makes what is empty and what is not there the same, and dates the same in every zone.
func normalise(facts *platformFacts) {
	details := facts.Details.Known
	if details == nil {
		return
	}
	if details.Created != nil {
		date := details.Created.UTC()
		details.Created = &date
	}
	if details.Labels == nil {
		details.Labels = map[string]string{}
	}
	if details.Annotations == nil {
		details.Annotations = map[string]string{}
	}
	for _, list := range []*[]string{&details.Volumes, &details.ExposedPorts, &details.Entrypoint, &details.Command} {
		if *list == nil {
			*list = []string{}
		}
	}
}

// resolve runs `imagereview resolve` with the server's login, and checks its exit status.
func resolve(t *testing.T, server server, status int, images ...string) []resolved {
	t.Helper()
	folder := t.TempDir()
	auth, err := server.auth.Authorization()
	if err != nil {
		t.Fatal(err)
	}
	logins, err := json.Marshal(map[string]any{"auths": map[string]any{server.host: auth}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "config.json"), logins, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("IMAGEREVIEW_BIN"), "imagereview"),
		append([]string{"resolve", "--format=json"}, images...)...)
	command.Env = append(os.Environ(), "DOCKER_CONFIG="+folder)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	_ = command.Run()
	if got := command.ProcessState.ExitCode(); got != status {
		t.Errorf("status %d, want %d: %s%s", got, status, stderr.String(), stdout.String())
	}
	var all []resolved
	if err := json.Unmarshal(stdout.Bytes(), &all); err != nil {
		t.Fatalf("%v: %s%s", err, stderr.String(), stdout.String())
	}
	for _, one := range all {
		if one.Known != nil {
			for number := range one.Known.Platforms {
				normalise(&one.Known.Platforms[number])
			}
		}
	}
	return all
}

func text(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}
