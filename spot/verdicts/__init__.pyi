from spot.verdicts.curves import mean_curve as mean_curve
from spot.verdicts.curves import steps_to_reach as steps_to_reach
from spot.verdicts.differences import difference_verdict as difference_verdict
from spot.verdicts.gains import judge_study as judge_study
from spot.verdicts.gains import judge_transfer as judge_transfer
from spot.verdicts.nearness import judge_nearness as judge_nearness
from spot.verdicts.phases import PHASES as PHASES
from spot.verdicts.phases import phase_curve as phase_curve
from spot.verdicts.phases import phase_of as phase_of
from spot.verdicts.power import rows_needed as rows_needed
from spot.verdicts.sample import Sample as Sample
from spot.verdicts.scores import Reference as Reference
from spot.verdicts.scores import judge_score as judge_score
from spot.verdicts.verdict import KINDS as KINDS
from spot.verdicts.verdict import Verdict as Verdict

__all__: list[str]
