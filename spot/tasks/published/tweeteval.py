"""TweetEval (Barbieri et al. 2020): emotion, irony and stance of short messages."""

from __future__ import annotations

from collections.abc import Mapping

from spot.tasks.published.form import LocalTask, classified

TASKS: Mapping[str, LocalTask] = {
    "tweet_eval_emotion": LocalTask(
        "emotion",
        ("anger", "joy", "optimism", "sadness"),
        ("macro_f1",),
        classified("tweet_eval_emotion", "text"),
        "The emotion of a message",
    ),
    "tweet_eval_irony": LocalTask(
        "irony",
        ("non_irony", "irony"),
        ("f1",),
        classified("tweet_eval_irony", "text"),
        "Is a message ironic?",
    ),
    "tweet_eval_stance": LocalTask(
        "stance",
        ("none", "against", "favor"),
        ("stance_f1",),
        classified("tweet_eval_stance", "target", "text"),
        "The writer's stance towards a target",
        shared="text",
    ),
}
