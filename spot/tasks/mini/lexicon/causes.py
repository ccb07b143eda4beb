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
}
