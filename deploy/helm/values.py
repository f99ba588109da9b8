"""The values of the chart; their defaults are those of the production overlay."""

from typing import Any

from contracts.topics import TOPICS
from deploy.helm import sources
from deploy.helm.options import (
    Option,
    Schema,
    Section,
    choice,
    flag,
    labels,
    name,
    number,
    peers,
    port,
    schema_of,
    size,
    text,
    tolerations,
)
from deploy.helm.settings import service_settings, shared_settings
from deploy.k8s.generate import MAX_WORKERS
from embedded.inventory import SERVICES
from kit.service import WorkerService

WORKERS = tuple(str(each.word) for each in SERVICES if isinstance(each, WorkerService))
WITH_WEB_PORT = ("gateway", "library")
"""Services that are no workers: they run in several replicas that are never scaled by jobs."""
PRODUCTION = sources.K8S / "overlays" / "production"
ANYWHERE: list[Any] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]


def public_addresses() -> list[Any]:
    """Return the peers of a rule that reaches public addresses and no private ones."""
    policy = sources.document(sources.COMPONENTS / "identity-providers" / "networkpolicy.yaml")
    return list(policy["spec"]["egress"][0]["to"])


def dns() -> Any:
    """Return the peer that answers DNS queries."""
    policy = sources.document(sources.BASE / "gateway" / "networkpolicy.yaml")
    return policy["spec"]["egress"][0]["to"][0]


def values() -> Section:
    """Return every value of the chart."""
    return Section(
        {
            "images": Section(
                {
                    "registry": text("", "Host of the registry, such as images.example.org."),
                    "repository": text("cratedig", "Path before the name of a service."),
                    "tag": text("", "Version of all images; set it to the one that you built."),
                    "pullPolicy": Option("", {"enum": ["", "Always", "IfNotPresent", "Never"]}, ""),
                    "pullSecrets": Option(
                        [], {"type": "array", "items": _object({"name": {"type": "string"}})}, ""
                    ),
                },
                "REGISTRY/REPOSITORY/SERVICE:TAG.",
            ),
            "settings": Option(
                {},
                shared_settings(),
                "Settings of all services by their names in docs/settings.md. Secret ones and"
                " addresses with passwords belong into the secrets of the services.",
            ),
            "authorities": Section(
                {
                    "configMap": text(
                        "",
                        "ConfigMap with `ca.crt`: every authority that pods trust, in PEM, the"
                        " public ones that they need included. Empty for the images' own.",
                        pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$",
                    ),
                },
                "Certificate authorities of your own.",
            ),
            "edge": _edge(),
            "identityProviders": Section(
                {
                    "enabled": flag(False),
                    "peers": peers(public_addresses(), "Where the providers are."),
                    "port": port(443),
                },
                "Lets the gateway reach OpenID Connect providers, for GATEWAY_IDENTITY_PROVIDERS.",
            ),
            "kafka": _kafka(),
            "postgres": _postgres(),
            "objects": Section(
                {
                    "mode": choice("external", "", "in-cluster"),
                    "image": text(_store_image(), "Image of the store in the cluster."),
                    "storage": size("50Gi", "Volume of the store in the cluster."),
                    "external": _outside(443),
                },
                "The S3 store: outside, or one pod in the cluster for trials.",
            ),
            "weights": _weights(),
            "autoscaling": Section(
                {
                    "enabled": flag(True),
                    "namespace": name("keda", "Namespace of KEDA's operator."),
                    "secret": name("cratedig-scaler", "Secret with the database's `connection`."),
                },
                "Workers by KEDA: (queued + running) / slots pods, within each service's limits.",
            ),
            "gpu": Section(
                {
                    "enabled": flag(True),
                    "resource": text("nvidia.com/gpu"),
                    "count": number(1, "Devices of each pod.", maximum=16),
                    "nodeSelector": labels({}),
                    "tolerations": tolerations(_gpu_patch("/spec/template/spec/tolerations")),
                },
                "Separation on GPUs, with the image separation-gpu.",
            ),
            "monitoring": Section(
                {
                    "metrics": flag(True, "PodMonitors for the Prometheus operator."),
                    "alerts": flag(True, "A PrometheusRule; docs/operating.md explains each."),
                    "dashboard": flag(True, "A ConfigMap for the sidecar of Grafana."),
                    "namespace": name("monitoring", "Namespace of Prometheus."),
                    "prometheusLabels": labels({"app.kubernetes.io/name": "prometheus"}),
                }
            ),
            "traces": Section(
                {
                    "enabled": flag(True),
                    "url": text(
                        "http://opentelemetry-collector.monitoring:4318/v1/traces",
                        pattern=r"^https?://[^\s]+$",
                    ),
                    "namespace": name("monitoring", "Namespace of the collector."),
                    "collectorLabels": labels(
                        {"app.kubernetes.io/name": "opentelemetry-collector"}
                    ),
                    "port": port(4318),
                },
                "Traces to an OpenTelemetry collector, by OTLP over HTTP.",
            ),
            "networkPolicies": Section(
                {
                    "enabled": flag(True),
                    "dns": Option(dns(), peers([]).schema["items"], "The cluster's name server."),
                },
                "Every pod reaches what it needs, and nothing else.",
            ),
            "services": Section({each: _service(each) for each in (*WITH_WEB_PORT, *WORKERS)}),
        }
    )


