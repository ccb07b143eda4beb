"""Pretraining's wording: questions, meanings, label words and keys of each family.

None of these label words or keys belongs to a task of the suite (a test checks it).
"""

from __future__ import annotations

QUESTIONS: dict[str, tuple[str, ...]] = {
    "sentiment": (
        "Is this review of {a_thing} favourable?", "How does the writer feel about the {thing}?",
        "Did the writer like the {thing}?", "Judge the {thing} review.",
        "What is the verdict on the {thing}?", "Decide whether this person recommends the {thing}.",
        "Is the opinion about the {thing} kind or unkind?", "Which mood has this {thing} review?",
        "Read what someone wrote about {a_thing} and name the overall feeling.",
        "Would the writer choose this {thing} again?",
    ),
    "inference": (
        "Does the second text follow from the first?", "Can we conclude the second from the first?",
        "If the first text is true, what about the second?",
        "Compare what is known with the guess.",
        "Is the second statement backed by the first?", "Decide how the two texts are related.",
        "Check the second text against the first.", "Does the first text tell us the second?",
        "Suppose the first text is a fact. Judge the second.",
        "Is the second text settled by the first?",
    ),
    "paraphrase": (
        "Do these two texts mean the same?", "Compare the meaning of the two texts.",
        "Is one text a rewording of the other?", "Do both texts say one and the same thing?",
        "Would the same situation make both texts fit?", "Are these texts interchangeable?",
        "Decide whether the meaning stays the same.", "Could one text replace the other?",
        "Does the second text restate the first?", "Is the message of both texts alike in meaning?",
    ),
    "boolean": (
        "Answer the query about the text.", "Read the text and reply.",
        "According to the text, is it so?", "Use only the text to reply to the query.",
        "What does the text say about the query?", "Check the query against the text.",
        "Does the text let you agree with the query?", "Look in the text for the reply.",
        "Read carefully and respond.", "Reply from the information that is given.",
    ),
    "topic": (
        "What is this text about?", "Which subject fits the text?", "Name the topic of the text.",
        "Choose the section where this text belongs.", "Sort this text by its main subject.",
        "Pick the best subject for this text.", "What does the main part of the text deal with?",
        "Under which heading would you file this text?",
        "Label the text with its field.",
    ),
    "acceptability": (
        "Is this good English?", "Is the grammar of this text in order?",
        "Would a careful speaker say this?", "Check the grammar.", "Does this text obey the rules?",
        "Judge the form of this text.", "Could this stand in a printed book?",
        "Is there a fault in the grammar of this text?", "Would a language teacher allow this?",
        "Read the text as an editor and judge it.",
    ),
    "sense": (
        "Is the term used in one meaning in both texts?", "Compare the meaning of the term.",
        "Does the term mean one thing in both texts?",
        "Would a dictionary list both uses together?",
        "Decide whether the term keeps its meaning.", "Is the meaning of the term shared?",
        "Look at the term in the two texts.", "Do the two texts use the term in one way?",
        "Does the meaning of the term shift between the texts?",
    ),
    "alternatives": (
        "Which option is the more likely {ask}?", "Choose the better {ask} of the event.",
        "Pick the {ask} that makes sense.", "Select the likely {ask}.",
        "What is the {ask} of the event?", "Find the {ask} that fits the event.",
        "Which of the two is the {ask}?", "Decide on the more plausible {ask}.",
        "Think about the event and point to its {ask}.",
    ),
    "plausible": (
        "Could the option be the {ask} of the event?", "Does the option make sense as its {ask}?",
        "Is the option a likely {ask}?", "Judge whether the option fits as the {ask}.",
        "Would this {ask} surprise you?", "Check if the {ask} goes with the event.",
        "Do the event and its {ask} belong together?", "Think about the event. Is that its {ask}?",
    ),
    "pick": (
        "Which word is in the text?", "Name the word that the text holds.",
        "Find the word that is written here.", "One of the words is used. Which?",
        "Which of the words can be read in the text?", "Search the text for a word.",
        "Say which word the writer used.", "Which word occurs?",
    ),
}  # fmt: skip

