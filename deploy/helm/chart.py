"""Turn the kustomize sources into the templates of the chart.

Each component that an overlay may choose becomes a part that a value switches on; what overlays
patch becomes a value. A change of the sources that this module does not expect is a `SourceError`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from deploy.helm import sources
from deploy.helm.sources import BASE, COMPONENTS
from deploy.helm.template import Document, SourceError, Template, substitute
from deploy.helm.values import ANYWHERE, WITH_WEB_PORT, WORKERS, dns, public_addresses
from deploy.k8s.generate import scalers, topics, users

KAFKA = 'eq .Values.kafka.mode "operator"'
KAFKA_OUTSIDE = 'eq .Values.kafka.mode "external"'
POSTGRES = 'eq .Values.postgres.mode "operator"'
POSTGRES_OUTSIDE = 'eq .Values.postgres.mode "external"'
STORE = 'eq .Values.objects.mode "in-cluster"'
STORE_OUTSIDE = 'eq .Values.objects.mode "external"'
AUTHORITIES = ".Values.authorities.configMap"
KEEP = {"helm.sh/resource-policy": "keep"}
"""`helm uninstall` leaves what holds data."""
HOLD_DATA = frozenset(
    {
        *("Cluster", "Database", "Kafka", "KafkaNodePool", "KafkaTopic"),
        *("PersistentVolumeClaim", "StatefulSet"),
    }
)


def templates() -> dict[str, Template]:
    """Return the template files of the chart by their names."""
    parts: dict[str, Callable[[Template], None]] = {
        "config": _config,
        "weights": _weights,
        "kafka": _kafka,
        "kafka-topics": _kafka_topics,
        "kafka-users": _kafka_users,
        "postgres": _postgres,
        "objects": _objects,
        "autoscaling": _autoscaling,
        "monitoring": _monitoring,
        "traces": _traces,
        "edge": _edge,
        "identity-providers": _identity_providers,
    }
    written = {}
    for name, write in parts.items():
        written[name] = Template()
        write(written[name])
    for word in (*WITH_WEB_PORT, *WORKERS):
        written[word] = Template()
        _service(written[word], word)
    return written


def _put(template: Template, document: Document, *conditions: str) -> None:
    """Add a document; a network policy asks the cluster's own name server."""
    if document["kind"] in HOLD_DATA:
        document["metadata"]["annotations"] = KEEP
    if document["kind"] == "NetworkPolicy":
        for rule in document["spec"].get("egress", ()):
            if rule.get("to") == [dns()]:
                rule["to"] = [
                    template.line("-\n{{- toYaml .Values.networkPolicies.dns | nindent INDENT }}")
                ]
    template.add(document, *conditions)


def _component(name: str, kind: str) -> Iterator[Document]:
    """Yield the resources of a component that have a kind."""
    for document in sources.resources(COMPONENTS / name):
        if document["kind"] == kind:
            yield document


def _only(name: str, kind: str) -> Document:
    (document,) = _component(name, kind)
    return document


def _config(template: Template) -> None:
    config = sources.document(BASE / "server" / "configmap.yaml")
    (operations,) = sources.patches("kafka", "ConfigMap", "cratedig")
    sources.apply(config, operations, template=template, condition=KAFKA)
    (patch,) = sources.patches("traces", "ConfigMap", "cratedig")
    (key,) = patch["data"]
    url = template.expression(".Values.traces.url | quote")
    config["data"] |= template.entries(".Values.traces.enabled", {key: url})
    setting = template.line(
        "{{- range $name, $value := .Values.settings }}\n"
        '{{ $name }}: {{ include "cratedig.setting" $value }}\n'
        "{{- end }}"
    )
    config["data"][setting] = None
    template.add(config)
    _put(template, sources.document(BASE / "server" / "default-deny.yaml"))


def _service(template: Template, word: str) -> None:
    for document in sources.service(word):
        match document["kind"]:
            case "Deployment":
                _deployment(template, document, word)
                _put(template, document)
            case "Job":
                _fetching(template, document, word)
                _put(template, document, ".Values.weights.fetch")
            case _:
                _put(template, document)


