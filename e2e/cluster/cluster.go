// Package cluster runs a control plane in the test process: a real etcd and real kube-apiservers, linked in from the
// modules that Kubernetes publishes, on loopback ports that the system chooses.
package cluster

import (
	"flag"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
)

func init() {
	// The servers' log is long and says nothing about a failed test; what ends the process is still shown.
	flags := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(flags)
	flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"})
	klog.SetOutput(io.Discard)
}

// Etcd starts an etcd with one member and gives the address that its clients use. It stops when the test ends.
func Etcd(t testing.TB) string {
	t.Helper()
	// Port 0 lets the system choose. Nobody uses the peer address: there is one member.
	anyPort, err := url.Parse("http://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "fatal"   // it reports its own end as errors
	config.UnsafeNoFsync = true // nothing here outlives the process
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{*anyPort}, []url.URL{*anyPort}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{*anyPort}, []url.URL{*anyPort}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatalf("etcd did not start: %v", err)
	}
	t.Cleanup(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		t.Fatalf("etcd failed: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("etcd did not become ready in a minute")
	}
	return "http://" + etcd.Clients[0].Addr().String()
}

// APIServer is a running kube-apiserver.
type APIServer struct {
	Client   kubernetes.Interface
	Config   *rest.Config
	AuditLog string // the file that its audit log goes to
	// Authority is the file with the certificates that its own is verified with, as those who run in the cluster have it. The
	// client above knows it by another.
	Authority string
}

// Start runs a kube-apiserver whose ImagePolicyWebhook plugin is set up by an admission configuration file, or is off
// where none is named. It stops when the test ends. Servers that share an etcd are told apart by their storage prefix, so each has its own objects.
//
// The ServiceAccount plugin is off: it wants a service account in each namespace, which a controller would make, and
// no controllers run here.
func Start(t testing.TB, etcd, admissionConfiguration string) *APIServer {
	t.Helper()
	return StartWith(t, etcd, admissionConfiguration)
}

// StartWith is Start with further flags of kube-apiserver.
func StartWith(t testing.TB, etcd, admissionConfiguration string, further ...string) *APIServer {
	t.Helper()
	directory := t.TempDir()
	auditLog := filepath.Join(directory, "audit.log")
	auditPolicy := filepath.Join(directory, "audit_policy.yaml")
	if err := os.WriteFile(auditPolicy, []byte(metadataOfPods), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := append([]string{
		"--disable-admission-plugins=ServiceAccount",
		"--audit-policy-file=" + auditPolicy,
		"--audit-log-path=" + auditLog,
	}, further...)
	if admissionConfiguration != "" {
		flags = append(flags,
			"--enable-admission-plugins=ImagePolicyWebhook",
			"--admission-control-config-file="+admissionConfiguration)
	}
	// A folder of its own is a storage prefix of its own.
	server, err := apiserver.StartTestServer(t, nil, flags, storage(etcd, directory))
	if err != nil {
		t.Fatalf("kube-apiserver did not start: %v", err)
	}
	t.Cleanup(server.TearDownFn)
	client, err := kubernetes.NewForConfig(server.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	authority := server.ServerOpts.SecureServing.ServerCert.CertKey.CertFile
	return &APIServer{Client: client, Config: server.ClientConfig, AuditLog: auditLog, Authority: authority}
}

// metadataOfPods is the audit policy: one line for each request about pods, with the annotations that plugins add.
const metadataOfPods = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources: [{group: "", resources: [pods, pods/ephemeralcontainers]}]
  verbs: [create, update, patch]
`

func storage(etcd, prefix string) *storagebackend.Config {
	config := storagebackend.NewDefaultConfig(prefix, nil)
	config.Transport.ServerList = []string{etcd}
	return config
}
