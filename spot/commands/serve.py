"""`spot serve`: one model and the prompts of a bank behind HTTP."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spot.commands.options import PATH, configured

if TYPE_CHECKING:
    from spot.config import Config
    from spot.report.output import Output
    from spot.serving.web.insertion import Dtype
    from spot.serving.web.service import Service
    from spot.serving.web.upstream import Upstream

TOKEN = "SPOT_SERVE_TOKEN"
BACKLOG = 2048  # connections that wait to be accepted
PARTS = ("fastapi", "uvicorn", "prometheus_client", "httpx2")


@click.command("serve")
@click.option("--host", default="127.0.0.1", help="Where to listen; default: this machine alone.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, help="Default: 8000; 0: a free one."
)
@click.option(
    "--token-file",
    type=PATH,
    help=f"A file with the token that clients must send; or the variable {TOKEN}.",
)
@click.option(
    "--max-body",
    type=click.IntRange(1024),
    default=1 << 20,
    metavar="BYTES",
    help="Of a request; default: 1 MiB.",
)
@click.option(
    "--max-texts", type=click.IntRange(1), default=64, help="Texts of a request; default: 64."
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=1024,
    help="Rows that may wait, before 429; default: 1024.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    metavar="SECONDS",
    help="Until an answer, before 504; default: 60.",
)
@click.option("--batch-rows", type=click.IntRange(1), default=32, help="Read at once; default: 32.")
@click.option(
    "--batch-wait-ms",
    type=click.FloatRange(0),
    default=3.0,
    help="How long a row waits for others; default: 3.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0),
    default=30.0,
    help="To answer what was accepted before a stop; default: 30.",
)
@click.option(
    "--upstream",
    metavar="URL",
    help="A vLLM server of the same model: requests go on to it, with the prompt that they name.",
)
@click.option(
    "--upstream-token-file", type=PATH, help="A file with the token that this server expects."
)
@click.option(
    "--upstream-dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="Of the embeddings that are sent; default: float32.",
)
@click.option(
    "--warm-up-seconds",
    type=click.FloatRange(0),
    default=60.0,
    help="To compile at most before the first request; default: 60.",
)
@click.option("--no-warm-up", is_flag=True, help="Compile at the first requests instead of before.")
@configured
def command(
    config: Config,
    out: Output,
    host: str,
    port: int,
    token_file: Path | None,
    max_body: int,
    max_texts: int,
    queue: int,
    time_limit: float,
    batch_rows: int,
    batch_wait_ms: float,
    drain_seconds: float,
    upstream: str | None,
    upstream_token_file: Path | None,
    upstream_dtype: Dtype,
    warm_up_seconds: float,
    no_warm_up: bool,
) -> None:
    """Serve a bank: one model in memory, and a prompt a request. Requests of different tasks are answered
    in one batch, and new entries of the bank without a restart. Ctrl-C stops it.

    \b
    Example: spot serve --bank spot-bank
             spot serve --port 9000 --token-file token.txt --host 0.0.0.0
             spot serve --upstream http://127.0.0.1:8001 --set model.name=FOLDER
    """
    check_installed()
    from spot.commands.objects import lengths, open_bank, task_to_answer, the_model
    from spot.serving.web.insertion import check_decoder
    from spot.serving.web.server import address, bound, open_service, run_server, warm_up
    from spot.serving.web.settings import ServerSettings

    settings = ServerSettings(
        host=host,
        port=port,
        token=read_token(token_file),
        max_body=max_body,
        max_texts=max_texts,
        queue=queue,
        time_limit=time_limit,
        batch_rows=batch_rows,
        batch_wait=batch_wait_ms / 1000,
        drain=drain_seconds,
    )
    behind = (
        None if upstream is None else read_upstream(upstream, upstream_token_file, upstream_dtype)
    )
    bank = open_bank(config)
    if not settings.is_local and not settings.token:
        out.warn(
            f"anyone who can connect to {host} may use this server: it has no token; --token-file or "
            f"{TOKEN} gives it one"
        )
    with bound(settings) as listening, logged(out):
        model = the_model(config)
        if behind is not None:
            check_decoder(model)
        service, watch = open_service(
            bank,
            model,
            lambda prompt, name: task_to_answer(None, prompt, name, config),
            settings,
            lengths(config),
        )
        service.engine.start()
        if not no_warm_up:
            out.detail("compiling for the first requests")
            out.detail(f"warmed up in {warm_up(service, warm_up_seconds):.1f} s")
        listening.listen(BACKLOG)  # before its address is told: a client may be quick
        show(service, address(listening), bool(settings.token), out)
        ended = run_server(service, watch, settings, listening, behind)
    show_end(service, out)
    code = 1 if service.lost else 0
    if not ended:  # the model is at work on what nobody waits for any more
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    click.get_current_context().exit(code)


def check_installed() -> None:
    """Raises SpotError where a package of the extra `serve` is absent."""
    from importlib.util import find_spec

    from spot.errors import SpotError

    missing = [name for name in PARTS if find_spec(name) is None]
    if missing:
        raise SpotError(
            f"spot serve needs {', '.join(missing)}, which this Python has not",
            "pip install 'spot-transfer[serve]'",
        )


def read_token(file: Path | None) -> str:
    """The token of the file, else of the environment, "" for none.

    Raises SpotError for a file that cannot be read, and for a token that is empty or unusable.
    """
    from spot.serving.web.settings import check_token

    if file is not None:
        return token_of(file)
    given = os.environ.get(TOKEN)
    return "" if given is None else check_token(given, f"the variable {TOKEN}")


def token_of(file: Path) -> str:
    """The token in a file. Raises SpotError for one that cannot be read, is empty or unusable."""
    from spot.errors import SpotError
    from spot.serving.web.settings import check_token

    try:
        return check_token(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SpotError(
            f"expected a file with a token at {file}: {reason}", "write one line into it"
        ) from error


def read_upstream(address: str, token_file: Path | None, dtype: Dtype) -> Upstream:
    """The server behind this one. Raises SpotError for what is no address, and as `token_of` does."""
    from spot.serving.web.upstream import Upstream

    token = "" if token_file is None else token_of(token_file)
    return Upstream.at(address, token, dtype)


def show(service: Service, address: str, has_token: bool, out: Output) -> None:
    """Where the server listens, and a first request."""
    served = list(service.catalogue.served.values())
    tasks = service.catalogue.tasks
    counts = (len(served), "prompt"), (len(tasks), "task")
    best = next(iter(tasks.values()))[0]
    columns = best.predictor.task.columns
    text: Any = dict.fromkeys(columns, "…") if len(columns) > 1 else "…"
    body = json.dumps({"task": best.entry.task, "texts": [text]}, ensure_ascii=False)
    token = '-H "Authorization: Bearer $TOKEN" ' if has_token else ""
    out.record(
        {
            "address": address,
            "model": service.model_name,
            "prompts": len(served),
            "tasks": list(tasks),
        }
    )
    prompts, names = (f"{n} {word}{'s' * (n != 1)}" for n, word in counts)
    out.say(f"serving {prompts} of {names} on {service.model_name}")
    out.say(f"page: {address}/  routes: {address}/docs")
    quoted = body.replace("'", "'\\''")
    out.say(
        f"try: curl {token}-H 'Content-Type: application/json' -d '{quoted}' {address}/v1/predict"
    )
    sys.stdout.flush()


def show_end(service: Service, out: Output) -> None:
    """How it ended: whether a request was lost."""
    out.record({"answered": service.answered, "lost": service.lost})
    if service.lost:
        out.warn(f"stopped with {service.lost:,} requests not answered; {service.answered:,} were")
    else:
        out.say(f"stopped; all {service.answered:,} requests that were accepted are answered")


class _Lines(logging.Formatter):
    """A line a record: time, level, text; as JSON, the same as an object."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        from bank.characters import visible

        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.created))
        level, text = record.levelname.lower(), record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self.as_json:
            content = {"time": when, "level": level, "message": text}
            return json.dumps({**content, "traceback": trace} if trace else content)
        return visible(f"{when} {level} {text}") + (f"\n{trace}" if trace else "")


@contextlib.contextmanager
def logged(out: Output) -> Iterator[None]:
    """For the block, write what the server logs as lines with the time, on stderr."""
    from spot.report.output import JsonLines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(isinstance(out, JsonLines)))
    level = logging.ERROR if out.quiet else logging.DEBUG if out.verbose else logging.INFO
    loggers = [logging.getLogger(name) for name in ("spot", "bank", "uvicorn.error")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(max(level, logging.WARNING) if logger.name.startswith("uvi") else level)
    try:
        yield
    finally:
        for logger, (handlers, old, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(old)
