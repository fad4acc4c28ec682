package compiled

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/imagereview/imagereview/e2e/references"
)

// kinds are the built-in kinds, and where the pod's spec is in them.
var kinds = []struct {
	kind     schema.GroupVersionKind
	resource string
	path     []string
}{
	{schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, "pods", []string{"spec"}},
	{schema.GroupVersionKind{Version: "v1", Kind: "PodTemplate"}, "podtemplates", []string{"template", "spec"}},
	{schema.GroupVersionKind{Version: "v1", Kind: "ReplicationController"}, "replicationcontrollers", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, "deployments", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}, "replicasets", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "StatefulSet"}, "statefulsets", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "DaemonSet"}, "daemonsets", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}, "jobs", []string{"spec", "template", "spec"}},
	{schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "CronJob"}, "cronjobs", []string{"spec", "jobTemplate", "spec", "template", "spec"}},
}

// What the policies of the tests are about, and names that nearly are that.
var (
	namespaces = strings.Fields("default shop kube-system kube-public production prod-eu pre-prod-eu pinned registries repositories frozen playground ingress monitoring dev x")
	users      = []user.DefaultInfo{
		{Name: "ana", Groups: []string{"developers", "system:authenticated"}},
		{Name: "system:serviceaccount:ci:deployer", Groups: []string{"system:serviceaccounts"}},
		{Name: "system:serviceaccount:kube-system:job-controller", Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system"}},
		{Name: "system:serviceaccount:odd", Groups: nil},
		{Name: "", Groups: nil},
	}
	registries   = strings.Fields("registry.example.com registry.example.com:5000 registry.example.com:443 REGISTRY.example.com registry.example.com:0443 eu.registry.example.com shared.example.org:5000 docker.io index.docker.io registry-1.docker.io docker.io:443 k8s.gcr.io quay.io localhost localhost:5000 evil-registry.example.com registry.example.com.evil.example [2001:db8::1]:5000 10.0.0.1:80 x.io")
	repositories = strings.Fields("nginx library/nginx team/app team/a/b app debug/shell a/debug/b openssl-legacy tools/legacy untrusted/tools/x busybox team-1/app team-12/app x/y team library library/x/y importer etcd/etcd redis")
	tags         = strings.Fields("latest LATEST main v1.2.3 1.27 1.27.3-alpine 1.2-SNAPSHOT 1.2-snapshot 2.0.0-rc1 2.0.0rc1 pr-7 0.0.0 0.0.1 0 1 v0 20.04 v3.4.12 1.20.0 1.19.99 2 2.0.0 99999999999999999999999 1.2.3-dirty 1.2.3-M1 1..2 1.2. v canary stable-1 v7 007 1.5.18446744073709551616 1.27a7")
	digests      = []string{
		"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"sha384:" + strings.Repeat("0123456789abcdef", 6),
		"sha512:" + strings.Repeat("0123456789abcdef", 8),
	}
	annotations = []map[string]any{
		nil, {}, {"example.image-policy.k8s.io/break-glass": "INC-1"}, {"example.image-policy.k8s.io/break-glass": "yes"},
		{"example.image-policy.k8s.io/break-glass": strings.Repeat("INC-", 1100)}, {"example.image-policy.k8s.io/team": "ä\nb"},
	}
)

// Generator makes requests at random.
type Generator struct {
	*rand.Rand
	Recorded []string
}

func (g *Generator) pick(from []string) string { return references.Pick(g.Rand, from) }

// Image is a reference, or nearly one: of names that policies are about, recorded, or of letters at random.
func (g *Generator) Image() string {
	switch g.IntN(10) {
	case 0:
		return g.pick(g.Recorded)
	case 1, 2:
		return references.Random(g.Rand, g.Recorded)
	}
	image := g.pick(repositories)
	if g.IntN(4) > 0 {
		image = g.pick(registries) + "/" + image
	}
	if g.IntN(5) > 0 {
		image += ":" + g.pick(tags)
	}
	if g.IntN(4) == 0 {
		image += "@" + g.pick(digests)
	}
	if g.IntN(20) == 0 {
		image = references.Mutate(g.Rand, g.Recorded, image)
	}
	return image
}

func (g *Generator) podSpec(kind string, image func() string) map[string]any {
	spec := map[string]any{}
	name := 0
	list := func(field string, most int, element func(name string) map[string]any) {
		if count := g.IntN(most + 1); count > 0 {
			var elements []any
			for range count {
				name++
				elements = append(elements, element(fmt.Sprintf("c%d", name)))
			}
			spec[field] = elements
		}
	}
	container := func(name string) map[string]any {
		if g.IntN(50) == 0 {
			return map[string]any{"name": name}
		}
		return map[string]any{"name": name, "image": image()}
	}
	list("containers", 3, container)
	list("initContainers", 1, container)
	if kind == "Pod" {
		list("ephemeralContainers", 1, container)
	}
	list("volumes", 2, func(name string) map[string]any {
		switch g.IntN(4) {
		case 0:
			return map[string]any{"name": name, "image": map[string]any{"reference": image()}}
		case 1:
			return map[string]any{"name": name, "image": map[string]any{}}
		default:
			return map[string]any{"name": name, "emptyDir": map[string]any{}}
		}
	})
	return spec
}

// Request is a request at random.
func (g *Generator) Request() *Request {
	row := kinds[g.IntN(len(kinds))]
	if g.IntN(2) == 0 {
		row = kinds[0]
	}
	request := &Request{
		Kind: row.kind, Resource: row.resource, Namespace: g.pick(namespaces), Operation: admission.Create,
		User: users[g.IntN(len(users))],
	}
	spec := g.podSpec(row.kind.Kind, g.Image)
	request.Object = g.object(request, row.path, spec)
	if g.IntN(3) == 0 {
		request.Operation = admission.Update
		// Most of what was there before stays.
		var old map[string]any
		switch g.IntN(4) {
		case 0:
			old = g.podSpec(row.kind.Kind, g.Image)
		default:
			old = changed(g, spec)
		}
		request.Old = g.object(request, row.path, old)
	}
	return request
}

// changed is a pod's spec with some of its images taken away or replaced.
func changed(g *Generator, spec map[string]any) map[string]any {
	old := map[string]any{}
	for field, value := range spec {
		var elements []any
		for _, element := range value.([]any) {
			element := element.(map[string]any)
			switch g.IntN(4) {
			case 0:
				continue
			case 1:
				if _, ok := element["image"].(string); ok {
					element = map[string]any{"name": element["name"], "image": g.Image()}
				}
			}
			elements = append(elements, element)
		}
		if elements != nil {
			old[field] = elements
		}
	}
	old["nodeName"] = "n" // so that the spec is never the same
	return old
}

func (g *Generator) object(request *Request, path []string, spec map[string]any) *unstructured.Unstructured {
	var value any = spec
	for i := len(path) - 1; i >= 0; i-- {
		holder := map[string]any{path[i]: value}
		if path[i] == "spec" && i > 0 && path[i-1] == "template" || i == 0 && path[i] == "spec" && len(path) == 1 {
			if annotations := annotations[g.IntN(len(annotations))]; annotations != nil {
				holder["metadata"] = map[string]any{"annotations": annotations}
			}
		}
		value = holder
	}
	object := value.(map[string]any)
	metadata, _ := object["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	metadata["name"], metadata["namespace"] = "x", request.Namespace
	object["apiVersion"], object["kind"] = request.Kind.GroupVersion().String(), request.Kind.Kind
	return (&unstructured.Unstructured{Object: object}).DeepCopy()
}
