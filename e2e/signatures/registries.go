package signatures

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// registries starts one of each kind that signatures are found in, and gives their hosts.
func registries(t *testing.T) map[string]string {
	t.Helper()
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	handlers := map[string]http.Handler{
		// Referrers are found under the fallback tag only.
		"no API": registry.New(quiet),
		// It says the type of the configuration where that of the artifact belongs.
		"quirky API": registry.New(quiet, registry.WithReferrersSupport(true)),
		"API":        withArtifactTypes(registry.New(quiet, registry.WithReferrersSupport(true))),
	}
	hosts := map[string]string{}
	for name, handler := range handlers {
		listening := httptest.NewServer(handler)
		t.Cleanup(listening.Close)
		hosts[name] = strings.TrimPrefix(listening.URL, "http://")
	}
	return hosts
}

// withArtifactTypes corrects the types in lists of referrers by what the manifests say.
func withArtifactTypes(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		repository, _, isList := strings.Cut(request.URL.Path, "/referrers/")
		if !isList {
			inner.ServeHTTP(response, request)
			return
		}
		recorded := httptest.NewRecorder()
		inner.ServeHTTP(recorded, request)
		var list map[string]any
		if recorded.Code != http.StatusOK || json.Unmarshal(recorded.Body.Bytes(), &list) != nil {
			response.WriteHeader(recorded.Code)
			_, _ = response.Write(recorded.Body.Bytes())
			return
		}
		manifests, _ := list["manifests"].([]any)
		for _, one := range manifests {
			descriptor := one.(map[string]any)
			path := repository + "/manifests/" + descriptor["digest"].(string)
			read := httptest.NewRecorder()
			inner.ServeHTTP(read, httptest.NewRequest(http.MethodGet, path, nil))
			var manifest struct{ ArtifactType string }
			if json.Unmarshal(read.Body.Bytes(), &manifest) == nil && manifest.ArtifactType != "" {
				descriptor["artifactType"] = manifest.ArtifactType
			}
		}
		response.Header().Set("Content-Type", recorded.Header().Get("Content-Type"))
		_ = json.NewEncoder(response).Encode(list)
	})
}
