"""A language model's answer, streamed through a channel. In: a question. Out: events of
`answer:ID`: `start` with the question, `delta` with a piece of text, `end` with the reason. The
model is a script, so that this runs without a network; put yours in its place.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from steadfast import AsyncPublisher, make_token, run_until_stopped
from steadfast.fastapi import Grants, Jobs, jobs_of, publisher_lifespan, publisher_of, token_router

CLIENTS = os.environ.get("REALTIME_URL", "http://127.0.0.1:8080")
BACKENDS = os.environ.get("REALTIME_INTERNAL_URL", "http://127.0.0.1:8081")
# A server with --dev looks at no token; every other one has a key of its own.
TOKEN_KEY = os.environ.get("TOKEN_KEY", "for development, and nothing else")
TOKEN_S = float(os.environ.get("TOKEN_S", "0.05"))
TOKENS = int(os.environ.get("TOKENS", "400"))
HERE = Path(__file__).parent
BUNDLE = HERE.parents[1] / "clients/js/dist/steadfast.min.js"


def user_grants() -> Grants:
    """Who asks, and what they may follow: in your app by their session."""
    return Grants(sub="somebody", subscribe=["answer:*"])


# The key of the internal port is read from STEADFAST_KEY.
app = FastAPI(lifespan=publisher_lifespan(AsyncPublisher(BACKENDS)))
app.include_router(token_router(TOKEN_KEY, user_grants))


class Question(BaseModel):
    """What the page sends."""

    text: str = Field(min_length=1, max_length=4000)


async def model(question: str) -> AsyncIterator[str]:
    """Say the question back, word by word. In its place:

    stream = await openai.responses.create(model=…, input=question, stream=True)
    async for part in stream: yield part.delta
    """
    words = question.split()
    for number in range(TOKENS):
        await asyncio.sleep(TOKEN_S)
        yield f"{words[number % len(words)]}-{number} "


async def stream(publisher: AsyncPublisher, channel: str, question: str) -> None:
    """Publish each piece once the one before is kept: so they stand in order, and a server that is
    away for a while makes the model wait, and costs no text.
    """
    await publisher.publish(channel, "start", {"question": question})
    async for text in model(question):
        await publisher.publish(channel, "delta", {"text": text})


async def answer(publisher: AsyncPublisher, channel: str, question: str) -> None:
    """Whatever becomes of the answer, its channel has an end that says how it went."""
    control = f"{channel}:control"

    def token() -> str:
        return make_token(TOKEN_KEY, sub="backend", subscribe=[control])

    reason = "error"
    try:
        work = stream(publisher, channel, question)
        is_done = await run_until_stopped(work, control, CLIENTS, token=token)
        reason = "finished" if is_done else "stopped"
    finally:
        await publisher.publish(channel, "end", {"reason": reason}, final=True)


@app.post("/answers")
async def ask(
    question: Question,
    publisher: AsyncPublisher = Depends(publisher_of),
    jobs: Jobs = Depends(jobs_of),
) -> dict[str, str]:
    """Begin an answer, and name its channel."""
    channel = f"answer:{secrets.token_urlsafe(9)}"
    jobs.start(answer(publisher, channel, question.text))
    return {"channel": channel}


@app.post("/answers/{answer_id}/stop")
async def stop(answer_id: str, publisher: AsyncPublisher = Depends(publisher_of)) -> None:
    """Stop an answer, in whichever process it runs: in your app, ask first whose it is."""
    control = f"answer:{answer_id}:control"
    await publisher.publish(control, "stop", final=True, idempotency_key="stop")


@app.get("/")
def page() -> HTMLResponse:
    """The page, which is told where to connect to."""
    return HTMLResponse((HERE / "index.html").read_text().replace("REALTIME_URL", CLIENTS))


@app.get("/steadfast.min.js")
def bundle() -> FileResponse:
    """The client for browsers."""
    return FileResponse(BUNDLE)
