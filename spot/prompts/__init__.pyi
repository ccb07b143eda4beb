from spot.prompts.convert import as_plain as as_plain
from spot.prompts.convert import as_prefix_tuning as as_prefix_tuning
from spot.prompts.facts import trained_task as trained_task
from spot.prompts.files import find_prompt as find_prompt
from spot.prompts.files import find_start as find_start
from spot.prompts.files import read_prompt as read_prompt
from spot.prompts.files import write_prompt as write_prompt
from spot.prompts.inits import INITS as INITS
from spot.prompts.inits import Init as Init
from spot.prompts.inits import init_prompt as init_prompt
from spot.prompts.kind import Kind as Kind
from spot.prompts.kinds import KINDS as KINDS
from spot.prompts.kinds import find_kind as find_kind
from spot.prompts.prompt import SoftPrompt as SoftPrompt
from spot.prompts.settings import PromptSettings as PromptSettings
from spot.prompts.stacked import SoftPrompts as SoftPrompts
from spot.prompts.stacked import stack as stack
from spot.prompts.stacked import unstack as unstack

__all__: list[str]
