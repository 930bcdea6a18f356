"""What the language models' caches hold, for the metrics page: asked when it is read, and on its thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class ModelCaches(Collector):
    """All models of this machine together; a server's has no cache here."""

    def __init__(self, models: Iterable[object]) -> None:
        self._models = [model for model in models if hasattr(model, "stats")]

    def describe(self) -> list[Metric]:
        """Nothing is asked before somebody reads."""
        return []

    def collect(self) -> Iterator[Metric]:
        stats = [model.stats() for model in self._models]

        def total(key: str) -> int:
            return sum(each[key] for each in stats)

        cells = GaugeMetricFamily(
            "offhook_llm_cache_tokens", "Tokens that the models' caches have room for", labels=["state"]
        )
        cells.add_metric(["used"], total("cells_used"))
        cells.add_metric(["free"], total("cells") - total("cells_used"))
        yield cells
        prompts = CounterMetricFamily(
            "offhook_llm_prefixes",
            "Prompts that were asked for, and whether they were ready",
            labels=["outcome"],
        )
        prompts.add_metric(["hit"], total("prefix_hits"))
        prompts.add_metric(["miss"], total("prefix_misses"))
        yield prompts
        restored = CounterMetricFamily(
            "offhook_llm_prefixes_restored", "Idle prompts that were copied back into the cache for a call"
        )
        restored.add_metric([], total("prefix_restores"))
        yield restored