def _deployment(template: Template, deployment: Document, word: str) -> None:
    options = f".Values.services.{word}"
    for operations in sources.patches("kafka", "Deployment", word):
        sources.apply(deployment, operations, template=template, condition=KAFKA)
    _authorities(template, deployment)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (zones, _) = pod["topologySpreadConstraints"]
    if word in WITH_WEB_PORT:
        fixed = f'not (kindIs "invalid" {options}.replicas)'
        zones["whenUnsatisfiable"] = template.expression(f"{options}.zoneSpread")
    else:
        fixed = f'and (not .Values.autoscaling.enabled) (not (kindIs "invalid" {options}.replicas))'
    replicas = template.expression(f"{options}.replicas | int")
    if word == "gateway":
        quoted = template.expression(f"{options}.replicas | int | quote")
        template.append(container["env"], fixed, {"name": "GATEWAY_REPLICAS", "value": quoted})
    container["env"].append(
        template.line(
            f"{{{{- range $name, $value := {options}.settings }}}}\n"
            "- name: {{ $name }}\n"
            '  value: {{ include "cratedig.setting" $value }}\n'
            "{{- end }}"
        )
    )
    deployment["spec"] = template.entries(fixed, {"replicas": replicas}) | deployment["spec"]
    container["resources"] = {
        kind: {template.line(f"{{{{- toYaml {options}.resources.{kind} | nindent LEVEL }}}}"): None}
        for kind in ("requests", "limits")
    }
    substitute(container["envFrom"], f"cratedig-{word}", template.expression(f"{options}.secret"))
    _scheduling(template, deployment, word)
    for each in (container, *pod.get("initContainers", ())):
        _image(template, each, word)
    pod[template.block(".Values.images.pullSecrets", "imagePullSecrets")] = None
    content = 'include (print $.Template.BasePath "/config.yaml") .'
    metadata = deployment["spec"]["template"]["metadata"]
    metadata["annotations"] = {
        "checksum/config": template.expression(f"{content} | sha256sum"),
    }


def _authorities(template: Template, workload: Document) -> None:
    """Let the user name the ConfigMap with the certificate authorities that pods trust."""
    for operations in sources.patches("authorities", workload["kind"], ""):
        trusted = operations[0]["value"]["configMap"]
        substitute(trusted, "authorities", template.expression(AUTHORITIES))
        sources.apply(workload, operations, template=template, condition=AUTHORITIES)


def _scheduling(template: Template, deployment: Document, word: str) -> None:
    options = f".Values.services.{word}"
    pod = deployment["spec"]["template"]["spec"]
    selector, tolerations = f"{options}.nodeSelector", f"{options}.tolerations"
    if any(sources.patches("gpu", "Deployment", word)):
        _gpu(template, deployment, word)
        selector = f'(include "cratedig.gpu.nodeSelector" (list . {selector}) | fromYaml)'
        tolerations = f'(include "cratedig.gpu.tolerations" (list . {tolerations}) | fromYamlArray)'
    pod[template.block(selector, "nodeSelector")] = None
    pod[template.block(tolerations, "tolerations")] = None


def _gpu(template: Template, deployment: Document, word: str) -> None:
    """Apply what GPUs change; values hold the resource's name, tolerations and number."""
    for operations in sources.patches("gpu", "Deployment", word):
        for operation in operations:
            path = operation["path"]
            if path.endswith("/tolerations"):
                continue
            if path.endswith("/limits/nvidia.com~1gpu"):
                limits = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
                limits["limits"] |= {
                    template.line(
                        "{{- if .Values.gpu.enabled }}\n"
                        "{{ .Values.gpu.resource }}: {{ .Values.gpu.count | int }}\n"
                        "{{- end }}"
                    ): None
                }
                continue
            sources.apply(
                deployment, [operation], template=template, condition=".Values.gpu.enabled"
            )


def _image(template: Template, container: Document, word: str) -> None:
    if container["image"] != f"cratedig/{word}":
        raise SourceError(f"{word} has an unexpected image: {container['image']}")
    container["image"] = template.expression(f'include "cratedig.image" (list . "{word}")')
    policy = ".Values.images.pullPolicy"
    container[
        template.line(f"{{{{- with {policy} }}}}\nimagePullPolicy: {{{{ . }}}}\n{{{{- end }}}}")
    ] = None


def _fetching(template: Template, job: Document, word: str) -> None:
    """A job cannot change, so another image or other authorities make another job."""
    pod = job["spec"]["template"]["spec"]
    job["metadata"]["name"] = template.expression(
        f'include "cratedig.weightsJob" (list . "{word}")'
    )
    _authorities(template, job)
    for container in pod["containers"]:
        _image(template, container, word)
    pod[template.block(".Values.images.pullSecrets", "imagePullSecrets")] = None


