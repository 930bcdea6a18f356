"""Does the jobs that follow a call: the note, webhooks, mail, calendars that were away."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError

from offhook.after_call.model_summary import summarise_by_model
from offhook.after_call.plan import deliveries
from offhook.after_call.record import FinishedCall, Summary
from offhook.after_call.runner import Handler, JobError, utc_now
from offhook.after_call.webhooks import Secret, deliver, payload
from offhook.agents.after_call import AfterCall, WebhookSettings
from offhook.appointments.book import Appointment, Book
from offhook.appointments.calendar import CalendarError
from offhook.appointments.desk import calendar_of, event_of
from offhook.appointments.opening import make_calendars
from offhook.appointments.settings import AppointmentSettings
from offhook.config import MailConfig
from offhook.engines.llm.base import LanguageModel
from offhook.errors import ConfigError, TakenError
from offhook.mail import MailError, compose, send
from offhook.tenants.database import Database
from offhook.tenants.jobs import Job, NewJob

ModelOf = Callable[[str, str], LanguageModel | None]
"""The language model of a tenant's agent; None: it is not loaded, or nobody has called since the start."""


class Handlers:
    """Of one database: all of its tenants', or the box's own."""

    def __init__(
        self,
        database: Database,
        http: httpx.AsyncClient,
        mail: MailConfig,
        model_of: ModelOf,
        *,
        trusted: bool,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """``http`` keeps to whom may be called.  ``trusted``: agents may name secrets of this machine."""
        self._database = database
        self._http = http
        self._mail = mail
        self._model_of = model_of
        self._trusted = trusted
        self._clock = clock

    def by_kind(self) -> Mapping[str, Handler]:
        return {
            "summary": self.summary,
            "webhook": self.webhook,
            "mail": self.send_mail,
            "calendar": self.calendar,
        }

    async def summary(self, job: Job) -> Sequence[NewJob]:
        call = FinishedCall.from_json(job.body["call"])
        note = Summary(**job.body["rules"])
        settings = _parsed(AfterCall, job.body["settings"])
        model = self._model_of(job.tenant_id, call.agent)
        if model is not None:
            try:
                note = await summarise_by_model(model, call, note)
            except JobError as error:
                if not error.lasting and job.tries < 3:  # people wait for it; the one by rules is whole, too
                    raise
        folder = Path(job.body["folder"]) if job.body["folder"] else None
        return list(deliveries(call, note, settings, folder, keep_words=True))

    async def webhook(self, job: Job) -> Sequence[NewJob]:
        settings = _parsed(WebhookSettings, job.body["webhook"])
        folder = Path(job.body["folder"]) if job.body["folder"] else None
        try:
            secrets = self._secrets(settings, folder)
        except ConfigError as error:
            raise JobError(str(error)) from error  # somebody may correct it meanwhile
        body = payload(job.body["event"], datetime.fromisoformat(job.body["at"]), job.body["data"])
        await deliver(self._http, settings.url, secrets, identifier(job), body, self._clock)
        return ()

    async def send_mail(self, job: Job) -> Sequence[NewJob]:
        body = job.body
        try:
            if self._mail.problem() is not None:
                raise ConfigError(str(self._mail.problem()))
            message = compose(
                self._mail.sender, body["to"], body["subject"], body["text"], identifier(job), job.created_at
            )
            await asyncio.to_thread(send, self._mail, message)
        except MailError as error:
            raise JobError(str(error), lasting=error.lasting) from error
        except ConfigError as error:
            raise JobError(str(error)) from error
        return ()

    async def calendar(self, job: Job) -> Sequence[NewJob]:
        """Copy an appointment that is booked, moved or cancelled to a calendar that was away."""
        folder = Path(job.body["folder"]) if job.body["folder"] else None
        try:
            settings = AppointmentSettings.model_validate(job.body["settings"])
            calendars = make_calendars(settings, self._http, folder, trusted=self._trusted)
        except (ValidationError, ConfigError) as error:
            raise JobError(f"the calendar's settings: {type(error).__name__}") from error
        calendar = calendar_of(job.body["resource"], calendars)
        if calendar is None:
            raise JobError("the resource has no calendar any more", lasting=True)
        try:
            # As the book has it now: since it was put here the appointment may have been moved or cancelled.
            appointment = await asyncio.to_thread(self._appointment, job)
            if appointment is None:
                await calendar.remove(job.body["uid"])
            else:
                await calendar.put(event_of(appointment))
        except CalendarError as error:
            raise JobError(str(error)) from error
        return ()

    def _appointment(self, job: Job) -> Appointment | None:
        """What stands in the book for this resource; None: nothing any more."""
        try:
            found = Book(self._database, job.tenant_id).get(job.body["uid"])
        except TakenError:
            return None
        return None if found.cancelled or found.resource != job.body["resource"] else found

    def _secrets(self, webhook: WebhookSettings, folder: Path | None) -> list[Secret]:
        if webhook.secret is not None:
            return [Secret(one) for one in webhook.secret.get_secret_value().split()]
        if not self._trusted:
            raise ConfigError("a tenant's webhook has its secret in its own settings, not on this machine")
        if webhook.secret_env is not None:
            written = os.environ.get(webhook.secret_env, "")
            if not written:
                raise ConfigError(f"the environment variable {webhook.secret_env} is not set")
        else:
            path = Path(webhook.secret_file or "").expanduser()
            path = path if path.is_absolute() or folder is None else folder / path
            try:
                written = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"secret_file {path} cannot be read") from error
        return [Secret(one) for one in written.split()] or [Secret("")]


def identifier(job: Job) -> str:
    """The same however often it is tried, and nobody else's."""
    return "msg_" + hashlib.sha256(f"{job.tenant_id} {job.key}".encode()).hexdigest()[:32]


def _parsed(kind: type[Any], body: Mapping[str, Any]) -> Any:
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise JobError(f"a job of another offhook: {error.error_count()} settings do not fit") from error
