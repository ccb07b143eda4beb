"""Looks at a bank every few seconds: new entries are served without a restart, removed ones no more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from bank.errors import UserError
from bank.store import Bank
from spot.serving.web.catalogue import Catalogue, stamps_of

_log = logging.getLogger(__name__)


def log_faults(catalogue: Catalogue, known: Catalogue | None = None) -> None:
    """Name the entries that are left out, without those of which the same was said before."""
    before = known.faults if known else {}
    for name, reason in catalogue.faults.items():
        if before.get(name) != reason:
            _log.warning("skipping %s: %s", name, reason)


class Watch:
    """A thread that reads the bank anew whenever its entries have changed; the old ones answer until then."""

    def __init__(
        self,
        bank: Bank,
        catalogue: Catalogue,
        read: Callable[[Catalogue], Catalogue],
        publish: Callable[[Catalogue], None],
        seconds: float,
    ) -> None:
        """read: the catalogue that follows one. publish: takes it. seconds: between two looks."""
        self._bank, self._catalogue, self._read, self._publish = bank, catalogue, read, publish
        self._seconds = seconds
        self._stamps = stamps_of(bank)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="spot-bank", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(self._seconds)

    def look(self) -> None:
        """Read the bank if it has changed since the last look. A bank that cannot be read stays as it was."""
        stamps = stamps_of(self._bank)
        if stamps == self._stamps:
            return
        try:
            catalogue = self._read(self._catalogue)
        except UserError as error:
            _log.warning("the bank cannot be read; going on with what was there: %s", error)
            self._stamps = stamps
            return
        before, now = self._catalogue.served, catalogue.served
        log_faults(catalogue, self._catalogue)
        for id in now.keys() - before.keys():
            _log.info("serving the new entry %s", id)
        for id in before.keys() - now.keys():
            _log.info("%s is served no more", id)
        self._publish(catalogue)
        self._catalogue, self._stamps = catalogue, stamps

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self.look()
            except Exception:
                _log.exception("looking at the bank failed; trying again in %g s", self._seconds)
