"""Cause and effect: schemas of (causes, effects); {a} a person, {x} a thing, {s} she/he."""

from __future__ import annotations

SCHEMAS: dict[str, tuple[str, str]] = {
    "broken": (
        "{a} dropped the {x};the {x} fell down the stairs;a truck ran over the {x}",
        "the {x} broke into pieces;the {x} had to be repaired;{a} had to buy a new {x}",
    ),
    "dirty": (
        "the {x} fell into the mud;{a} spilled soup over the {x};{a} left the {x} in the dust",
        "the {x} had to be washed;{a} wiped the {x} with a wet cloth;the {x} was covered with "
        "stains",
    ),
    "stolen": (
        "{a} left the {x} in the street overnight;a thief broke into the house of {a}",
        "the {x} was gone in the morning;{a} reported the missing {x} to the police;{a} called "
        "the police about the {x}",
    ),
    "hungry": (
        "{a} had eaten nothing since the morning;{a} had skipped breakfast and lunch",
        "{a} ordered a large meal;{a} ate three plates of rice;{a}'s stomach growled",
    ),
    "thirsty": (
        "{a} had walked for hours in the hot sun;{a} ate a bag of salty nuts",
        "{a} drank a whole bottle of water;{a} asked for a cold drink;{a}'s throat was dry",
    ),
    "tired": (
        "{a} had worked all night;{a} did not sleep well;{a} carried heavy boxes up six floors",
        "{a} fell asleep on the sofa;{a} went to bed early;{a} could not stop yawning",
    ),
    "rain": (
        "dark clouds covered the sky;it started to rain",
        "{a} opened an umbrella;{a} came home with wet hair;{a} covered the {x} to keep it dry",
    ),
    "cold": (
        "the heating in the house of {a} broke down;snow fell during the walk of {a}",
        "{a} put on a warm coat;{a} began to shiver;{a} lit a fire",
    ),
    "dark": (
        "the power went out at night;the sun went down while {a} was reading",
        "{a} lit a candle;{a} could not see the {x};{a} looked for a torch",
    ),
    "late": (
        "{a} missed the bus;the alarm clock of {a} did not ring;{a} was stuck in traffic",
        "{a} arrived late;{a} missed the start of the meeting;{a} apologised for being late",
    ),
    "win": (
        "{a} trained every day for the race;{a} guessed every answer of the quiz",
        "{a} won first prize;{a} received a gold medal;everyone congratulated {a}",
    ),
    "fail": (
        "{a} did not study for the exam;{a} forgot everything during the test",
        "{a} failed the class;{a} got a bad mark;{a} had to repeat the test",
    ),
    "ill": (
        "{a} ate spoiled fish;{a} caught a virus;{a} sat next to a man with the flu",
        "{a} went to see a doctor;{a} had a high fever;{a} stayed in bed with a fever",
    ),
    "lost key": (
        "{a} lost the key to the house;the lock of the front door jammed",
        "{a} climbed in through a window;{a} called a locksmith;{a} could not get into the house",
    ),
    "birthday": (
        "it was the birthday of {a};{a} turned thirty",
        "friends gave {a} the {x} as a gift;{a} blew out the candles on a cake;{a} opened many "
        "presents",
    ),
    "fire": (
        "{a} forgot the pot on the stove;a spark fell on the curtains",
        "smoke filled the kitchen;{a} ran for the fire extinguisher;the fire alarm rang",
    ),
    "loud": (
        "the neighbours played loud music at night;a drummer moved in next to {a}",
        "{a} put in earplugs;{a} complained about the noise;{a} knocked on the wall",
    ),
    "rich": (
        "{a} won the lottery;{a} inherited a fortune from an aunt",
        "{a} bought a large house;{a} quit the job;{a} gave money to the poor",
    ),
    "poor": (
        "{a} lost all the money at cards;{a} lost the job",
        "{a} had to sell the {x};{a} could not pay the rent;{a} borrowed money from a friend",
    ),
    "sad": (
        "the dog of {a} died;{a}'s best friend moved far away",
        "{a} burst into tears;{a} felt lonely;{a} wept all evening",
    ),
    "funny": (
        "{a} heard a good joke;the clown slipped in front of {a}",
        "{a} burst out laughing;{a} laughed until it hurt;{a} could not stop giggling",
    ),
    "scared": (
        "a huge spider crawled towards {a};{a} heard steps in the empty house",
        "{a} screamed in fear;{a} ran out of the room;{a}'s hands trembled",
    ),
    "angry": (
        "someone scratched the {x} of {a} on purpose;a stranger insulted {a}",
        "{a} shouted in anger;{a} slammed the door;{a}'s face turned red with rage",
    ),
    "bored": (
        "the speech went on for three hours;{a} had nothing to do all day",
        "{a} began to daydream;{a} scribbled on a napkin;{a} counted the tiles of the ceiling",
    ),
    "gift": (
        "{a} wanted to please a friend;{a} was invited to a wedding",
        "{a} wrapped the {x} in pretty paper;{a} chose the {x} as a present",
    ),
    "flat tyre": (
        "{a} drove over a nail;glass lay on the road when {a} drove by",
        "{a} had to change a tyre;the car of {a} got a flat tyre",
    ),
    "no fuel": (
        "{a} forgot to fill the tank;the fuel gauge of {a}'s car was at zero",
        "the car of {a} stopped on the motorway;{a} walked to the nearest petrol station",
    ),
    "empty": (
        "{a} sold everything in the shop;guests ate all the food in {a}'s kitchen",
        "the shelves were empty;{a} went out to buy new supplies",
    ),
    "wet paint": (
        "{a} leaned against a freshly painted wall;{a} sat on a wet painted bench",
        "{a} had paint on the jacket;{a} tried to remove the paint with soap",
    ),
    "dog": (
        "{a} found a lonely puppy in the street;{a} visited an animal shelter",
        "{a} took the puppy home;{a} bought a leash and a bowl",
    ),
    "garden": (
        "{a} planted seeds in the spring;{a} watered the bed every day",
        "flowers grew under the window of {a};{a} picked fresh beans in the summer",
    ),
    "drought": (
        "it did not rain for two months;the river near the farm of {a} dried up",
        "the crops of {a} withered;{a} had to save water",
    ),
    "injury": (
        "{a} slipped on the ice;{a} fell off a ladder",
        "{a} broke a leg;{a} walked on crutches;an ambulance took {a} to the hospital",
    ),
    "bee": (
        "{a} disturbed a nest of bees;a wasp landed on the arm of {a}",
        "{a} was stung;{a}'s arm swelled up;{a} ran away from the buzzing",
    ),
    "sun": (
        "{a} lay on the beach for hours without a hat;{a} forgot the sun cream",
        "{a}'s skin turned red;{a} got sunburnt",
    ),
    "practice": (
        "{a} practised the piano for years;{a} took singing lessons",
        "{a} gave a fine concert;the audience cheered the music of {a}",
    ),
    "caught": (
        "{a} was driving too fast;{a} parked in front of a fire station",
        "a policeman stopped {a};{a} had to pay a fine",
    ),
    "moved": (
        "{a} found a job in another city;the flat of {a} became too small",
        "{a} packed everything into boxes;{a} rented a moving van",
    ),
    "slip of tongue": (
        "{a} told a secret by mistake;{a} said something rude at dinner",
        "{a} blushed with shame;{a} apologised to everyone at the table",
    ),
    "storm": (
        "a storm hit the village of {a};strong winds blew all night",
        "a tree fell on the roof of {a};the {x} was blown away",
    ),
    "old battery": (
        "the battery of the phone of {a} was empty;{a} forgot the charger at home",
        "{a} could not call anyone;the screen of {a}'s phone went black",
    ),
    "diet": (
        "{a} stopped eating sweets;{a} went running every morning",
        "{a} lost ten kilos;{a}'s old trousers became too wide",
    ),
    "library": (
        "{a} forgot to return the books;the books of {a} were two months overdue",
        "{a} had to pay a fee to the library;the librarian sent {a} a reminder",
    ),
    "flood": (
        "a pipe burst in the house of {a};{a} left the tap running",
        "water covered the floor;{a} called a plumber;{a} mopped the floor for hours",
    ),
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
