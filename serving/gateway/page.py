"""The web page at ``/`` of the gateway, and the two endpoints that only it uses.

    GET  /                page.html; needs no token, contains nothing of the model
    GET  /page/about      the model's name, its ready versions, the limits of a request
    POST /page/predict    one encoded image → what to draw of the answer, and its version

TensorFlow Serving's API returns neither version nor labels. ``?heatmap=true`` requests a Grad-CAM
heat map too. Dimension letters: H W of the heat map.
"""

import asyncio
import base64
import functools
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web

from serving import read_back
from serving.client import client
from serving.gateway import (
    admission,
    api,
    display,
    http_errors,
    page_policy,
    request_cost,
    upstream,
)
from serving.triton import failures
from serving.versions import signatures

FILE = Path(__file__).with_name("page.html")
EXPLAIN = "explain"
# The version may change between the requests for one image.
_ATTEMPTS = 3


class Page(api.Api):
    """Answers the requests of the page, see :class:`api.Api`; they are not recorded."""

    @functools.cached_property
    def _content(self) -> bytes:
        return FILE.read_bytes()

    @functools.cached_property
    def _headers(self) -> dict[str, str]:
        return {
            "Content-Security-Policy": page_policy.policy(self._content.decode()),
            **page_policy.HEADERS,
        }

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes of the page."""
        return [
            web.get("/", self._page),
            web.get("/page/about", self._about),
            web.post("/page/predict", self._predict),
        ]

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._content, content_type="text/html", charset="utf-8", headers=self._headers
        )

    async def _about(self, request: web.Request) -> web.Response:
        entries = await self._triton.entries()
        return web.json_response(
            {
                "model": self._triton.name,
                "versions": [one["version"] for one in entries if one.get("state") == "READY"],
                "max_image_bytes": self._limits.max_request_bytes,
                "max_pixels": self._limits.max_pixels,
            }
        )

    async def _predict(self, request: web.Request) -> web.Response:
        wants_heatmap = request.query.get("heatmap") == "true"
        async with self._admitted.body(request) as image:
            most_bytes = self._limits.max_request_bytes
            if len(image) > most_bytes:
                message = f"The image is too large; at most {most_bytes} bytes are allowed."
                raise http_errors.exceeded("max_body_bytes", message)
            asking = self._ask(image, wants_heatmap, request[admission.HELD])
            return web.json_response(await self._triton.within_time(asking))

    async def _ask(self, image: bytes, wants_heatmap: bool, held: admission.Held) -> dict[str, Any]:
        """Returns one version's prediction for an image, with that version's labels and heat map."""
        counts = await self._parse(
            image, lambda content: request_cost.pixels([content], self._limits)
        )
        work = upstream.Work(request_cost.of([image], counts), held)
        for _ in range(_ATTEMPTS):
            found = await self._triton.infer([image], signatures.DEFAULT, work)
            is_shown = bool(found.outputs.get("valid", [True])[0])
            try:
                contract, heat = await asyncio.gather(
                    self._contract(found.version, held),
                    self._heat(image, found.version, work, wants_heatmap and is_shown),
                )
            except http_errors.HttpError as error:
                if error.status != 404:
                    raise
                continue
            content: dict[str, Any] = {"model": self._triton.name, "version": found.version}
            content |= display.content(found, contract)
            reasons = contract.get("invalid_reasons", {})
            content["invalid_meaning"] = reasons.get(content["invalid_reason"], "")
            if heat is not None:
                content["heatmap"] = heat | {"resize": contract.get("resize", "stretch")}
            return content
        raise http_errors.HttpError(503, "The served version is changing; try again.")

    async def _contract(self, version: str, held: admission.Held) -> dict[str, Any]:
        work = upstream.Work(0, held)
        answer = await self._triton.infer([b""], client.CONTRACT, work, version)
        contract: dict[str, Any] = read_back.parse(answer.outputs[client.CONTRACT][0])
        return contract

    async def _heat(
        self, image: bytes, version: str, work: upstream.Work, wanted: bool
    ) -> dict[str, Any] | None:
        """Returns the heat map and what it explains; None if not requested or there is none."""
        if not wanted:
            return None
        try:
            answer = await self._triton.infer([image], EXPLAIN, work, version)
        except http_errors.HttpError as error:
            if error.failure is failures.Failure.NO_SIGNATURE:
                return None
            raise
        explained = answer.outputs.get("label", [b""])[0]
        return heatmap(answer.outputs["heatmap"][0]) | {"label": explained.decode()}


def heatmap(heat: np.ndarray) -> dict[str, Any]:
    """Encodes a float [H, W] in 0–1 as ``width``, ``height`` and ``values``, bytes in base64."""
    values = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    height, width = values.shape
    return {
        "width": width,
        "height": height,
        "values": base64.b64encode(values.tobytes()).decode(),
    }
