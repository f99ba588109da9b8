"""Traces by OpenTelemetry: one trace follows a request through services, events, jobs and store.

Every request has a trace id, which its log lines and errors show. Spans are only recorded where
`KIT_TRACES_URL` names a collector. Their names and attributes hold ids and no text of a user (S24).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from contracts.music import Seconds

_HEADER = "traceparent"
_EXPORT_TIMEOUT: Seconds = 5.0
_PROPAGATOR = TraceContextTextMapPropagator()
_ids_only = TracerProvider(sampler=ALWAYS_OFF)
_provider = _ids_only


def record(url: str, *, service: str, share: float) -> None:
    """Record spans from now on and send them to a collector, the last ones when Python exits.

    Parameters
    ----------
    url
        Where the collector takes OTLP over HTTP, such as `http://collector:4318/v1/traces`.
    service
        The name of this process in traces.
    share
        Share of the traces that is recorded, 0 to 1. Every service records the same ones, since the
        trace id decides.
    """
    # Imported here, because it is large and seldom needed.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    global _provider
    _provider = TracerProvider(
        sampler=TraceIdRatioBased(share), resource=Resource.create({SERVICE_NAME: service})
    )
    exporter = OTLPSpanExporter(endpoint=url, timeout=_EXPORT_TIMEOUT)
    _provider.add_span_processor(BatchSpanProcessor(exporter))


def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int] | None = None,
) -> AbstractContextManager[Span]:
    """Trace a `with` block as a part of the current trace, or as a new trace if there is none."""
    return _spanning(_provider, name, None, kind, attributes)


def continue_trace(
    header: str | None,
    name: str,
    *,
    kind: SpanKind,
    attributes: Mapping[str, str | int] | None = None,
    recorded: bool = True,
) -> AbstractContextManager[Span]:
    """Trace a `with` block as a part of a caller's trace.

    Parameters
    ----------
    header
        The caller's `traceparent`; a new trace begins if it is missing or malformed.
    recorded
        False for what is asked all the time, such as health checks.
    """
    parent = _PROPAGATOR.extract({_HEADER: header or ""}, context=Context())
    return _spanning(_provider if recorded else _ids_only, name, parent, kind, attributes)


@contextmanager
def _spanning(
    provider: TracerProvider,
    name: str,
    parent: Context | None,
    kind: SpanKind,
    attributes: Mapping[str, str | int] | None,
) -> Iterator[Span]:
    # The text of an error may hold what a user wrote, so only its class is recorded.
    with provider.get_tracer(__name__).start_as_current_span(
        name,
        parent,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        try:
            yield started
        except Exception as error:
            started.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def current_traceparent() -> str:
    """Return the current `traceparent`; empty if there is no trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(_HEADER, "")


def current_trace_id() -> str:
    """Return the current trace id, 32 hexadecimal digits; empty if there is no trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
