"""Google Speech-to-Text v2 over gRPC.

A pause ends a stream, and what comes after it begins another: Google's limit of five minutes a stream, and of
ten seconds without audio, is never met.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import GoogleAPICallError, RetryError, Unauthenticated
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud.speech_v2 import SpeechAsyncClient
from google.cloud.speech_v2.services.speech.transports.grpc_asyncio import SpeechGrpcAsyncIOTransport
from google.cloud.speech_v2.types import cloud_speech
from google.oauth2 import service_account

from offhook.engines.remote.http import lasting
from offhook.engines.remote.refusals import shown
from offhook.engines.remote.service import Service
from offhook.engines.stt.feed import Samples, Words
from offhook.errors import BusyError, ConfigError, DeadlineError, ModelError, OffhookError

MAX_MESSAGE_BYTES = 15_360
"""Google takes some 25 KB of audio at once."""
STABLE = 0.8
"""Of 1: Google's own estimate that an interim result stays as it is.  Streams give 0.9 for words that have
settled and 0.01 for the newest; models that estimate nothing leave it 0."""
_LASTING = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.NOT_FOUND,
)
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleSpeech:
    """A client, made on the network's loop when it is first needed: gRPC's channels belong to a loop."""

    def __init__(self, service: Service, credentials: Path | None, recognizer: str) -> None:
        """``credentials`` is a service account's JSON file.  Raises ConfigError."""
        self.service = service
        self.recognizer = recognizer
        self._plain = service.url.startswith("http:")
        self._client: SpeechAsyncClient | None = None
        self._trusted: grpc.ChannelCredentials | None = None
        """Whose certificates are believed; None: the authorities that gRPC brings with it."""
        if service.ca_file is not None:
            try:
                self._trusted = grpc.ssl_channel_credentials(service.ca_file.read_bytes())
            except OSError as error:
                raise ConfigError(
                    f"{service.ca_file} cannot be read ({error.strerror}): check stt.ca_file"
                ) from None
        try:
            self._credentials: Any = (
                AnonymousCredentials()  # type: ignore[no-untyped-call]
                if credentials is None
                else service_account.Credentials.from_service_account_file(  # type: ignore[no-untyped-call]
                    str(credentials), scopes=[_SCOPE]
                )
            )
        except (OSError, ValueError, GoogleAuthError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no service account's JSON file"
            raise ConfigError(f"{credentials} cannot be used as stt.api_key_file: {why}") from None

    @property
    def client(self) -> SpeechAsyncClient:
        """On the network's loop only."""
        if self._client is None:
            host = self.service.url.partition("://")[2]
            if self._plain:
                transport = SpeechGrpcAsyncIOTransport(
                    channel=grpc.aio.insecure_channel(host), credentials=self._credentials
                )
                self._client = SpeechAsyncClient(transport=transport)
            else:
                options = ClientOptions(api_endpoint=host)

                def transport_of(**settings: Any) -> SpeechGrpcAsyncIOTransport:
                    return SpeechGrpcAsyncIOTransport(**settings | {"ssl_channel_credentials": self._trusted})

                self._client = SpeechAsyncClient(
                    credentials=self._credentials, client_options=options, transport=transport_of
                )
        return self._client

    async def aclose(self) -> None:
        """Close the channel."""
        if self._client is not None:
            await self._client.transport.close()  # type: ignore[no-untyped-call]
            self._client = None


class GoogleFeed:
    """See :class:`~offhook.engines.stt.feed.Feed`."""

    turn_over: float | None = None

    def __init__(
        self, speech: GoogleSpeech, rate_hz: int, *, languages: Sequence[str], terms: Sequence[str] = ()
    ) -> None:
        self.so_far = ""
        self.seen_s = 0.0
        self.sure = False
        self._speech = speech
        self._language = languages[0]
        self._config = _config(speech.service.model, rate_hz, languages, terms)
        self._rate_hz = rate_hz
        self._told_s = self._before_s = 0.0
        """Speech so far, and what of it was before the present stream."""
        self._stream: _Stream | None = None
        self._text: list[str] = []
        self._finishing = asyncio.Lock()

    async def open(self) -> None:
        """Nothing: a stream begins with its first audio."""

    async def hear(self, audio: Samples) -> None:
        """Sent at once."""
        if self._stream is None:
            self._stream = _Stream(self._speech, self._config, self._guessed)
            self._before_s = self._told_s
        self._told_s += len(audio) / self._rate_hz
        self._stream.tell(audio.astype("<i2").tobytes())

    async def finish(self) -> Words:
        """End the stream, and take its final words."""
        stream, self._stream = self._stream, None
        async with self._finishing:
            if stream is not None:
                text, language = await stream.finish()
                self._text.append(text)
                self._language = language or self._language
            self.so_far = " ".join(text for text in self._text if text)
            return Words(self.so_far, self._language.partition("-")[0])

    async def close(self) -> None:
        """Hang up."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    def _guessed(self, text: str, until_s: float, *, stable: bool) -> None:
        self.sure = stable
        self.seen_s = max(self.seen_s, self._before_s + until_s)
        self.so_far = " ".join(part for part in [*self._text, text] if part)


class _Stream:
    """One stream of requests and responses."""

    def __init__(self, speech: GoogleSpeech, config: Any, guessed: Any) -> None:
        self._speech = speech
        self._guessed = guessed
        # Bounded by a session's audio.
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._config = config
        self._task = asyncio.create_task(self._run(), name="offhook-google")
        self._task.add_done_callback(_seen)

    def tell(self, data: bytes) -> None:
        if self._task.done() and (error := self._task.exception()) is not None:
            raise error
        for at in range(0, len(data), MAX_MESSAGE_BYTES):
            self._audio.put_nowait(data[at : at + MAX_MESSAGE_BYTES])

    async def finish(self) -> tuple[str, str]:
        self._audio.put_nowait(None)
        try:
            return await self._task
        finally:
            self.cancel()

    def cancel(self) -> None:
        self._task.cancel()

    async def _run(self) -> tuple[str, str]:
        service = self._speech.service
        final: list[str] = []
        language = ""
        try:
            responses = await self._speech.client.streaming_recognize(
                requests=self._requests(), retry=None, timeout=None
            )
            async for response in responses:
                guess, until_s, stable = list[str](), 0.0, bool(response.results)
                for result in response.results:
                    text = result.alternatives[0].transcript.strip() if result.alternatives else ""
                    (final if result.is_final else guess).append(text)
                    stable = stable and (result.is_final or result.stability >= STABLE)
                    language = result.language_code or language
                    until_s = max(until_s, result.result_end_offset.total_seconds())
                so_far = " ".join(part for part in [*final, *guess] if part)
                self._guessed(so_far, until_s, stable=stable)
        except (GoogleAPICallError, RetryError, GoogleAuthError) as error:
            raise _error(error, service) from None
        return " ".join(part for part in final if part), language

    async def _requests(self) -> AsyncIterator[Any]:
        kind = cloud_speech.StreamingRecognizeRequest
        yield kind(recognizer=self._speech.recognizer, streaming_config=self._config)
        while (data := await self._audio.get()) is not None:
            yield kind(audio=data)


def _seen(task: asyncio.Task[tuple[str, str]]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()  # raised where the words are wanted


def _config(model: str, rate_hz: int, languages: Sequence[str], terms: Sequence[str]) -> Any:
    decoding = cloud_speech.ExplicitDecodingConfig(
        encoding=cloud_speech.ExplicitDecodingConfig.AudioEncoding.LINEAR16,
        sample_rate_hertz=rate_hz,
        audio_channel_count=1,
    )
    settings: dict[str, Any] = {
        "explicit_decoding_config": decoding,
        "language_codes": list(languages),
        "model": model,
        "features": cloud_speech.RecognitionFeatures(enable_automatic_punctuation=True),
    }
    if terms:
        phrases = cloud_speech.PhraseSet(
            phrases=[cloud_speech.PhraseSet.Phrase(value=term, boost=10) for term in terms]
        )
        sets = [cloud_speech.SpeechAdaptation.AdaptationPhraseSet(inline_phrase_set=phrases)]
        settings["adaptation"] = cloud_speech.SpeechAdaptation(phrase_sets=sets)
    return cloud_speech.StreamingRecognitionConfig(
        config=cloud_speech.RecognitionConfig(**settings),
        streaming_features=cloud_speech.StreamingRecognitionFeatures(interim_results=True),
    )


def _error(error: Exception, service: Service) -> OffhookError:
    at = service.url
    if isinstance(error, GoogleAuthError | Unauthenticated):
        return lasting(ModelError(f"{at} does not accept the credentials: check stt.api_key_file"))
    said = shown(str(getattr(error, "message", "") or error), service)
    code = getattr(error, "grpc_status_code", None)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        return BusyError(f"{at} allows no more requests at the moment: {said}")
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineError(f"{at}: no answer in time")
    if code in _LASTING:
        return lasting(ModelError(f"{at} refuses the request: {said}"))
    return ModelError(f"{at} failed: {said}")


def recognizer_of(extra: Mapping[str, Any]) -> str:
    """The recogniser's full name.  Raises ConfigError when the project is not named."""
    unknown = sorted(set(extra) - {"project", "location"})
    if unknown:
        raise ConfigError(f"stt.extra.{unknown[0]} is not known: google has project and location")
    project = extra.get("project")
    if not isinstance(project, str) or not project:
        raise ConfigError('stt.engine is google: stt.extra = { project = "ID" } must name the project')
    location = extra.get("location", "global")
    return f"projects/{project}/locations/{location}/recognizers/_"