# Words that name a family each; no word names two.
KEYWORDS: dict[str, tuple[str, ...]] = {
    "sentiment": (
        "opinion", "mood", "feeling", "verdict", "attitude", "impression", "taste", "enthusiasm",
        "satisfaction", "emotion",
    ),
    "inference": (
        "conclusion", "evidence", "logic", "deduction", "consequence", "implication", "belief",
        "assumption", "reasoning", "truth",
    ),
    "paraphrase": (
        "rewording", "synonym", "message", "equivalence", "exchange", "rephrase", "restatement",
        "substitute", "imitation", "formulation",
    ),
    "boolean": (
        "query", "lookup", "check", "reading", "fact", "reply", "information", "detail",
        "comprehension", "memory",
    ),
    "topic": (
        "subject", "theme", "field", "category", "heading", "domain", "area", "shelf", "section",
        "discipline",
    ),
    "acceptability": (
        "grammar", "syntax", "fluency", "correction", "editing", "proofreading", "form", "English",
        "language", "style",
    ),
    "sense": (
        "usage", "homonym", "term", "lexicon", "ambiguity", "definition", "meaning", "vocabulary",
        "polysemy", "expression",
    ),
    "alternatives": (
        "scenario", "choice", "story", "decision", "selection", "option", "preference", "favourite",
        "comparison", "candidate",
    ),
    "plausible": (
        "likelihood", "surprise", "sanity", "chance", "credibility", "expectation", "probability",
        "absurdity", "coincidence", "consistency",
    ),
    "pick": (
        "search", "find", "locate", "spot", "scan", "token", "detect", "hunt", "trace", "presence",
    ),
}  # fmt: skip

# What each class index means; "inference3" has three classes.
MEANINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sentiment": (
        ("the writer is unhappy", "the writer is happy"),
        ("it is a warning", "it is a recommendation"),
        ("it did not please", "it pleased"),
    ),
    "inference": (
        ("it follows from the first", "it does not follow"),
        ("the first text proves it", "the first text does not prove it"),
        ("we can conclude it", "we cannot conclude it"),
    ),
    "inference3": (
        ("it must be so", "it may be so", "it cannot be so"),
        ("the first proves it", "nobody can tell", "the first rules it out"),
    ),
    "paraphrase": (
        ("the meanings differ", "the meaning is the same"),
        ("they say different things", "they say the same"),
    ),
    "boolean": (
        ("it is not so", "it is so"), ("the text says otherwise", "the text says so"),
    ),
    "acceptability": (
        ("it has a fault", "it is well written"), ("the grammar is wrong", "the grammar is right"),
    ),
    "sense": (
        ("the meanings differ", "the meaning is the same"),
        ("it has two meanings here", "it has one meaning here"),
    ),
    "plausible": (
        ("it makes no sense", "it makes sense"), ("it would be strange", "it is likely"),
    ),
    "alternatives": (
        ("it is the one before the other", "it is the one after"),
        ("the earlier option fits", "the later option fits"),
    ),
}  # fmt: skip