def _weights(template: Template) -> None:
    claim, policy = sources.documents(BASE / "server" / "weights.yaml")
    spec = claim["spec"]
    spec["accessModes"] = [
        template.line("{{- toYaml .Values.weights.accessModes | nindent LEVEL }}")
    ]
    spec["resources"]["requests"]["storage"] = template.expression(".Values.weights.storage")
    spec[
        template.line(
            "{{- with .Values.weights.storageClassName }}\nstorageClassName: {{ . }}\n{{- end }}"
        )
    ] = None
    _put(template, claim)
    _reaching(template, policy, public_addresses(), 443, ".Values.weights")
    _put(template, policy, ".Values.weights.fetch")


def _reaching(
    template: Template, policy: Document, peers: list[Any], port: int, options: str
) -> None:
    """Let the user say which addresses and port a policy allows."""
    (rule,) = (each for each in policy["spec"]["egress"] if each["to"] == peers)
    rule["to"] = [template.line(f"{{{{- toYaml {options}.peers | nindent LEVEL }}}}")]
    substitute(rule["ports"], port, template.expression(f"{options}.port | int"))


def _kafka(template: Template) -> None:
    options = ".Values.kafka"
    pool, kafka = _only("kafka", "KafkaNodePool"), _only("kafka", "Kafka")
    pool["spec"]["replicas"] = template.expression(f"{options}.brokers | int")
    pool["spec"]["resources"] = {
        template.line(f"{{{{- toYaml {options}.resources | nindent LEVEL }}}}"): None
    }
    for volume in pool["spec"]["storage"]["volumes"]:
        volume["size"] = template.expression(f"{options}.storage")
    broker = kafka["spec"]["kafka"]
    rack = broker.pop("rack")
    substitute(rack, rack["topologyKey"], template.expression(f"{options}.rackKey"))
    kafka["spec"]["kafka"] = broker | template.entries(f"{options}.rackKey", {"rack": rack})
    for key in broker["config"]:
        if key.endswith("replication.factor"):
            broker["config"][key] = template.expression(f"{options}.replication | int")
        elif key.endswith(("min.insync.replicas", "min.isr")):
            broker["config"][key] = template.expression(f"{options}.minInsync | int")
    _put(template, pool, KAFKA)
    _put(template, kafka, KAFKA)
    for policy in _component("kafka", "NetworkPolicy"):
        _put(template, policy, KAFKA)
    outside = _only("kafka-outside", "NetworkPolicy")
    _reaching(template, outside, ANYWHERE, 9093, f"{options}.external")
    _put(template, outside, KAFKA_OUTSIDE)


def _kafka_topics(template: Template) -> None:
    for topic in topics():
        spec = topic["spec"]
        spec["replicas"] = template.expression(".Values.kafka.replication | int")
        needed = spec["config"]["min.insync.replicas"]
        spec["config"]["min.insync.replicas"] = template.expression(
            f"min {needed} .Values.kafka.minInsync"
        )
        _put(template, topic, KAFKA)


def _kafka_users(template: Template) -> None:
    for user in users():
        word = user["metadata"]["name"]
        secret = template.expression(f".Values.services.{word}.secret")
        substitute(user["spec"]["authentication"], f"cratedig-{word}", secret)
        _put(template, user, KAFKA)


def _postgres(template: Template) -> None:
    options = ".Values.postgres"
    cluster, daily = _only("postgres", "Cluster"), _only("postgres", "ScheduledBackup")
    spec = cluster["spec"]
    spec["instances"] = template.expression(f"{options}.instances | int")
    spec["storage"]["size"] = template.expression(f"{options}.storage")
    spec["walStorage"]["size"] = template.expression(f"{options}.walStorage")
    spec["resources"] = {
        template.line(f"{{{{- toYaml {options}.resources | nindent LEVEL }}}}"): None
    }
    synchronous = spec["postgresql"].pop("synchronous")
    spec["postgresql"] |= template.entries(f"{options}.synchronous", {"synchronous": synchronous})
    backup, store = spec.pop("backup"), f"{options}.backup"
    backup["retentionPolicy"] = template.expression(f"{store}.retention")
    target = backup["barmanObjectStore"]
    target["destinationPath"] = template.expression(f"{store}.destination")
    target["endpointURL"] = template.expression(f"{store}.endpoint")
    for credential in target["s3Credentials"].values():
        credential["name"] = template.expression(f"{store}.secret")
    spec |= template.entries(f"{store}.enabled", {"backup": backup})
    cluster["spec"] = spec
    daily["spec"]["schedule"] = template.expression(f"{store}.schedule | quote")
    _put(template, cluster, POSTGRES)
    _put(template, daily, POSTGRES, f"{store}.enabled")
    for database in _component("postgres", "Database"):
        _put(template, database, POSTGRES)
    for policy in _component("postgres", "NetworkPolicy"):
        if policy["metadata"]["name"] == "postgres":
            namespace = template.expression(f"{options}.operatorNamespace")
            substitute(policy, "cnpg-system", namespace)
            substitute(policy, "keda", template.expression(".Values.autoscaling.namespace"))
        _put(template, policy, POSTGRES)
    outside = _only("postgres-outside", "NetworkPolicy")
    _reaching(template, outside, ANYWHERE, 5432, f"{options}.external")
    _put(template, outside, POSTGRES_OUTSIDE)


