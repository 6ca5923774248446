"""The Python examples, each as a process of its own, with the real server and a real browser."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Dict, List

import httpx
import pytest
from browser import Browser, Page
from proxy import Proxy

from server import KeyedServer

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with KeyedServer(tmp_path) as server:
        yield server


@asynccontextmanager
async def example(name: str, server: KeyedServer, **env: str) -> AsyncIterator[str]:
    """Run an example on a free port; its pages reach the server through a proxy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings: Dict[str, str] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "REALTIME_URL": server.url,
        "REALTIME_INTERNAL_URL": server.internal,
        "STEADFAST_KEY": server.backend_key,
        "TOKEN_KEY": server.token_key,
        **env,
    }
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)]
    child = subprocess.Popen(
        [*command, "--log-level", "warning"], cwd=EXAMPLES / name, env=settings
    )
    try:
        url = f"http://127.0.0.1:{port}"
        await answers(url, child)
        yield url
    finally:
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, 10)


async def answers(url: str, child: subprocess.Popen[bytes]) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while child.poll() is None:
            try:
                await client.get(url)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
            else:
                return
    raise AssertionError("the example did not start")


async def kept(server: KeyedServer, app: str, channel: str) -> Dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as client:
        token = (await client.post(f"{app}/realtime-token")).json()["token"]
        url = f"{server.url}/v1/channels/{channel}/events?wait=0&limit=1000"
        answer = await client.get(url, headers={"Authorization": f"Bearer {token}"})
        body: Dict[str, Any] = answer.json()
        return body


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def text(page: Page, element: str) -> str:
    return str(await page.run(f"document.getElementById('{element}').textContent"))


def test_a_job_ends_with_its_process_or_by_stop(server: KeyedServer) -> None:
    async def work() -> None:
        async with example("python-fastapi", server, STEP_S="1") as app:
            async with httpx.AsyncClient(trust_env=False, base_url=app) as client:
                channels: List[str] = [
                    (await client.post("/jobs")).json()["channel"] for _ in range(2)
                ]
                first, second = channels
                await client.post(f"/jobs/{first.partition(':')[2]}/stop")
                while not (page := await kept(server, app, first))["final"]:
                    await asyncio.sleep(0.02)
                assert page["events"][-1]["event"] == "stopped"
                token = (await client.post("/realtime-token")).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{server.url}/v1/channels/{second}/events?wait=0"
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            body = (await client.get(url)).json()
        assert body["final"]
        assert body["events"][-1]["event"] == "error"

    run(work())


async def follows_a_job(server: KeyedServer, browser: Browser) -> None:
    async with example("python-fastapi", server, STEP_S="0.02") as app:
        page = await browser.open(app)
        await page.run("document.getElementById('start').click()")
        await page.shows("document.getElementById('end').value === 'complete'")
        assert await page.run("document.getElementById('bar').value") == 100
        await page.reload()
        await page.shows("document.getElementById('end').value === 'complete'")


def test_pages_follow_a_job_and_one_answer_through_cuts_and_reloads_and_stop_another(
    server: KeyedServer, tmp_path: Path
) -> None:
    async def work() -> None:
        async with Proxy(server.url) as proxy, Browser(tmp_path / "profile") as browser:
            # Most of either is waiting: both pages of examples are watched at the same time.
            await asyncio.gather(follows_a_job(server, browser), streams_answers(proxy, browser))

    async def streams_answers(proxy: Proxy, browser: Browser) -> None:
        env = {"REALTIME_URL": proxy.url, "TOKEN_S": "0.01", "TOKENS": "200"}
        async with example("python-llm", server, **env) as app:
            first = await browser.open(app)
            await first.run("document.querySelector('#ask button').click()")
            await first.shows("document.getElementById('answer').textContent.includes('-20 ')")
            second = await browser.open(str(await first.run("location.href")))
            proxy.cut()
            await first.reload()
            await second.shows("document.getElementById('answer').textContent.includes('-90 ')")
            proxy.cut()
            for page in (first, second):
                await page.shows("document.getElementById('end').value === 'finished'")
            words = ["Why", "do", "links", "hold"]
            whole = "".join(f"{words[number % 4]}-{number} " for number in range(200))
            assert await text(first, "answer") == await text(second, "answer") == whole

            third = await browser.open(app)
            await third.run("document.querySelector('#ask button').click()")
            await third.shows("document.getElementById('answer').textContent.includes('-20 ')")
            await third.reload()
            await third.shows("document.getElementById('answer').textContent.includes('-30 ')")
            began = asyncio.get_running_loop().time()
            await third.run("document.getElementById('stop').click()")
            await third.shows("document.getElementById('end').value === 'stopped'")
            assert asyncio.get_running_loop().time() - began < 3
            assert "-199 " not in await text(third, "answer")

    run(work())
