"""More schemas of cause and effect, in the form of `causes.SCHEMAS`."""

from __future__ import annotations

MORE_SCHEMAS: dict[str, tuple[str, str]] = {
    "crash": (
        "the brakes of {a}'s car failed;{a} skidded on the wet road",
        "the car of {a} hit a lamp post;{a} crashed into a fence",
    ),
    "promotion": (
        "{a} had worked harder than anyone in the office;the boss of {a} was very pleased with "
        "the report",
        "{a} was promoted;{a} got a higher salary",
    ),
    "toothache": (
        "{a} had eaten too many sweets;{a} bit on a stone",
        "{a} got a toothache;{a} made an appointment with the dentist",
    ),
    "cook": (
        "{a} invited ten guests to dinner;{a} tried out a new recipe",
        "{a} spent hours in the kitchen;{a} chopped a heap of onions",
    ),
    "lonely": (
        "{a} moved to a town without knowing anyone;all friends of {a} were on holiday",
        "{a} talked to the cat all evening;{a} joined a club to make friends",
    ),
    "candle": (
        "{a} left the window open beside a candle;{a} blew at the candle",
        "the flame went out;the room of {a} smelled of smoke and wax",
    ),
    "wallet": (
        "a pickpocket bumped into {a};{a} left the wallet on a bench",
        "{a} could not pay at the till;{a} had to cancel a bank card",
    ),
    "snow": (
        "half a metre of snow fell overnight;the lake near {a} froze",
        "the schools were closed;{a} built a snowman;{a} shovelled the path to the door",
    ),
    "exam": (
        "{a} had learned every page by heart;{a} took extra lessons before the exam",
        "{a} passed with top marks;the teacher praised the work of {a}",
    ),
    "spill": (
        "{a} knocked over a glass of wine;the cat jumped on the set table of {a}",
        "a red stain spread on the tablecloth;{a} ran for a sponge",
    ),
    "prize": (
        "the story of {a} was the best in the contest;{a} grew the biggest pumpkin of the fair",
        "{a} was given a silver cup;a photo of {a} with a prize was in the paper",
    ),
    "cat": (
        "a mouse ran across {a}'s kitchen;mice lived under the floor of {a}'s house",
        "{a} set a trap with cheese;{a} got a cat",
    ),
    "leak": (
        "the roof of {a}'s house had a hole;the boat of {a} hit a rock",
        "{a} put a bucket under the dripping water;{a} scooped water out for an hour",
    ),
    "bus": (
        "the drivers were on strike;the trains did not run",
        "{a} had to walk to work;{a} shared a taxi with two strangers",
    ),
    "cheat": (
        "{a} copied the answers of a neighbour;{a} hid notes in a sleeve before the test",
        "the teacher tore up the test of {a};{a} was expelled for cheating",
    ),
    "language": (
        "{a} spent a year in Spain;{a} learned twenty Spanish words a day",
        "{a} could speak Spanish;{a} read a Spanish newspaper with ease",
    ),
    "exercise": (
        "{a} lifted weights every day;{a} rowed across the lake each morning",
        "{a}'s arms became strong;{a} could carry the {x} with one hand",
    ),
    "bargain": (
        "the price of the {x} was cut in half;the shop was closing down",
        "{a} bought two of them at once;a long queue formed at the till in front of {a}",
    ),
    "wind": (
        "a gust of wind blew through the street;{a} opened the window on a windy day",
        "the hat of {a} flew away;the papers of {a} flew off the desk",
    ),
    "smoke": (
        "{a} left the bread in the toaster for too long;the chimney of {a} was blocked",
        "the bread was black;{a} opened all windows to let the smoke out",
    ),
    "bird": (
        "a bird flew against {a}'s window;{a} found a bird with a broken wing",
        "{a} cared for the bird in a shoebox;{a} took the bird to a vet",
    ),
    "shop": (
        "{a} had run out of milk;there was nothing left in the fridge of {a}",
        "{a} went to the supermarket;{a} wrote a shopping list",
    ),
    "harvest": (
        "the summer was warm with just enough rain;{a} had fertilised the field",
        "the barn of {a} was full of grain;{a} sold a record harvest",
    ),
    "shame": (
        "{a} tripped on the stage;{a} came to the party in the wrong clothes",
        "everybody stared at {a};{a} wished to sink into the ground",
    ),
    "glasses": (
        "{a} could not read the small print;the letters on the board looked blurred to {a}",
        "{a} went to an optician;{a} bought a pair of glasses",
    ),
    "haircut": (
        "the hair of {a} had grown over the eyes;{a} had not been to a barber for a year",
        "{a} got a haircut;{a} asked for a short cut",
    ),
    "computer virus": (
        "{a} opened a strange email;{a} downloaded a file from an unknown site",
        "{a}'s computer would not start;all files of {a} were lost",
    ),
    "passport": (
        "{a} forgot the passport at home;the visa of {a} had run out",
        "{a} was stopped at the border;{a} was not allowed on the plane",
    ),
    "wedding": (
        "{a} said yes to the proposal;{a} fell in love with a colleague",
        "{a} got married in June;{a} bought two gold rings",
    ),
    "noise of baby": (
        "the baby of {a} had a wet nappy;the baby of {a} lost its teddy bear",
        "the baby cried without end;{a} rocked the baby in the cradle",
    ),
    "hole": (
        "{a}'s trousers caught on a nail;moths got into {a}'s wardrobe",
        "there was a hole in the cloth;{a} asked for needle and thread",
    ),
    "melt": (
        "{a} left the ice cream in the sun;the freezer of {a} was switched off",
        "the ice cream melted;{a} threw the soft ice cream away",
    ),
    "quarrel": (
        "{a} broke a promise to a friend;{a} lied to a friend about money",
        "the friend refused to speak to {a};the friendship with {a} came to an end",
    ),
    "boat trip": (
        "the sea was rough during {a}'s crossing;{a} ate a big lunch on the rocking ferry",
        "{a} became seasick;{a} hung over the rail of the boat",
    ),
    "elevator": (
        "the lift in {a}'s building was out of order;{a} was afraid of lifts",
        "{a} took the stairs;{a} arrived on the tenth floor out of breath",
    ),
    "trust": (
        "{a} brought a lost purse to the police;{a} gave back the money that was found",
        "the owner gave {a} a reward;the owner thanked {a} for being honest",
    ),
}
