"""Accuracy of a bag of words on every mini task: `python -m pretraining.mini.bag_of_words`."""

from __future__ import annotations

from spot.tasks.mini.suite import mini_task, mini_task_names


def accuracy(name: str, rows: int = 2000) -> float:
    """Test accuracy (percent) of logistic regression on word and bigram counts of a mini task."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    task = mini_task(name)
    train = list(task.read("train"))[:rows]
    test = list(task.read("test"))
    vectorizer = CountVectorizer(ngram_range=(1, 2))
    model = LogisticRegression(max_iter=300)
    model.fit(vectorizer.fit_transform([e.inputs for e in train]), [e.label for e in train])
    right = model.score(vectorizer.transform([e.inputs for e in test]), [e.label for e in test])
    return 100 * float(right)


if __name__ == "__main__":
    for name in mini_task_names():
        print(f"{name:15} {accuracy(name):3.0f}")
