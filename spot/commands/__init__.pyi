import click

from spot.commands.group import Lazy
from spot.commands.objects import Sources as Sources
from spot.commands.objects import runs_of as runs_of
from spot.commands.objects import task_or_mixture as task_or_mixture
from spot.commands.objects import the_model as the_model
from spot.commands.objects import the_task as the_task
from spot.config import Config as Config
from spot.config import load_config as load_config

COMMANDS: dict[str, Lazy]
main: click.Group

__all__: list[str]
