"""Concrete nouns under their general names, with colours, materials, places and times."""

from __future__ import annotations

from pretraining.mini.lexicon.people import listed

KINDS: dict[str, tuple[str, ...]] = {
    "tool": listed(
        """hammer saw drill spanner chisel shovel rake axe wrench screwdriver pickaxe trowel ladder
        crowbar sickle mallet"""
    ),
    "instrument": listed(
        """guitar violin trumpet flute drum cello harp clarinet banjo trombone accordion ukulele
        piano saxophone tuba oboe"""
    ),
    "piece of furniture": listed(
        """table chair sofa desk wardrobe stool bench bookcase cupboard armchair cabinet dresser
        sideboard crib nightstand footstool"""
    ),
    "piece of clothing": listed(
        """coat scarf shirt jacket dress sweater skirt hat glove vest blouse cardigan raincoat sock
        tie apron"""
    ),
    "piece of fruit": listed(
        """apple pear banana lemon peach plum melon orange mango cherry fig apricot grapefruit kiwi
        pineapple lime"""
    ),
    "vegetable": listed(
        """carrot potato onion cabbage pumpkin turnip leek radish cucumber beetroot cauliflower
        aubergine parsnip artichoke spinach celery"""
    ),
    "land vehicle": listed(
        """bicycle car truck van bus tractor scooter motorbike taxi tram wagon lorry carriage sledge
        minibus ambulance"""
    ),
    "boat": listed("canoe yacht ferry kayak dinghy raft barge steamer gondola trawler"),
    "bird": listed(
        """parrot owl sparrow eagle duck goose swan pigeon robin crow hawk canary stork heron
        peacock magpie"""
    ),
    "fish": listed("salmon trout cod herring tuna carp pike eel perch mackerel"),
    "insect": listed("beetle wasp ant moth cricket butterfly mosquito ladybird bee fly"),
    "flower": listed(
        "rose tulip daisy lily orchid violet sunflower poppy carnation lavender iris peony"
    ),
    "container": listed(
        "box basket bucket jar bottle barrel crate suitcase trunk bag tin chest jug vase"
    ),
    "toy": listed("doll kite puzzle ball teddy yoyo marble puppet rattle spinner balloon hoop"),
    "household appliance": listed(
        """blender toaster kettle mixer dishwasher fridge iron microwave freezer oven heater fan
        grill tumble-dryer"""
    ),
    "mammal": listed(
        """dog cat horse cow goat sheep pig rabbit donkey fox hamster pony deer camel squirrel
        hedgehog"""
    ),
}
# Kinds that are not made by people.
GROWN = (
    "piece of fruit", "vegetable", "bird", "fish", "insect", "flower", "mammal",
)  # fmt: skip
# Made kinds that nobody carries.
BULKY = ("piece of furniture", "land vehicle", "boat")
COLOURS = listed(
    """red blue green yellow black white brown grey purple pink golden silver turquoise scarlet
    crimson beige"""
)
SIZES = listed("small large heavy light old new tiny huge cheap expensive clean dusty")
OPPOSITES = (
    ("small", "large"), ("heavy", "light"), ("old", "new"), ("tiny", "huge"),
    ("cheap", "expensive"), ("clean", "dirty"), ("full", "empty"), ("open", "closed"),
    ("warm", "cold"), ("wet", "dry"), ("broken", "intact"), ("smooth", "rough"),
    ("wide", "narrow"), ("thick", "thin"), ("hard", "soft"), ("shiny", "dull"),
    ("long", "short"), ("bright", "dark"), ("plain", "decorated"), ("real", "fake"),
    ("complete", "unfinished"),
)  # fmt: skip
ROOMS = listed(
    """kitchen garden cellar garage attic hall bedroom office library bathroom shed corridor pantry
    studio lounge workshop nursery balcony laundry stable conservatory greenhouse courtyard
    porch basement canteen dressing-room foyer gym-hall kennel larder loft parlour playroom
    reception storeroom study vestibule waiting-room"""
)
SITES = listed(
    """station market harbour museum park hospital school airport theatre bakery castle church
    factory stadium beach bridge farm hotel village square camp clinic bookshop lighthouse
    monastery mill pier quarry orchard vineyard bank library
    zoo circus embassy fairground observatory prison university windmill warehouse abbey cinema
    courthouse dock gallery laundromat temple"""
)
DAYS = listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = listed(
    """January February March April May June July August September October November
    December"""
)
NUMBERS = listed(
    """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    twenty thirty"""
)
