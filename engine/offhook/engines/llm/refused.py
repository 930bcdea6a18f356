"""The fields of a request that a server has refused: learnt once, for all calls, and then left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from offhook.engines.llm.endpoint import Endpoint


class RefusedFields(set[str]):
    """Of one model on one server."""

    def learn(
        self, name: str | None, sent: Mapping[str, Any], endpoint: Endpoint, logger: logging.Logger
    ) -> bool:
        """Leave ``name`` out from now on; False when it was not ``sent``, or its owner wants it sent."""
        if name is None or name not in sent or name in endpoint.extra:
            return False
        if name not in self:  # or else another call has learnt it meanwhile
            logger.info("%s does not take %r for %s", endpoint.url, name, endpoint.model)
        self.add(name)
        return True
