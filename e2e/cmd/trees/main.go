// Trees compares the images that imagereview finds in folders with those that Kubernetes' own types have there.
//
//	go run ./cmd/trees -imagereview ../target/debug/imagereview FOLDER...
//
// Each file is read with kubectl's reader of streams, and each document is decoded into the type of its kind. An image
// is what any PodSpec in that has, found by reflection: so nothing of imagereview's own list of kinds is in it. For each
// folder it prints a row of a table, and each file that differs on standard error.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	program := flag.String("imagereview", "imagereview", "the program to compare with")
	flag.Parse()
	// It runs in each folder.
	if path, err := exec.LookPath(*program); err == nil {
		if path, err = filepath.Abs(path); err == nil {
			*program = path
		}
	}
	differ := 0
	fmt.Println("| tree | files | images, by Kubernetes' types | by imagereview | files that differ | files that one can't read |")
	fmt.Println("| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, folder := range flag.Args() {
		row, err := compare(*program, folder)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		differ += row.differ
		fmt.Printf("| %s | %d | %d | %d | %d | %d |\n",
			filepath.Base(folder), row.files, row.there, row.here, row.differ, row.unread)
	}
	if differ > 0 {
		os.Exit(1)
	}
}

type row struct{ files, there, here, differ, unread int }

func compare(program, folder string) (row, error) {
	here, refused, err := reviewed(program, folder)
	if err != nil {
		return row{}, err
	}
	var row row
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != folder && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		row.files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		there, err := images(text)
		if err != nil || refused[name] {
			// A template, mostly: neither count says anything.
			row.unread++
			return nil
		}
		slices.Sort(there)
		found := here[name]
		slices.Sort(found)
		row.there += len(there)
		row.here += len(found)
		if !slices.Equal(there, found) {
			row.differ++
			fmt.Fprintf(os.Stderr, "%s: Kubernetes' types have %q, imagereview finds %q\n", path, there, found)
		}
		return nil
	})
	return row, err
}

// The images of each file that imagereview reviews as objects of Kubernetes, and the files of which it could not read all.
func reviewed(program, folder string) (map[string][]string, map[string]bool, error) {
	command := exec.Command(program, "review", "--format=json", ".")
	command.Dir = folder
	output, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, nil, err
	}
	var report struct {
		Documents []struct {
			File, Object string
			Images       []struct{ Image, Path string }
		}
		Diagnostics []struct {
			File  string
			Error bool
		}
	}
	if err := json.Unmarshal(output, &report); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", folder, err)
	}
	images := map[string][]string{}
	for _, document := range report.Documents {
		if slices.Contains([]string{"Dockerfile", "Compose file", "Kustomization"}, document.Object) {
			continue
		}
		for _, image := range document.Images {
			if image.Image != "" {
				images[document.File] = append(images[document.File], image.Image)
			}
		}
	}
	refused := map[string]bool{}
	for _, diagnostic := range report.Diagnostics {
		if diagnostic.Error {
			refused[diagnostic.File] = true
		}
	}
	return images, refused, nil
}

// The images of all objects in a text.
func images(text []byte) ([]string, error) {
	var found []string
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if err := imagesOf(document, &found); err != nil {
			return nil, err
		}
	}
}

func imagesOf(document []byte, found *[]string) error {
	var list struct {
		Kind  string
		Items []json.RawMessage
	}
	if json.Unmarshal(document, &list) == nil && list.Kind == "List" {
		for _, item := range list.Items {
			if err := imagesOf(item, found); err != nil {
				return err
			}
		}
		return nil
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
	switch {
	case err == nil:
		podSpecs(reflect.ValueOf(object), found)
		return nil
	// Of another program, or a custom resource.
	case runtime.IsNotRegisteredError(err), runtime.IsMissingKind(err), runtime.IsMissingVersion(err):
		return nil
	default:
		var fields map[string]json.RawMessage
		if json.Unmarshal(document, &fields) != nil || fields["kind"] == nil {
			return nil
		}
		return err
	}
}

// Adds the images of each PodSpec in a value.
func podSpecs(value reflect.Value, found *[]string) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			podSpecs(value.Elem(), found)
		}
	case reflect.Slice:
		for index := range value.Len() {
			podSpecs(value.Index(index), found)
		}
	case reflect.Struct:
		if spec, ok := value.Interface().(corev1.PodSpec); ok {
			add := func(image string) {
				if image != "" {
					*found = append(*found, image)
				}
			}
			for _, container := range slices.Concat(spec.Containers, spec.InitContainers) {
				add(container.Image)
			}
			for _, container := range spec.EphemeralContainers {
				add(container.Image)
			}
			for _, volume := range spec.Volumes {
				if volume.Image != nil {
					add(volume.Image.Reference)
				}
			}
			return
		}
		for index := range value.NumField() {
			if value.Type().Field(index).IsExported() {
				podSpecs(value.Field(index), found)
			}
		}
	}
}
