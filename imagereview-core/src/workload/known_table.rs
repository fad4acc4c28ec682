//! The rows of [`KnownResources`](super::KnownResources), each taken from the definitions of its project.
//!
//! Not here, since no field of theirs is an image that a node pulls: what is built and pushed
//! (`KafkaConnect.spec.build.output`), what is named in parts (a Flux `OCIRepository` has its tag in another
//! field than its URL), patches that are text (`podSpecPatch` of Argo Workflows), and what only names another
//! object (a `BuildConfig` of `OpenShift`, whose `from` may be an image stream).

use self::Holds::{Image, Images, PodSpec};
/// The rows of one project.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    pub(super) rows: &'static [Row],
}

/// Kinds of one API group that keep their images at the same paths.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: &'static str,
    pub(super) kinds: &'static [&'static str],
    /// Where something that has images is, and what it is. The root of the object is the empty path.
    pub(super) locations: &'static [(&'static str, Holds)],
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// A string: an image.
    Image,
    /// All that a Pod's `spec` has, with an image in every container.
    PodSpec,
    /// Something that has images at these paths. Each may be left out.
    Images(&'static [&'static str]),
}

/// A pod spec that is laid over one of the operator's own, so that its containers need no image.
const OVERLAY: Holds = Images(&[
    "containers[*].image",
    "initContainers[*].image",
    "volumes[*].image.reference",
]);

/// A task of Tekton.
const TASK: Holds = Images(&["steps[*].image", "sidecars[*].image", "stepTemplate.image"]);

/// A pipeline of Tekton, with the tasks that are written in it and in the pipelines that are written in it.
const PIPELINE: Holds = Images(&[
    "tasks[*].taskRef.bundle",
    "tasks[*].pipelineRef.bundle",
    "tasks[*].taskSpec.steps[*].image",
    "tasks[*].taskSpec.sidecars[*].image",
    "tasks[*].taskSpec.stepTemplate.image",
    "tasks[*].pipelineSpec.tasks[*].taskSpec.steps[*].image",
    "tasks[*].pipelineSpec.tasks[*].taskSpec.sidecars[*].image",
    "tasks[*].pipelineSpec.tasks[*].taskSpec.stepTemplate.image",
    "finally[*].taskRef.bundle",
    "finally[*].pipelineRef.bundle",
    "finally[*].taskSpec.steps[*].image",
    "finally[*].taskSpec.sidecars[*].image",
    "finally[*].taskSpec.stepTemplate.image",
]);

/// The spec of a workflow of Argo. A step or a task of a DAG may have a template written in it, once.
const WORKFLOW: Holds = Images(&[
    "templates[*].container.image",
    "templates[*].containerSet.containers[*].image",
    "templates[*].script.image",
    "templates[*].initContainers[*].image",
    "templates[*].sidecars[*].image",
    "templates[*].volumes[*].image.reference",
    "templates[*].steps[*][*].inline.container.image",
    "templates[*].steps[*][*].inline.containerSet.containers[*].image",
    "templates[*].steps[*][*].inline.script.image",
    "templates[*].steps[*][*].inline.initContainers[*].image",
    "templates[*].steps[*][*].inline.sidecars[*].image",
    "templates[*].dag.tasks[*].inline.container.image",
    "templates[*].dag.tasks[*].inline.containerSet.containers[*].image",
    "templates[*].dag.tasks[*].inline.script.image",
    "templates[*].dag.tasks[*].inline.initContainers[*].image",
    "templates[*].dag.tasks[*].inline.sidecars[*].image",
    "templateDefaults.container.image",
    "templateDefaults.containerSet.containers[*].image",
    "templateDefaults.script.image",
    "templateDefaults.initContainers[*].image",
    "templateDefaults.sidecars[*].image",
    "templateDefaults.volumes[*].image.reference",
    "executorPlugins[*].spec.sidecar.container.image",
    "volumes[*].image.reference",
]);

/// An application of Spark.
const SPARK: Holds = Images(&[
    "image",
    "driver.image",
    "driver.initContainers[*].image",
    "driver.sidecars[*].image",
    "driver.template.spec.containers[*].image",
    "driver.template.spec.initContainers[*].image",
    "driver.template.spec.volumes[*].image.reference",
    "executor.image",
    "executor.initContainers[*].image",
    "executor.sidecars[*].image",
    "executor.template.spec.containers[*].image",
    "executor.template.spec.initContainers[*].image",
    "executor.template.spec.volumes[*].image.reference",
    "volumes[*].image.reference",
]);

