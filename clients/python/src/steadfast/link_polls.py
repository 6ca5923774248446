"""A link's polling (P-70 to P-79): probes, requests for pages and their answers, and the return.

In: what plain HTTP answered. Out: items, further requests, another attempt over WebSocket.
"""

from __future__ import annotations

from typing import Optional

from . import outputs
from .frames import read_poll
from .link_base import LinkBase
from .outputs import HttpAnswer
from .polling import EVENTS_MAX, NO_POLLS_S
from .problem import Problem, read_problem
from .subscription import by_channel, to_wire


class LinkPolls(LinkBase):
    """What a link does about plain HTTP."""

    def on_probe(self, now: float, *, is_through: bool) -> None:
        """A probe was answered by a Steadfast server, or was not."""
        is_news = self._polling.on_probe(now, is_through=is_through)
        if is_news and not self._attempt and not self._session:
            self._dial_at = min(self._dial_at, self._backoff.admit_soon(now))
        self._update(now)

    def _poll(self, number: int) -> None:
        self._asked = {one.channel: one.since for one in self._subscriptions}
        wait = self._polling.wait_s
        channels = [
            {"channel": channel, "since": to_wire(since)} for channel, since in self._asked.items()
        ]
        body = {"channels": channels, "wait": int(wait), "limit": EVENTS_MAX}
        self.outputs.append(outputs.Poll(number, body, wait))

    def on_poll(self, now: float, number: int, answer: Optional[HttpAnswer]) -> None:
        """A request for pages was answered; None where it was not."""
        if self._has_ended or self._polling.in_flight != number:
            return
        if answer is None or not answer.is_ours:
            if not self._polling.on_no_answer(now):
                self._give_up_polling(now)
        elif answer.status == 200:
            self._on_pages(now, answer)
        else:
            problem = read_problem(answer.status, answer.headers, answer.body, 0.0)
            self._on_poll_refused(now, problem)
        self._update(now)

    def _on_pages(self, now: float, answer: HttpAnswer) -> None:
        read = read_poll(answer.body)
        if read is None:
            if not self._polling.on_no_answer(now):
                self._give_up_polling(now)
            return
        self._credentials.on_accepted()
        self._polling.on_answer(now, read["next_poll_ms"] / 1000)
        for page in read["pages"]:
            one = by_channel(self._subscriptions, page["channel"])
            if one:
                one.on_page(page, self._asked[one.channel])
                if page["final"] and str(one.since) == f"{page['epoch']}:{page['offset']}":
                    self._finish(one)
        for refused in read["refused"]:
            one = by_channel(self._subscriptions, refused["channel"])
            if one:
                self._refuse(one, refused["code"], refused["detail"])

    def _on_poll_refused(self, now: float, problem: Problem) -> None:
        if problem.status == 401:
            is_expired = problem.code == "token_expired"
            if not self._credentials.on_refused(now, is_expired=is_expired):
                self._reject(problem.code, problem.detail)
            self._polling.on_refused(now, 0.0)
        elif problem.is_retryable:
            hint = problem.retry_after_s
            self._polling.on_refused(now, self._backoff.jittered(5.0) if hint is None else hint)
        else:
            # A server of an older version (P-79): its WebSocket is all there is.
            self._give_up_polling(now, NO_POLLS_S)

    def _give_up_polling(self, now: float, hold_s: float = 0.0) -> None:
        self._polling.give_up(now, hold_s)
        self._why = "no_answer"
        if not self._session and not self._attempt:
            self._dial_at = min(self._dial_at, self._backoff.admit_soon(now))

    def _stop_polling_if_proven(self, now: float) -> None:
        session = self._session
        if not session or not self._polling.is_on:
            return
        held = now - session.began
        if self._is_all_followed and self._polling.is_proven(held, is_answered=session.is_answered):
            self._polling.end()
            self.outputs.append(outputs.StopPolling())
