"""What the routes read and write, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from spot.serving.ensemble import Combine

SELECTORS = ("task", "entry", "ensemble")


class Question(BaseModel):
    """Texts, and who is to answer them: exactly one of task, entry and ensemble."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"task": "mini_rooms", "texts": ["the room was clean"]}]},
    )

    task: str | None = Field(None, description="A task: its entry that is best on validation.")
    entry: str | None = Field(
        None, description="An entry's id, or a task that has one entry, or how one id begins."
    )
    ensemble: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Entries of one task, or a task: all its entries."
    )
    texts: Annotated[
        list[str | dict[str, Any]],
        Field(
            min_length=1,
            description="Texts, or rows of the task's columns; the task's template is applied.",
        ),
    ]
    combine: Combine | None = Field(
        None,
        description="How an ensemble decides: most votes (the default), the mean of the probabilities, or "
        "the mean of the log-likelihoods.",
    )
    margins: bool = Field(True, description="False leaves the margins null.")

    @model_validator(mode="after")
    def _one_selector(self) -> Question:
        given = [name for name in SELECTORS if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "selectors",
                "expected exactly one of task, entry and ensemble, found {given}",
                {"given": " and ".join(given) or "none"},
            )
        if self.combine is not None and self.ensemble is None:
            raise PydanticCustomError("combine", "combine: goes with ensemble alone", {})
        return self


class AnswerOut(BaseModel):
    """The answer to a text."""

    text: str = Field(description="The text, or that of a row by the task's template.")
    answer: str = Field(description="A label word, or what was generated.")
    probabilities: dict[str, float] = Field(description="By label word; {} of generated answers.")
    margin: float | None = Field(
        description="The answer's probability minus the next one's, below 0 where a vote overrules it; "
        "null of generated answers."
    )
    votes: dict[str, int] = Field(description="Of an ensemble: prompts by their answer.")
    agreement: float | None = Field(
        description="Of an ensemble: the share of its prompts that gave this answer."
    )


class Answered(BaseModel):
    """The answers, in the order of the texts, and who gave them."""

    answers: list[AnswerOut]
    task: str
    entries: list[str] = Field(description="The ids of the entries that answered.")
    model: str


class NearOut(BaseModel):
    """An entry of another task that is among the most similar."""

    entry: str
    task: str
    similarity: float


class PromptOut(BaseModel):
    """An entry that can be asked."""

    entry: str
    task: str
    kind: str = Field(description="The kind of prompt.")
    length: int = Field(description="Tokens that it takes of the context.")
    score: float | None = Field(description="On the validation split, from 0 to 100.")
    metric: str | None
    labels: list[str]
    columns: list[str] = Field(description="What a row consists of; a text is that of one column.")
    nearest: list[NearOut]


class Health(BaseModel):
    """Whether requests are taken."""

    status: Literal["ok", "draining", "failed"]
    model: str
    prompts: int
    queue: int = Field(description="Rows that wait.")


class ErrorOut(BaseModel):
    """Why a request has no answer, and what to do."""

    error: str
    hint: str