/// What a cluster of Ray has besides pod specs.
const RAY: Holds = Images(&[
    "autoscalerOptions.image",
    "historyServerOptions.collectorOptions.image",
]);

/// A server of the Prometheus operator.
const MONITORING: Holds = Images(&[
    "image",
    "thanos.image",
    "containers[*].image",
    "initContainers[*].image",
    "volumes[*].image.reference",
]);

/// What a virtual machine of `KubeVirt` has.
const MACHINE: Holds = Images(&[
    "volumes[*].containerDisk.image",
    "domain.firmware.kernelBoot.container.image",
]);

/// What runs as pods of the `OpenTelemetry` operator.
const COLLECTOR: Holds = Images(&[
    "image",
    "targetAllocator.image",
    "additionalContainers[*].image",
    "initContainers[*].image",
    "volumes[*].image.reference",
]);

pub(super) const SETS: &[Set] = &[
    Set {
        name: "argo-rollouts",
        source: "https://github.com/argoproj/argo-rollouts/tree/master/manifests/crds",
        rows: &[
            Row {
                group: "argoproj.io",
                kinds: &["Rollout"],
                locations: &[("spec.template.spec", PodSpec)],
            },
            Row {
                group: "argoproj.io",
                kinds: &["Experiment"],
                locations: &[("spec.templates[*].template.spec", PodSpec)],
            },
            Row {
                group: "argoproj.io",
                kinds: &["AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"],
                locations: &[("spec.metrics[*].provider.job.spec.template.spec", PodSpec)],
            },
        ],
    },
    Set {
        name: "argo-workflows",
        source: "https://github.com/argoproj/argo-workflows/tree/main/manifests/base/crds/full",
        rows: &[
            Row {
                group: "argoproj.io",
                kinds: &["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"],
                locations: &[("spec", WORKFLOW)],
            },
            Row {
                group: "argoproj.io",
                kinds: &["CronWorkflow"],
                locations: &[("spec.workflowSpec", WORKFLOW)],
            },
        ],
    },
    Set {
        name: "cloudnative-pg",
        source: "https://github.com/cloudnative-pg/cloudnative-pg/tree/main/config/crd/bases",
        rows: &[
            Row {
                group: "postgresql.cnpg.io",
                kinds: &["Cluster"],
                locations: &[
                    ("spec.imageName", Image),
                    ("spec.postgresql.extensions[*].image.reference", Image),
                ],
            },
            Row {
                group: "postgresql.cnpg.io",
                kinds: &["ImageCatalog", "ClusterImageCatalog"],
                locations: &[
                    ("spec.images[*].image", Image),
                    ("spec.images[*].extensions[*].image.reference", Image),
                    ("spec.componentImages[*].image", Image),
                ],
            },
            Row {
                group: "postgresql.cnpg.io",
                kinds: &["Pooler"],
                locations: &[
                    ("spec.pgbouncer.image", Image),
                    ("spec.template.spec", OVERLAY),
                ],
            },
        ],
    },
    Set {
        name: "crossplane",
        source: "https://github.com/crossplane/crossplane/tree/main/cluster/crds",
        rows: &[
            Row {
                group: "pkg.crossplane.io",
                kinds: &["Configuration", "Function", "Provider"],
                locations: &[("spec.package", Image)],
            },
            Row {
                group: "pkg.crossplane.io",
                kinds: &[
                    "ConfigurationRevision",
                    "FunctionRevision",
                    "ProviderRevision",
                ],
                locations: &[("spec.image", Image)],
            },
            Row {
                group: "pkg.crossplane.io",
                kinds: &["DeploymentRuntimeConfig"],
                locations: &[("spec.deploymentTemplate.spec.template.spec", OVERLAY)],
            },
        ],
    },
    Set {
        name: "elastic",
        source: "https://github.com/elastic/cloud-on-k8s/tree/main/config/crds/v1/resources",
        rows: &[
            Row {
                group: "elasticsearch.k8s.elastic.co",
                kinds: &["Elasticsearch"],
                locations: &[
                    ("spec.image", Image),
                    ("spec.nodeSets[*].podTemplate.spec", OVERLAY),
                ],
            },
            Row {
                group: "agent.k8s.elastic.co",
                kinds: &["Agent"],
                locations: &[
                    ("spec.image", Image),
                    ("spec.daemonSet.podTemplate.spec", OVERLAY),
                    ("spec.deployment.podTemplate.spec", OVERLAY),
                    ("spec.statefulSet.podTemplate.spec", OVERLAY),
                ],
            },
            Row {
                group: "beat.k8s.elastic.co",
                kinds: &["Beat"],
                locations: &[
                    ("spec.image", Image),
                    ("spec.daemonSet.podTemplate.spec", OVERLAY),
                    ("spec.deployment.podTemplate.spec", OVERLAY),
                ],
            },
            Row {
                group: "apm.k8s.elastic.co",
                kinds: &["ApmServer"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "autoops.k8s.elastic.co",
                kinds: &["AutoOpsAgentPolicy"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "enterprisesearch.k8s.elastic.co",
                kinds: &["EnterpriseSearch"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "kibana.k8s.elastic.co",
                kinds: &["Kibana"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "logstash.k8s.elastic.co",
                kinds: &["Logstash"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "maps.k8s.elastic.co",
                kinds: &["ElasticMapsServer"],
                locations: ELASTIC_SERVER,
            },
            Row {
                group: "packageregistry.k8s.elastic.co",
                kinds: &["PackageRegistry"],
                locations: ELASTIC_SERVER,
            },
        ],
    },
    Set {
        name: "flink",
        source: "https://github.com/apache/flink-kubernetes-operator/tree/main/helm/flink-kubernetes-operator/crds",
        rows: &[
            Row {
                group: "flink.apache.org",
                kinds: &["FlinkDeployment"],
                locations: &[
                    ("spec.image", Image),
                    ("spec.podTemplate.spec", OVERLAY),
                    ("spec.jobManager.podTemplate.spec", OVERLAY),
                    ("spec.taskManager.podTemplate.spec", OVERLAY),
                ],
            },
            Row {
                group: "flink.apache.org",
                kinds: &["FlinkBlueGreenDeployment"],
                locations: &[
                    ("spec.template.spec.image", Image),
                    ("spec.template.spec.podTemplate.spec", OVERLAY),
                    ("spec.template.spec.jobManager.podTemplate.spec", OVERLAY),
                    ("spec.template.spec.taskManager.podTemplate.spec", OVERLAY),
                ],
            },
        ],
    },
    Set {
        name: "jobset",
        source: "https://github.com/kubernetes-sigs/jobset/tree/main/charts/jobset/crds",
        rows: &[Row {
            group: "jobset.x-k8s.io",
            kinds: &["JobSet"],
            locations: &[(
                "spec.replicatedJobs[*].template.spec.template.spec",
                PodSpec,
            )],
        }],
    },
    Set {
        name: "keda",
        source: "https://github.com/kedacore/keda/tree/main/config/crd/bases",
        rows: &[Row {
            group: "keda.sh",
            kinds: &["ScaledJob"],
            locations: &[("spec.jobTargetRef.template.spec", PodSpec)],
        }],
    },
    Set {
        name: "knative",
        source: "https://github.com/knative/serving/tree/main/config/core/300-resources",
        rows: &[
            Row {
                group: "serving.knative.dev",
                kinds: &["Service", "Configuration"],
                locations: &[("spec.template.spec", PodSpec)],
            },
            Row {
                group: "serving.knative.dev",
                kinds: &["Revision"],
                locations: &[("spec", PodSpec)],
            },
            Row {
                group: "sources.knative.dev",
                kinds: &["ContainerSource"],
                locations: &[("spec.template.spec", PodSpec)],
            },
            Row {
                group: "sources.knative.dev",
                kinds: &["IntegrationSource"],
                locations: &[("spec.template.spec", OVERLAY)],
            },
            Row {
                group: "sinks.knative.dev",
                kinds: &["JobSink"],
                locations: &[("spec.job.spec.template.spec", PodSpec)],
            },
        ],
    },
    Set {
        name: "kuberay",
        source: "https://github.com/ray-project/kuberay/tree/master/helm-chart/kuberay-operator/crds",
        rows: &[
            Row {
                group: "ray.io",
                kinds: &["RayCluster"],
                locations: &[
                    ("spec.headGroupSpec.template.spec", PodSpec),
                    ("spec.workerGroupSpecs[*].template.spec", PodSpec),
                    ("spec", RAY),
                ],
            },
            Row {
                group: "ray.io",
                kinds: &["RayJob"],
                locations: &[
                    ("spec.rayClusterSpec.headGroupSpec.template.spec", PodSpec),
                    (
                        "spec.rayClusterSpec.workerGroupSpecs[*].template.spec",
                        PodSpec,
                    ),
                    ("spec.rayClusterSpec", RAY),
                    ("spec.submitterPodTemplate.spec", OVERLAY),
                ],
            },
            Row {
                group: "ray.io",
                kinds: &["RayService"],
                locations: &[
                    ("spec.rayClusterConfig.headGroupSpec.template.spec", PodSpec),
                    (
                        "spec.rayClusterConfig.workerGroupSpecs[*].template.spec",
                        PodSpec,
                    ),
                    ("spec.rayClusterConfig", RAY),
                ],
            },
            Row {
                group: "ray.io",
                kinds: &["RayCronJob"],
                locations: &[
                    (
                        "spec.jobTemplate.rayClusterSpec.headGroupSpec.template.spec",
                        PodSpec,
                    ),
                    (
                        "spec.jobTemplate.rayClusterSpec.workerGroupSpecs[*].template.spec",
                        PodSpec,
                    ),
                    ("spec.jobTemplate.rayClusterSpec", RAY),
                    ("spec.jobTemplate.submitterPodTemplate.spec", OVERLAY),
                ],
            },
        ],
    },
    Set {
        name: "kubevirt",
        source: "https://github.com/kubevirt/kubevirt/blob/main/staging/src/kubevirt.io/api/core/v1/schema.go",
        rows: &[
            Row {
                group: "kubevirt.io",
                kinds: &["VirtualMachineInstance"],
                locations: &[("spec", MACHINE)],
            },
            Row {
                group: "kubevirt.io",
                kinds: &["VirtualMachine", "VirtualMachineInstanceReplicaSet"],
                locations: &[("spec.template.spec", MACHINE)],
            },
            Row {
                group: "pool.kubevirt.io",
                kinds: &["VirtualMachinePool"],
                locations: &[("spec.virtualMachineTemplate.spec.template.spec", MACHINE)],
            },
        ],
    },
    Set {
        name: "leaderworkerset",
        source: "https://github.com/kubernetes-sigs/lws/tree/main/charts/lws/crds",
        rows: &[
            Row {
                group: "leaderworkerset.x-k8s.io",
                kinds: &["LeaderWorkerSet"],
                locations: &[
                    ("spec.leaderWorkerTemplate.leaderTemplate.spec", PodSpec),
                    ("spec.leaderWorkerTemplate.workerTemplate.spec", PodSpec),
                ],
            },
            Row {
                group: "disaggregatedset.x-k8s.io",
                kinds: &["DisaggregatedSet"],
                locations: &[
                    (
                        "spec.roles[*].spec.leaderWorkerTemplate.leaderTemplate.spec",
                        PodSpec,
                    ),
                    (
                        "spec.roles[*].spec.leaderWorkerTemplate.workerTemplate.spec",
                        PodSpec,
                    ),
                ],
            },
        ],
    },
    Set {
        name: "openkruise",
        source: "https://github.com/openkruise/kruise/tree/master/apis/apps",
        rows: &[
            Row {
                group: "apps.kruise.io",
                kinds: &["CloneSet", "StatefulSet", "DaemonSet", "BroadcastJob"],
                locations: &[("spec.template.spec", PodSpec)],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["AdvancedCronJob"],
                locations: &[
                    ("spec.template.jobTemplate.spec.template.spec", PodSpec),
                    (
                        "spec.template.broadcastJobTemplate.spec.template.spec",
                        PodSpec,
                    ),
                    (
                        "spec.template.imageListPullJobTemplate.spec.images[*]",
                        Image,
                    ),
                ],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["UnitedDeployment"],
                locations: &[
                    (
                        "spec.template.statefulSetTemplate.spec.template.spec",
                        PodSpec,
                    ),
                    (
                        "spec.template.advancedStatefulSetTemplate.spec.template.spec",
                        PodSpec,
                    ),
                    ("spec.template.cloneSetTemplate.spec.template.spec", PodSpec),
                    (
                        "spec.template.deploymentTemplate.spec.template.spec",
                        PodSpec,
                    ),
                ],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["SidecarSet"],
                locations: &[
                    ("spec", OVERLAY),
                    (
                        "spec.containers[*].upgradeStrategy.hotUpgradeEmptyImage",
                        Image,
                    ),
                ],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["EphemeralJob"],
                locations: &[("spec.template.ephemeralContainers[*].image", Image)],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["ImagePullJob"],
                locations: &[("spec.image", Image)],
            },
            Row {
                group: "apps.kruise.io",
                kinds: &["ImageListPullJob"],
                locations: &[("spec.images[*]", Image)],
            },
        ],
    },
    Set {
        name: "openshift",
        source: "https://github.com/openshift/api/blob/master/apps/v1/types.go",
        rows: &[Row {
            group: "apps.openshift.io",
            kinds: &["DeploymentConfig"],
            // A trigger may set the image of a container that has none.
            locations: &[("spec.template.spec", OVERLAY)],
        }],
    },
    Set {
        name: "opentelemetry",
        source: "https://github.com/open-telemetry/opentelemetry-operator/tree/main/config/crd/bases",
        rows: &[
            Row {
                group: "opentelemetry.io",
                kinds: &["OpenTelemetryCollector", "OpAMPBridge", "TargetAllocator"],
                locations: &[("spec", COLLECTOR)],
            },
            Row {
                group: "opentelemetry.io",
                kinds: &["Instrumentation"],
                locations: &[(
                    "spec",
                    Images(&[
                        "apacheHttpd.image",
                        "dotnet.image",
                        "go.image",
                        "java.image",
                        "java.extensions[*].image",
                        "nginx.image",
                        "nodejs.image",
                        "python.image",
                    ]),
                )],
            },
        ],
    },
    Set {
        name: "prometheus-operator",
        source: "https://github.com/prometheus-operator/prometheus-operator/tree/main/pkg/apis/monitoring",
        rows: &[Row {
            group: "monitoring.coreos.com",
            kinds: &[
                "Alertmanager",
                "Prometheus",
                "PrometheusAgent",
                "ThanosRuler",
            ],
            locations: &[("spec", MONITORING)],
        }],
    },
    Set {
        name: "spark",
        source: "https://github.com/kubeflow/spark-operator/tree/master/charts/spark-operator-chart/crds",
        rows: &[
            Row {
                group: "sparkoperator.k8s.io",
                kinds: &["SparkApplication"],
                locations: &[("spec", SPARK)],
            },
            Row {
                group: "sparkoperator.k8s.io",
                kinds: &["ScheduledSparkApplication"],
                locations: &[("spec.template", SPARK)],
            },
            Row {
                group: "sparkoperator.k8s.io",
                kinds: &["SparkConnect"],
                locations: &[
                    ("spec.image", Image),
                    ("spec.server.template.spec", OVERLAY),
                    ("spec.executor.template.spec", OVERLAY),
                ],
            },
        ],
    },
    Set {
        name: "strimzi",
        source: "https://github.com/strimzi/strimzi-kafka-operator/tree/main/helm-charts/helm3/strimzi-kafka-operator/crds",
        rows: &[
            Row {
                group: "kafka.strimzi.io",
                kinds: &["Kafka"],
                locations: &[(
                    "spec",
                    Images(&[
                        "kafka.image",
                        "kafka.brokerRackInitImage",
                        "zookeeper.image",
                        "entityOperator.topicOperator.image",
                        "entityOperator.userOperator.image",
                        "entityOperator.tlsSidecar.image",
                        "cruiseControl.image",
                        "kafkaExporter.image",
                        "jmxTrans.image",
                    ]),
                )],
            },
            Row {
                group: "kafka.strimzi.io",
                kinds: &[
                    "KafkaBridge",
                    "KafkaConnect",
                    "KafkaMirrorMaker",
                    "KafkaMirrorMaker2",
                ],
                locations: &[("spec.image", Image), ("spec.clientRackInitImage", Image)],
            },
        ],
    },
    Set {
        name: "tekton",
        source: "https://github.com/tektoncd/pipeline/tree/main/pkg/apis/pipeline",
        rows: &[
            Row {
                group: "tekton.dev",
                kinds: &["Task", "ClusterTask"],
                locations: &[("spec", TASK)],
            },
            Row {
                group: "tekton.dev",
                kinds: &["TaskRun"],
                locations: &[("spec.taskSpec", TASK), ("spec.taskRef.bundle", Image)],
            },
            Row {
                group: "tekton.dev",
                kinds: &["StepAction"],
                locations: &[("spec.image", Image)],
            },
            Row {
                group: "tekton.dev",
                kinds: &["Pipeline"],
                locations: &[("spec", PIPELINE)],
            },
            Row {
                group: "tekton.dev",
                kinds: &["PipelineRun"],
                locations: &[
                    ("spec.pipelineSpec", PIPELINE),
                    ("spec.pipelineRef.bundle", Image),
                ],
            },
        ],
    },
];

/// What most servers of Elastic have.
const ELASTIC_SERVER: &[(&str, Holds)] =
    &[("spec.image", Image), ("spec.podTemplate.spec", OVERLAY)];