def schema() -> Schema:
    """Return the JSON Schema of the values."""
    # KEDA and a fixed number of replicas would work against each other.
    no_replicas = {"properties": {"replicas": {"type": "null"}}}
    content = schema_of(values())
    # Helm adds `global` if the chart is a part of another one.
    content["properties"]["global"] = {"type": "object"}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart cratedig",
        **content,
        "if": {
            "properties": {"autoscaling": {"properties": {"enabled": {"const": True}}}},
        },
        "then": {
            "properties": {"services": {"properties": dict.fromkeys(WORKERS, no_replicas)}},
        },
    }


def _edge() -> Section:
    certificate, gateway, *_ = sources.resources(sources.COMPONENTS / "edge")
    issuer = certificate["spec"]["issuerRef"]
    return Section(
        {
            "enabled": flag(True),
            "host": text(certificate["spec"]["dnsNames"][0], pattern=r"^[a-z0-9.-]+$"),
            "gatewayClassName": name(gateway["spec"]["gatewayClassName"]),
            "tlsSecret": name(certificate["spec"]["secretName"], "Secret of the certificate."),
            "certManager": Section(
                {
                    "enabled": flag(True, "False if the secret exists already."),
                    "issuer": name(issuer["name"]),
                    "kind": choice(issuer["kind"], "", "Issuer"),
                },
                "A certificate from cert-manager.",
            ),
        },
        "The way in from the internet: Gateway API with TLS. GATEWAY_PUBLIC_URL in the secret of"
        " the gateway has the same host.",
    )


def _kafka() -> Section:
    pool, kafka = sources.documents(sources.COMPONENTS / "kafka" / "kafka.yaml")
    config = kafka["spec"]["kafka"]["config"]
    return Section(
        {
            "mode": choice("operator", "", "external"),
            "brokers": number(pool["spec"]["replicas"], maximum=100),
            "replication": number(
                config["default.replication.factor"], "Copies of a record.", maximum=10
            ),
            "minInsync": number(
                max(topic.min_insync for topic in TOPICS),
                "Copies that exist before a record counts as sent.",
                maximum=10,
            ),
            "rackKey": text(
                kafka["spec"]["kafka"]["rack"]["topologyKey"],
                "Label of nodes that names the zone; empty on one node.",
            ),
            "storage": size(pool["spec"]["storage"]["volumes"][0]["size"], "Of each broker."),
            "resources": _resources(pool["spec"]["resources"]),
            "external": _outside(9093),
        },
        "Kafka: run by Strimzi in the cluster, or outside, with KIT_BUS_URL and KIT_BUS_USER in the"
        " secret of each service.",
    )