def _objects(template: Template) -> None:
    for document in sources.resources(COMPONENTS / "objects"):
        if document["kind"] == "StatefulSet":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            container["image"] = template.expression(".Values.objects.image")
            (claim,) = document["spec"]["volumeClaimTemplates"]
            requests = claim["spec"]["resources"]["requests"]
            requests["storage"] = template.expression(".Values.objects.storage")
        _put(template, document, STORE)
    outside = _only("objects-outside", "NetworkPolicy")
    _reaching(template, outside, ANYWHERE, 443, ".Values.objects.external")
    _put(template, outside, STORE_OUTSIDE)


def _autoscaling(template: Template) -> None:
    condition = ".Values.autoscaling.enabled"
    authentication = _only("scaling", "TriggerAuthentication")
    secret = template.expression(".Values.autoscaling.secret")
    substitute(authentication, "cratedig-scaler", secret)
    _put(template, authentication, condition)
    for scaler in scalers():
        word = scaler["metadata"]["name"]
        options = f".Values.services.{word}"
        scaler["spec"]["minReplicaCount"] = template.expression(f"{options}.autoscaling.min | int")
        scaler["spec"]["maxReplicaCount"] = template.expression(f"{options}.autoscaling.max | int")
        query = scaler["spec"]["triggers"][0]["metadata"]
        query["targetQueryValue"] = template.expression(
            f'get {options}.settings "{word.upper()}_SLOTS" | default {query["targetQueryValue"]}'
            " | toString | quote"
        )
        _put(template, scaler, condition)


def _monitoring(template: Template) -> None:
    options = ".Values.monitoring"
    for document in sources.resources(COMPONENTS / "monitoring"):
        match document["kind"]:
            case "ConfigMap":
                _put(template, document, f"{options}.dashboard")
            case "PrometheusRule":
                _put(template, document, f"{options}.alerts")
            case "NetworkPolicy":
                _callers(template, document["spec"]["ingress"][0]["from"], options, "prometheus")
                _put(template, document, f"{options}.metrics")
            case _:
                _put(template, document, f"{options}.metrics")


def _callers(template: Template, peers: list[Document], options: str, program: str) -> None:
    """Let the user say in which namespace a program runs, and which labels it has."""
    for peer in peers:
        substitute(peer, "monitoring", template.expression(f"{options}.namespace"))
        labels = template.line(f"{{{{- toYaml {options}.{program}Labels | nindent LEVEL }}}}")
        peer["podSelector"] = {"matchLabels": {labels: None}}


def _traces(template: Template) -> None:
    policy = _only("traces", "NetworkPolicy")
    (rule,) = policy["spec"]["egress"]
    _callers(template, rule["to"], ".Values.traces", "collector")
    substitute(rule["ports"], 4318, template.expression(".Values.traces.port | int"))
    _put(template, policy, ".Values.traces.enabled")


def _edge(template: Template) -> None:
    options = ".Values.edge"
    for document in sources.resources(COMPONENTS / "edge"):
        substitute(document, "music.example.org", template.expression(f"{options}.host"))
        conditions = [f"{options}.enabled"]
        match document["kind"]:
            case "Certificate":
                conditions.append(f"{options}.certManager.enabled")
                substitute(document, "cratedig-tls", template.expression(f"{options}.tlsSecret"))
                issuer = document["spec"]["issuerRef"]
                issuer["kind"] = template.expression(f"{options}.certManager.kind")
                issuer["name"] = template.expression(f"{options}.certManager.issuer")
            case "Gateway":
                substitute(document, "cratedig-tls", template.expression(f"{options}.tlsSecret"))
                spec = document["spec"]
                spec["gatewayClassName"] = template.expression(f"{options}.gatewayClassName")
        _put(template, document, *conditions)


def _identity_providers(template: Template) -> None:
    policy = _only("identity-providers", "NetworkPolicy")
    _reaching(template, policy, public_addresses(), 443, ".Values.identityProviders")
    _put(template, policy, ".Values.identityProviders.enabled")
