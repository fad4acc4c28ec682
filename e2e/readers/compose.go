package readers

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

func init() {
	// It warns of each variable that has no value.
	logrus.SetOutput(io.Discard)
}

// compose reads a file as Docker Compose does, with an empty environment and all profiles. The images have no location:
// Compose sorts, merges and completes what it reads.
func compose(path, folder string, text []byte) (reading Reading, err error) {
	defer func() {
		// It does that where a list holds nothing.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a panic: %v", fault)
		}
	}()
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: path, Content: text}},
		Environment: types.Mapping{},
	}, func(options *loader.Options) {
		options.SetProjectName("test", true)
		options.Profiles = []string{"*"}
	})
	if err != nil {
		return reading, err
	}
	image := func(image string) {
		if image != "" {
			reading.Images = append(reading.Images, Image{Image: image})
		}
	}
	for _, service := range project.AllServices() {
		image(service.Image)
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeImage {
				image(volume.Source)
			}
		}
		for _, hook := range service.PreStart {
			image(hook.Image)
		}
		if service.Build == nil {
			continue
		}
		contexts := map[string]bool{}
		for name, from := range service.Build.AdditionalContexts {
			contexts[strings.ToLower(name)] = true
			if from, ok := strings.CutPrefix(from, "docker-image://"); ok {
				image(from)
			}
		}
		for _, cache := range service.Build.CacheFrom {
			if !strings.Contains(cache, "=") {
				image(cache)
			} else if _, fields, ok := strings.Cut(cache, "type=registry,ref="); ok {
				from, _, _ := strings.Cut(fields, ",")
				image(from)
			}
		}
		if inline := service.Build.DockerfileInline; inline != "" {
			built, _, err := buildkit([]byte(inline))
			if err != nil {
				return reading, err
			}
			for _, base := range built.Images {
				if !contexts[strings.ToLower(base.Image)] {
					image(base.Image)
				}
			}
		}
	}
	reading.unplaced()
	return reading, nil
}

// unplaced leaves each image once and without its location.
func (r *Reading) unplaced() {
	for i := range r.Images {
		r.Images[i] = Image{Image: r.Images[i].Image}
	}
	slices.SortFunc(r.Images, func(a, b Image) int { return strings.Compare(a.Image, b.Image) })
	r.Images = slices.Compact(r.Images)
}