def _postgres() -> Section:
    cluster, daily = sources.documents(sources.COMPONENTS / "postgres" / "cluster.yaml")
    spec = cluster["spec"]
    backup = spec["backup"]["barmanObjectStore"]
    return Section(
        {
            "mode": choice("operator", "", "external"),
            "instances": number(spec["instances"], maximum=9),
            "synchronous": flag(True, "A commit is on two instances; needs two or more."),
            "storage": size(spec["storage"]["size"], "Of each instance."),
            "walStorage": size(spec["walStorage"]["size"]),
            "resources": _resources(spec["resources"]),
            "operatorNamespace": name("cnpg-system", "Namespace of CloudNativePG's operator."),
            "backup": Section(
                {
                    "enabled": flag(True),
                    "schedule": text(daily["spec"]["schedule"], "Seconds come first."),
                    "retention": text(
                        spec["backup"]["retentionPolicy"], pattern="^[1-9][0-9]*[dwm]$"
                    ),
                    "destination": text(backup["destinationPath"], pattern="^s3://.+$"),
                    "endpoint": text(backup["endpointURL"], pattern="^https?://.+$"),
                    "secret": name(
                        backup["s3Credentials"]["accessKeyId"]["name"],
                        "Secret with ACCESS_KEY_ID and SECRET_ACCESS_KEY.",
                    ),
                }
            ),
            "external": _outside(5432),
        },
        "Postgres: run by CloudNativePG in the cluster, or outside, with the addresses in the"
        " secrets of gateway and library.",
    )


def _weights() -> Section:
    claim, _ = sources.documents(sources.BASE / "server" / "weights.yaml")
    modes = ["ReadWriteMany", "ReadWriteOnce", "ReadOnlyMany"]
    return Section(
        {
            "fetch": flag(True, "Jobs download them; false if you fill the volume by hand."),
            "peers": peers(public_addresses(), "From where the jobs download."),
            "port": port(443),
            "storage": size(claim["spec"]["resources"]["requests"]["storage"]),
            "accessModes": Option(
                claim["spec"]["accessModes"],
                {"type": "array", "minItems": 1, "items": {"enum": modes}},
                "ReadWriteMany unless there is one node.",
            ),
            "storageClassName": text("", "Empty for the cluster's default."),
        },
        "One volume with the weights of all networks.",
    )


def _service(word: str) -> Section:
    (deployment,) = (each for each in sources.service(word) if each["kind"] == "Deployment")
    resources = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
    own: dict[str, Option | Section]
    if word in WORKERS:
        own = {
            "replicas": _replicas(None, "Fixed number of pods; null leaves it to autoscaling."),
            "autoscaling": Section(
                {
                    "min": number(0, minimum=0),
                    "max": number(MAX_WORKERS),
                }
            ),
        }
    else:
        overlay = sources.document(PRODUCTION / "kustomization.yaml")
        counts = {each["name"]: each["count"] for each in overlay["replicas"]}
        own = {
            "replicas": _replicas(counts[word]),
            "zoneSpread": choice(
                "DoNotSchedule",
                "Whether replicas insist on different zones.",
                "ScheduleAnyway",
            ),
        }
    return Section(
        {
            **own,
            "secret": name(f"cratedig-{word}", "The existing secret with its secret settings."),
            "settings": Option({}, service_settings(word)),
            "resources": _resources(resources),
            "nodeSelector": labels({}),
            "tolerations": tolerations([]),
        }
    )


def _replicas(default: int | None, description: str = "") -> Option:
    accepted = {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000}
    return Option(default, accepted, description)


def _outside(number_of_port: int) -> Section:
    return Section(
        {"peers": peers(ANYWHERE, "Narrow it to your servers."), "port": port(number_of_port)},
        "What pods may reach if it is outside.",
    )


def _resources(default: Any) -> Option:
    quantity = {"type": ["string", "integer", "number"]}
    amounts = {"type": "object", "additionalProperties": quantity}
    return Option(default, _object({"requests": amounts, "limits": amounts}))


def _object(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _store_image() -> str:
    store = sources.document(sources.COMPONENTS / "objects" / "statefulset.yaml")
    return str(store["spec"]["template"]["spec"]["containers"][0]["image"])


def _gpu_patch(path: str) -> Any:
    for operations in sources.patches("gpu", "Deployment", "separation"):
        for operation in operations:
            if operation["path"] == path:
                return operation["value"]
    raise LookupError(path)
