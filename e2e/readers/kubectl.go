package readers

import (
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes/scheme"
)

// kubectl reads a file as `kubectl create -f` does, with the same resource builder, and each object of a kind that is
// built in as the API server does. The images come before any error that there is.
func kubectl(path string) (Reading, error) {
	var reading Reading
	visited := resource.NewBuilder(genericclioptions.NewConfigFlags(false)).
		Unstructured().
		Local().
		ContinueOnError().
		FilenameParam(false, &resource.FilenameOptions{Filenames: []string{path}}).
		Flatten().
		Do()
	err := visited.Visit(func(info *resource.Info, err error) error {
		if err != nil {
			// What was read is no object, and the next one is asked for.
			reading.Dropped++
			return nil
		}
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("an object of the type %T", info.Object)
		}
		return reading.add(object)
	})
	return reading, reading.stops(err)
}

// stops leaves of the errors of a visit those that end the reading of a text. The others say of a document that was read
// that it is no object.
func (r *Reading) stops(err error) error {
	var all utilerrors.Aggregate
	switch {
	case errors.As(err, &all):
		var left []error
		for _, one := range all.Errors() {
			if one = r.stops(one); one != nil {
				left = append(left, one)
			}
		}
		return utilerrors.NewAggregate(left)
	case err != nil && (strings.HasPrefix(err.Error(), "unable to decode ") || strings.HasPrefix(err.Error(), "unable to get type info ")):
		r.Dropped++
		return nil
	}
	return err
}

// add takes the images of an object, if it is of a kind that is built in.
func (r *Reading) add(object *unstructured.Unstructured) error {
	if !scheme.Scheme.Recognizes(object.GroupVersionKind()) {
		r.Dropped++
		return nil
	}
	body, err := runtime.Encode(unstructured.UnstructuredJSONScheme, object)
	if err != nil {
		return err
	}
	typed, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		// The API server refuses this object alone.
		r.Dropped++
		return nil
	}
	prefix, spec := podSpec(typed)
	if spec == nil {
		// Nothing with images, or of a version that is no more.
		r.Dropped++
		return nil
	}
	title := object.GetKind()
	switch name, namespace := object.GetName(), object.GetNamespace(); {
	case name != "" && namespace != "":
		title += " " + namespace + "/" + name
	case name != "":
		title += " " + name
	case namespace != "":
		title += " in " + namespace
	}
	image := func(list string, index int, field, image string) {
		r.Images = append(r.Images, Image{title, fmt.Sprintf("%s%s[%d].%s", prefix, list, index, field), image})
	}
	for i, container := range spec.Containers {
		image("containers", i, "image", container.Image)
	}
	for i, container := range spec.InitContainers {
		image("initContainers", i, "image", container.Image)
	}
	for i, container := range spec.EphemeralContainers {
		image("ephemeralContainers", i, "image", container.Image)
	}
	for i, volume := range spec.Volumes {
		if volume.Image != nil {
			image("volumes", i, "image.reference", volume.Image.Reference)
		}
	}
	return nil
}

// podSpec is where an object keeps its pod spec, and that.
func podSpec(object runtime.Object) (string, *corev1.PodSpec) {
	const template = "spec.template.spec."
	switch object := object.(type) {
	case *corev1.Pod:
		return "spec.", &object.Spec
	case *corev1.PodTemplate:
		return "template.spec.", &object.Template.Spec
	case *corev1.ReplicationController:
		if object.Spec.Template == nil {
			return "", nil
		}
		return template, &object.Spec.Template.Spec
	case *appsv1.Deployment:
		return template, &object.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		return template, &object.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return template, &object.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return template, &object.Spec.Template.Spec
	case *batchv1.Job:
		return template, &object.Spec.Template.Spec
	case *batchv1.CronJob:
		return "spec.jobTemplate.spec.template.spec.", &object.Spec.JobTemplate.Spec.Template.Spec
	}
	return "", nil
}
