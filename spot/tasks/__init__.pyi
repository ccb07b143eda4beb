from spot.tasks.catalog import DataSettings as DataSettings
from spot.tasks.catalog import load_task as load_task
from spot.tasks.examples import Ragged as Ragged
from spot.tasks.examples import TokenizedSplit as TokenizedSplit
from spot.tasks.inspection import TableReport as TableReport
from spot.tasks.inspection import inspect_table as inspect_table
from spot.tasks.inspection import write_task as write_task
from spot.tasks.metrics import METRICS as METRICS
from spot.tasks.mini.suite import mini_task_names as mini_task_names
from spot.tasks.mini.suite import target_names as _target_names
from spot.tasks.task import Mixture as Mixture
from spot.tasks.task import Task as Task
from spot.tasks.task import mixture_of as mixture_of
from spot.tasks.text import Example as Example
from spot.tasks.tokenizer import TokenizerVocabulary as TokenizerVocabulary
from spot.tasks.tokens import Lengths as Lengths
from spot.tasks.tokens import tokens as _tokens
from spot.tasks.vocabulary import Vocabulary as Vocabulary
from spot.tasks.vocabulary import label_tokens as label_tokens

mini_target_names = _target_names
tokenized = _tokens

__all__: list[str]
