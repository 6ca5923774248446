"""Headless Chromium through its DevTools protocol: pages to open, and what they show."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Optional, Type

from websockets.asyncio.client import ClientConnection, connect

PROGRAM = os.environ.get("CHROMIUM", "chromium")
SHOWS_S = 20.0


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def run(self, script: str) -> Any:
        """Give what an expression is in the page."""
        options = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = await self._browser.call("Runtime.evaluate", options, self._session)
        return answer["result"].get("value")

    async def shows(self, script: str) -> None:
        """Wait until an expression is true in the page."""
        end = asyncio.get_running_loop().time() + SHOWS_S
        while not await self.run(script):
            text = await self.run("document.body.innerText")
            assert asyncio.get_running_loop().time() < end, f"not {script} but {text!r}"
            await asyncio.sleep(0.02)

    async def reload(self) -> None:
        """Load the page anew."""
        await self.run("window.isOld = true")
        await self._browser.call("Page.reload", {}, self._session)
        await self.shows("!window.isOld && document.readyState === 'complete'")


class Browser:
    """A process of Chromium with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = itertools.count(1)
        self._answers: Dict[int, asyncio.Future[Dict[str, Any]]] = {}

    async def __aenter__(self) -> Browser:
        switches = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        self._child = await asyncio.create_subprocess_exec(
            shutil.which(PROGRAM) or PROGRAM,
            *switches,
            f"--user-data-dir={self._profile}",
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._child.stderr is not None
        url = ""
        while not url:
            line = (await self._child.stderr.readline()).decode()
            assert line, "chromium did not start"
            url = line.partition("DevTools listening on ")[2].strip()
        self._log = asyncio.create_task(self._child.stderr.read())
        self._socket: ClientConnection = await connect(url, max_size=None, proxy=None)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._child.kill()
        await self._child.wait()
        await asyncio.gather(self._reader, self._log, return_exceptions=True)

    async def open(self, url: str) -> Page:
        """Open a tab."""
        target = (await self.call("Target.createTarget", {"url": url}))["targetId"]
        options = {"targetId": target, "flatten": True}
        page = Page(self, (await self.call("Target.attachToTarget", options))["sessionId"])
        # A new tab is complete before it has begun.
        await page.shows("location.href !== 'about:blank' && document.readyState === 'complete'")
        return page

    async def call(
        self, method: str, options: Dict[str, Any], session: Optional[str] = None
    ) -> Dict[str, Any]:
        """Call a method of DevTools."""
        number = next(self._numbers)
        answer: asyncio.Future[Dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        frame = {"id": number, "method": method, "params": options}
        await self._socket.send(
            json.dumps({**frame, **({"sessionId": session} if session else {})})
        )
        return await asyncio.wait_for(answer, SHOWS_S)

    async def _read(self) -> None:
        async for text in self._socket:
            frame = json.loads(text)
            waiting = self._answers.pop(frame.get("id"), None)
            if waiting and not waiting.done():
                waiting.set_result(frame.get("result", {"result": {}}))
