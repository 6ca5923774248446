"""The FastAPI helper, in an app that talks to the real server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Dict, List, Mapping, Optional

import httpx
import pytest
from fastapi import Depends, FastAPI, Header

from server import KeyedServer, Server
from steadfast import AsyncPublisher, TokenError
from steadfast.fastapi import Grants, Jobs, jobs_of, publisher_lifespan, publisher_of, token_router


async def asked(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return await client.request(method, path, **options)


def test_the_app_publishes_with_its_publisher_and_closes_it(dev_server: Server) -> None:
    seen: List[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        seen.append(type(app.state.steadfast_publisher).__name__)
        yield {"mine": 7}
        seen.append("ended")

    app = FastAPI(lifespan=publisher_lifespan(AsyncPublisher(dev_server.internal), own))

    @app.post("/jobs")
    async def start(publisher: AsyncPublisher = Depends(publisher_of)) -> int:
        return (await publisher.publish("fastapi:1", "e")).offset

    assert asyncio.run(asked(app, "POST", "/jobs")).json() == 1
    assert seen == ["AsyncPublisher", "ended"]


def test_jobs_are_cancelled_and_waited_for_before_the_publisher_is_closed(
    dev_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI(lifespan=publisher_lifespan(AsyncPublisher(dev_server.internal)))
    ended: List[int] = []

    async def job(publisher: AsyncPublisher) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append((await publisher.publish("fastapi:2", "end", final=True)).offset)

    async def fail() -> None:
        raise KeyError("mine")

    @app.post("/jobs")
    async def start(
        publisher: AsyncPublisher = Depends(publisher_of), jobs: Jobs = Depends(jobs_of)
    ) -> None:
        jobs.start(job(publisher))
        jobs.start(fail())
        await asyncio.sleep(0)

    assert asyncio.run(asked(app, "POST", "/jobs")).status_code == 200
    assert ended == [1]
    assert "a job failed" in caplog.text


def test_an_app_without_a_publisher_says_what_is_missing() -> None:
    app = FastAPI()

    @app.get("/")
    async def start(publisher: AsyncPublisher = Depends(publisher_of)) -> None: ...

    with pytest.raises(RuntimeError, match="publisher_lifespan"):
        asyncio.run(asked(app, "GET", "/"))


def user_grants(x_user: Optional[str] = Header(default=None)) -> Optional[Grants]:
    return Grants(x_user, subscribe=[f"user:{x_user}:*"]) if x_user else None


def test_users_get_tokens_that_the_server_takes(tmp_path: Any) -> None:
    with KeyedServer(tmp_path) as server:
        app = FastAPI()
        app.include_router(token_router(server.token_key, user_grants))
        answer = asyncio.run(asked(app, "POST", "/realtime-token", headers={"X-User": "ada"}))
        assert answer.headers["cache-control"] == "no-store"
        body: Dict[str, Any] = answer.json()
        assert body["expires_in_s"] == 900
        headers = {"Authorization": f"Bearer {body['token']}"}
        for user, status in [("ada", 200), ("bob", 403)]:
            url = f"{server.url}/v1/channels/user:{user}:1/events?wait=0"
            assert httpx.get(url, headers=headers, trust_env=False).status_code == status


def test_strangers_get_no_token_and_a_short_key_no_app() -> None:
    app = FastAPI()
    app.include_router(token_router("k" * 32, user_grants))
    assert asyncio.run(asked(app, "POST", "/realtime-token")).status_code == 401
    with pytest.raises(TokenError, match="32 bytes"):
        token_router("short", user_grants)
