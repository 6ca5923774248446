"""A backend with a long job: starts it, publishes what it does, and stops it on request.

In: requests of the page. Out: tokens, and events of `job:ID`. See README.md.
"""

import asyncio
import os
import secrets
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, HTMLResponse

from steadfast import AsyncPublisher, make_token, run_until_stopped
from steadfast.fastapi import Grants, Jobs, jobs_of, publisher_lifespan, publisher_of, token_router

CLIENTS = os.environ.get("REALTIME_URL", "http://127.0.0.1:8080")
BACKENDS = os.environ.get("REALTIME_INTERNAL_URL", "http://127.0.0.1:8081")
# A server with --dev looks at no token; every other one has a key of its own.
TOKEN_KEY = os.environ.get("TOKEN_KEY", "for development, and nothing else")
STEP_S = float(os.environ.get("STEP_S", "1"))
STEPS = 20
HERE = Path(__file__).parent
BUNDLE = HERE.parents[1] / "clients/js/dist/steadfast.min.js"


def user_grants() -> Grants:
    """Who asks, and what they may follow: in your app by their session."""
    return Grants(sub="somebody", subscribe=["job:*"])


# The key of the internal port is read from STEADFAST_KEY.
app = FastAPI(lifespan=publisher_lifespan(AsyncPublisher(BACKENDS)))
app.include_router(token_router(TOKEN_KEY, user_grants))


async def work(publisher: AsyncPublisher, channel: str) -> None:
    """Twenty steps; a reader that was away may be given only the newest of them."""
    for step in range(STEPS):
        data = {"percent": 100 * step // STEPS, "step": f"step {step + 1} of {STEPS}"}
        await publisher.publish(channel, "progress", data, replace="progress")
        await asyncio.sleep(STEP_S)


async def job(publisher: AsyncPublisher, channel: str) -> None:
    """Whatever becomes of the work, the channel has an end."""
    control = f"{channel}:control"

    def token() -> str:
        return make_token(TOKEN_KEY, sub="backend", subscribe=[control])

    end = "error"
    try:
        is_done = await run_until_stopped(work(publisher, channel), control, CLIENTS, token=token)
        end = "complete" if is_done else "stopped"
    finally:
        await publisher.publish(channel, end, final=True)


@app.post("/jobs")
async def start(
    publisher: AsyncPublisher = Depends(publisher_of), jobs: Jobs = Depends(jobs_of)
) -> dict[str, str]:
    """Start a job, and name its channel."""
    channel = f"job:{secrets.token_urlsafe(9)}"
    jobs.start(job(publisher, channel))
    return {"channel": channel}


@app.post("/jobs/{job_id}/stop")
async def stop(job_id: str, publisher: AsyncPublisher = Depends(publisher_of)) -> None:
    """Stop a job, in whichever process it runs: in your app, ask first whose job it is."""
    control = f"job:{job_id}:control"
    await publisher.publish(control, "stop", final=True, idempotency_key="stop")


@app.get("/")
def page() -> HTMLResponse:
    """The page, which is told where to connect to."""
    return HTMLResponse((HERE / "index.html").read_text().replace("REALTIME_URL", CLIENTS))


@app.get("/steadfast.min.js")
def bundle() -> FileResponse:
    """The client for browsers."""
    return FileResponse(BUNDLE)
