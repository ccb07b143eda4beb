"""Verbs with their forms, synonyms and opposites."""

from __future__ import annotations

# base/past/participle of a verb and of a near synonym; what people do to things.
OBJECT_VERBS = (
    "buy/bought/bought = purchase/purchased/purchased",
    "repair/repaired/repaired = fix/fixed/fixed",
    "find/found/found = discover/discovered/discovered",
    "hide/hid/hidden = conceal/concealed/concealed",
    "choose/chose/chosen = select/selected/selected",
    "throw away/threw away/thrown away = discard/discarded/discarded",
    "begin to paint/began to paint/- = start to paint/started to paint/-",
    "look at/looked at/looked at = inspect/inspected/inspected",
    "wash/washed/washed = clean/cleaned/cleaned",
    "steal/stole/stolen = swipe/swiped/swiped",
    "break/broke/broken = smash/smashed/smashed",
    "show/showed/shown = display/displayed/displayed",
    "pick up/picked up/picked up = collect/collected/collected",
    "describe/described/described = give a description of/gave a description of/-",
    "mend/mended/mended = restore/restored/restored",
    "carry/carried/carried = transport/transported/transported",
    "get/got/- = obtain/obtained/obtained",
    "need/needed/needed = require/required/required",
    "wrap up/wrapped up/wrapped up = pack/packed/packed",
    "own/owned/owned = possess/possessed/possessed",
    "mention/mentioned/mentioned = refer to/referred to/referred to",
    "examine/examined/examined = study/studied/studied",
    "deliver/delivered/delivered = bring/brought/brought",
    "decorate/decorated/decorated = adorn/adorned/adorned",
    "hold/held/held = grip/gripped/gripped",
    "want/wanted/wanted = wish for/wished for/wished for",
    "measure/measured/measured = take the measurements of/took the measurements of/-",
)
# what people do to people; never symmetric.
PERSON_VERBS = (
    "help/helped/helped = assist/assisted/assisted",
    "call/called/called = phone/phoned/phoned",
    "thank/thanked/thanked = express thanks to/expressed thanks to/-",
    "visit/visited/visited = pay a visit to/paid a visit to/-",
    "invite/invited/invited = send an invitation to/sent an invitation to/-",
    "praise/praised/praised = compliment/complimented/complimented",
    "criticise/criticised/criticised = find fault with/found fault with/-",
    "teach/taught/taught = instruct/instructed/instructed",
    "beat/beat/beaten = defeat/defeated/defeated",
    "scare/scared/scared = frighten/frightened/frightened",
    "pay/paid/paid = give money to/gave money to/-",
    "rescue/rescued/rescued = save/saved/saved",
    "employ/employed/employed = hire/hired/hired",
    "warn/warned/warned = give a warning to/gave a warning to/-",
    "follow/followed/followed = walk behind/walked behind/-",
    "forgive/forgave/forgiven = pardon/pardoned/pardoned",
    "see/saw/seen = notice/noticed/noticed",
    "answer/answered/answered = reply to/replied to/-",
    "deceive/deceived/deceived = trick/tricked/tricked",
    "annoy/annoyed/annoyed = irritate/irritated/irritated",
    "comfort/comforted/comforted = console/consoled/consoled",
    "push/pushed/pushed = shove/shoved/shoved",
    "trust/trusted/trusted = rely on/relied on/-",
    "accuse/accused/accused = blame/blamed/blamed",
    "welcome/welcomed/welcomed = greet/greeted/greeted",
    "photograph/photographed/photographed = take a picture of/took a picture of/-",
    "advise/advised/advised = give advice to/gave advice to/-",
)
# verbs of OBJECT_VERBS that may be said of one and the same act
CLOSE_VERBS = (
    ("repair", "mend"), ("look at", "examine", "measure"), ("want", "need"),
    ("buy", "get", "find", "own", "pick up", "hold", "carry", "choose", "deliver", "steal"),
    ("describe", "mention", "show"), ("begin to paint", "decorate"),
)  # fmt: skip
# verbs of OBJECT_VERBS that fit animals and plants as well as made things
FIT_ANYTHING = (
    "buy", "find", "choose", "look at", "show", "describe", "get", "need", "own", "mention",
    "examine", "want", "steal", "draw", "admire", "sell",
)  # fmt: skip
ANTONYM_VERBS = (
    ("bought", "sold"), ("found", "lost"), ("accepted", "refused"), ("loved", "hated"),
    ("remembered", "forgot"), ("lifted", "dropped"), ("built", "destroyed"),
    ("kept", "threw away"), ("cleaned", "dirtied"), ("lent", "borrowed"),
    ("praised", "criticised"), ("packed", "unpacked"),
    ("showed", "hid"), ("repaired", "broke"), ("pushed", "pulled"),
)  # fmt: skip
