"""TweetEval (Barbieri et al. 2020): emotion, irony and stance of short messages."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import classified
from spot.tasks.published.record import PublishedTask
from spot.tasks.published.templates import Template

TASKS: Mapping[str, PublishedTask] = {
    "tweet_eval_emotion": PublishedTask(
        family="emotion",
        labels=("anger", "joy", "optimism", "sadness"),
        metrics=("macro_f1",),
        examples=classified("tweet_eval_emotion", "text"),
        description="The emotion of a message",
        templates={
            "flan": Template(
                "{text}\nWhich emotion does this message show?\nOPTIONS:{options}",
                clean={"text": ("spaces",)},
            ),
            "gpt3": Template(
                "Message: {text}\nEmotion:",
                clean={"text": ("spaces",)},
            ),
        },
    ),
    "tweet_eval_irony": PublishedTask(
        family="irony",
        labels=("non_irony", "irony"),
        metrics=("f1",),
        examples=classified("tweet_eval_irony", "text"),
        description="Is a message ironic?",
        templates={
            "flan": Template(
                "{text}\nIs this message ironic?\nOPTIONS:{options}",
                labels=("no", "yes"),
                clean={"text": ("spaces",)},
            ),
            "gpt3": Template(
                "Message: {text}\nIronic:",
                labels=("no", "yes"),
                clean={"text": ("spaces",)},
            ),
        },
    ),
    "tweet_eval_stance": PublishedTask(
        family="stance",
        labels=("none", "against", "favor"),
        metrics=("stance_f1",),
        examples=classified("tweet_eval_stance", "target", "text"),
        description="The writer's stance towards a target",
        shared="text",
        templates={
            "flan": Template(
                "{text}\nWhich stance does this message take towards {target}?\nOPTIONS:{options}",
                clean={"text": ("spaces",)},
            ),
            "gpt3": Template(
                "Message: {text}\nStance towards {target}:",
                clean={"text": ("spaces",)},
            ),
        },
    ),
}