LABELS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sentiment": (
        ("awful", "fine"), ("terrible", "excellent"), ("hate", "love"), ("sad", "happy"),
        ("unfavourable", "favourable"), ("against", "for"), ("minus", "plus"), ("weak", "strong"),
        ("dislike", "like"), ("cold", "warm"), ("sour", "sweet"), ("horrible", "lovely"),
        ("angry", "satisfied"), ("poor", "great"), ("down", "up"), ("unkind", "kind"),
    ),
    "inference": (
        ("supported", "unsupported"), ("sure", "unsure"), ("stated", "unstated"),
        ("given", "missing"), ("implied", "independent"), ("told", "untold"),
        ("sound", "unsound"), ("safe", "risky"), ("settled", "unsettled"), ("clear", "unclear"),
        ("known", "unknown"), ("covered", "uncovered"),
    ),
    "inference3": (
        ("entails", "neutral", "contradicts"), ("agree", "unknown", "disagree"),
        ("must", "may", "cannot"), ("sure", "maybe", "never"),
        ("confirmed", "unsettled", "denied"), ("always", "perhaps", "nowhere"),
        ("green", "yellow", "red"), ("stated", "absent", "opposed"),
        ("accept", "doubt", "reject"), ("in", "between", "out"),
        ("backed", "unclear", "refuted"),
    ),
    "paraphrase": (
        ("unequal", "equal"), ("mismatch", "match"), ("separate", "copy"), ("new", "repeat"),
        ("differs", "agrees"), ("unrelated", "twin"), ("another", "again"), ("far", "near"),
        ("divergent", "equivalent"), ("contrast", "echo"), ("unpaired", "paired"),
        ("altered", "unaltered"),
    ),
    "boolean": (
        ("nope", "yep"), ("wrong", "right"), ("deny", "confirm"), ("untrue", "so"),
        ("denied", "affirmed"), ("never", "indeed"), ("disagree", "agree"), ("nay", "aye"),
        ("off", "on"), ("refuse", "accept"), ("mistaken", "accurate"), ("invalid", "valid"),
    ),
    "acceptability": (
        ("odd", "natural"), ("wrong", "right"), ("sloppy", "proper"), ("strange", "normal"),
        ("flawed", "sound"), ("rough", "smooth"), ("invalid", "valid"), ("awkward", "fluent"),
        ("fail", "pass"), ("reject", "keep"), ("crooked", "straight"), ("faulty", "flawless"),
    ),
    "sense": (
        ("separate", "shared"), ("unequal", "equal"), ("mismatch", "match"),
        ("varied", "constant"), ("unrelated", "related"), ("shifted", "stable"), ("new", "old"),
        ("another", "again"), ("far", "near"), ("mixed", "pure"), ("differs", "agrees"),
    ),
    "plausible": (
        ("unlikely", "likely"), ("absurd", "sensible"), ("strange", "normal"),
        ("foreign", "fitting"), ("wrong", "right"), ("odd", "natural"), ("nope", "yep"),
        ("senseless", "logical"), ("puzzling", "obvious"), ("unfit", "fit"),
    ),
    "alternatives": (
        ("a", "b"), ("left", "right"), ("alpha", "beta"), ("x", "y"), ("1", "2"),
        ("upper", "lower"), ("initial", "final"), ("start", "end"), ("top", "bottom"),
        ("red", "blue"), ("early", "late"), ("north", "south"),
    ),
}  # fmt: skip

ALL_LABELS: tuple[str, ...] = tuple(
    sorted({word for sets in LABELS.values() for labels in sets for word in labels})
)

# Keys in reading order of the family's fields.
KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sentiment": (("text",), ("opinion",), ("comment",), ("feedback",)),
    "inference": (
        ("text a", "text b"), ("fact", "guess"), ("known", "idea"), ("given", "conclusion"),
    ),
    "paraphrase": (
        ("text a", "text b"), ("left", "right"), ("original", "version"), ("this", "that"),
    ),
    "boolean": (
        ("text", "query"), ("story", "ask"), ("report", "inquiry"), ("account", "check"),
    ),
    "topic": (("text",), ("item",), ("snippet",), ("piece",)),
    "acceptability": (("text",), ("line",), ("words",), ("draft",)),
    "sense": (
        ("target", "text a", "text b"), ("expression", "use a", "use b"),
        ("item", "left", "right"),
    ),
    "alternatives": (
        ("event", "sought", "option a", "option b"), ("happening", "find", "this", "that"),
        ("fact", "wanted", "left", "right"),
    ),
    "plausible": (
        ("event", "sought", "option"), ("happening", "find", "idea"), ("fact", "wanted", "guess"),
    ),
    "pick": (("text",), ("page",), ("words",), ("note",)),
}  # fmt: skip

# {list}: the label words in random order; {pairs}: "word if meaning, ..." in random order.
ANSWERS: tuple[str, ...] = (
    "Answer {list}.", "Reply with {list}.", "Choose {list}.", "Say {list}.", "Write {list}.",
    "Options: {list}.", "Pick {list}.",
)  # fmt: skip
EXPLAINED: tuple[str, ...] = (
    "Answer {pairs}.", "Say {pairs}.", "Write {pairs}.", "Reply {pairs}.", "It is {pairs}.",
)  # fmt: skip
