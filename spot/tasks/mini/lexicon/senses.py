"""Words with two senses; every sense is a domain and phrases that fix it ({n}: a name)."""

from __future__ import annotations

# word: (phrases of the first sense, phrases of the second); phrases contain the word.
SENSES: dict[str, tuple[str, str]] = {
    "bank": (
        "{n} opened an account at the bank;the bank lent {n} money for a house;the bank raised "
        "its interest rates;{n} paid the cheque into the bank",
        "{n} sat on the bank and watched the river;reeds grew along the muddy bank;the boat "
        "was tied to the left bank;the stream rose over its bank",
    ),
    "bat": (
        "a bat hung from the roof of the cave;{n} saw a bat fly out at dusk;the bat slept "
        "upside down;the small bat caught insects at night",
        "{n} swung the bat and hit the ball;the player broke his bat in the first game;{n} "
        "bought a wooden bat for baseball;the bat slipped from the batter's hands",
    ),
    "spring": (
        "flowers bloom in spring;{n} plants beans every spring;the snow melts in spring;birds "
        "come back in early spring",
        "the metal spring in the mattress snapped;{n} replaced the spring of the old clock;a "
        "steel spring pushes the lid open;the pen needs a new spring",
    ),
    "match": (
        "{n} lit the candle with a match;the match burned down to his fingers;{n} struck a "
        "match in the dark;the damp match gave no flame",
        "{n} scored twice in the match;the match ended without a goal;fans sang during the "
        "tennis match;rain stopped the match at half time",
    ),
    "ring": (
        "{n} wore a gold ring;the ring held a small diamond;{n} slipped the ring on her finger;"
        "the jeweller polished the ring",
        "the boxer climbed into the ring;two fighters met in the ring;{n} was knocked down in "
        "the ring;the referee stepped into the ring",
    ),
    "seal": (
        "a seal swam under the ice;the seal ate a fish;{n} watched the seal dive;the young "
        "seal lay on the beach",
        "{n} pressed the seal into the hot wax;the letter bore a royal seal;the duke's seal "
        "was on the document;{n} broke the seal of the envelope",
    ),
    "trunk": (
        "the elephant raised its trunk;water sprayed from the animal's trunk;the baby elephant "
        "curled its trunk;the trunk reached for a peanut",
        "{n} packed clothes into the trunk;the heavy trunk stood in the attic;{n} locked the "
        "trunk before the voyage;old letters lay in the wooden trunk",
    ),
    "pitcher": (
        "{n} filled the pitcher with milk;the glass pitcher stood on the table;lemonade was "
        "poured from the pitcher;the clay pitcher cracked",
        "the pitcher threw a fast ball;{n} is the best pitcher of the team;the pitcher hurt "
        "his arm in the game;the crowd cheered for the pitcher",
    ),
    "bark": (
        "the bark of the oak was rough;{n} cut a name into the bark;moss grew on the bark of "
        "the tree;insects live under the bark",
        "the dog's bark woke {n};a loud bark came from the kennel;the puppy has a high bark;"
        "{n} heard the angry bark of a guard dog",
    ),
    "nail": (
        "{n} hammered a nail into the wall;the picture hangs on a nail;the carpenter bent the "
        "nail;a rusty nail stuck out of the board",
        "{n} painted every nail red;she broke a nail on her thumb;the nail of his big toe was "
        "blue;{n} bit a nail while waiting",
    ),
    "palm": (
        "a palm stood on the sandy beach;coconuts fell from the palm;{n} slept in the shade of "
        "a palm;the storm bent the tall palm",
        "{n} held the coin in one palm;the palm of her hand was sore;a fortune teller read "
        "{n}'s palm;sweat ran from his palm",
    ),
    "crane": (
        "a crane lifted the steel beams;the crane stood over the building site;{n} operates a "
        "crane at the port;the crane lowered the container",
        "a white crane waded in the marsh;the crane spread its wings;{n} photographed a crane "
        "by the lake;the crane built a nest in the reeds",
    ),
    "mouse": (
        "the cat caught a mouse;a mouse ate the cheese;{n} set a trap for the mouse;the mouse "
        "ran into its hole",
        "{n} clicked with the mouse;the computer needs a new mouse;move the mouse to the left "
        "of the screen;{n} plugged in the wireless mouse",
    ),
    "pen": (
        "{n} wrote the letter with a pen;the pen ran out of ink;{n} signed with a silver pen;"
        "the pen leaked on the paper",
        "the pigs slept in their pen;{n} drove the sheep into the pen;the farmer mended the "
        "pen;a goat jumped out of the pen",
    ),
    "chest": (
        "{n} felt a pain in the chest;the doctor listened to his chest;she folded her arms "
        "over her chest;the runner's chest rose and fell",
        "the pirates buried the chest;gold filled the old chest;{n} lifted the lid of the "
        "chest;the blankets are kept in a chest",
    ),
    "pool": (
        "{n} swam across the pool;the pool was full of cold water;children splashed in the "
        "pool;{n} dived into the pool",
        "{n} played pool in the bar;he chalked his cue for a game of pool;they bet money on "
        "pool;{n} is a master at pool",
    ),
    "note": (
        "{n} left a note on the door;the note said to buy bread;{n} wrote a short note to the "
        "teacher;he found a note under the plate",
        "the singer held the high note;{n} played a wrong note on the piano;the song ends on a "
        "low note;each note of the flute was clear",
    ),
    "plant": (
        "{n} watered the plant;the plant needs more sun;a green plant stood by the window;the "
        "leaves of the plant turned brown",
        "{n} works at the car plant;the power plant employs hundreds;workers left the plant at "
        "six;the chemical plant was closed",
    ),
    "star": (
        "a bright star shone in the night sky;{n} saw a star through the telescope;the star "
        "exploded long ago;light from that star takes years",
        "the film star signed autographs;{n} became a pop star;reporters followed the star to "
        "the hotel;the young star won an award",
    ),
    "date": (
        "{n} forgot the date of the meeting;the date was printed on the ticket;they agreed on "
        "a date in May;{n} wrote the date at the top",
        "{n} ate a sweet date;the cake was filled with date and nut;a sticky date lay on the "
        "plate;{n} bought a dried date at the market",
    ),
    "letter": (
        "{n} mailed a letter to a friend;the letter arrived by post;{n} opened the letter at "
        "breakfast;the letter had a foreign stamp",
        "the word starts with a capital letter;{n} learned the first letter of the alphabet;"
        "each letter was painted on the sign;he mistyped one letter",
    ),
    "file": (
        "{n} smoothed the metal with a file;the locksmith used a small file;the file removed "
        "the rust;{n} sharpened the saw with a file",
        "{n} deleted the file from the computer;the file was too big to email;a virus damaged "
        "the file;{n} saved the file twice",
    ),
    "key": (
        "{n} turned the key in the lock;the key opens the front door;{n} lost the key of the "
        "car;a spare key lies under the mat",
        "{n} pressed a black key of the piano;the organ has a broken key;her finger slipped "
        "off the key in the sonata;the pianist hit the lowest key",
    ),
    "glass": (
        "{n} drank a glass of water;the glass was full of juice;{n} raised a glass to the "
        "guests;wine filled the tall glass",
        "the window is made of thick glass;the church has coloured glass;{n} cut the glass for "
        "the frame;broken glass from the shop front lay on the road",
    ),
    "club": (
        "{n} joined the chess club;the club meets on Fridays;members of the club paid a fee;"
        "{n} was elected head of the club",
        "{n} hit the golf ball with a club;the caveman carried a club;the golfer chose a "
        "longer club;the guard raised a heavy club",
    ),
    "court": (
        "the court found him guilty;{n} had to appear in court;the judge entered the court;the "
        "court heard the witness",
        "{n} served the ball across the court;the tennis court was wet;players warmed up on "
        "the court;the basketball bounced on the court",
    ),
    "jam": (
        "{n} spread jam on the toast;the jam was made from plums;a jar of jam stood on the "
        "shelf;{n} cooked strawberry jam",
        "{n} sat in a traffic jam for hours;an accident caused a jam on the motorway;the cars "
        "moved slowly through the jam;the jam blocked the road",
    ),
    "bow": (
        "{n} tied the ribbon in a bow;a pink bow decorated the gift;her hair was held by a bow;"
        "the dress has a bow at the back",
        "the archer drew the bow;{n} shot an arrow from the bow;the hunter carried a bow;the "
        "string of the bow snapped",
    ),
    "sink": (
        "{n} washed the dishes in the sink;the sink was blocked;dirty plates filled the sink;"
        "the plumber fixed the kitchen sink",
        "the ship began to sink;{n} saw the boat sink in the storm;stones sink in water;the "
        "raft will sink with too many people",
    ),
    "fan": (
        "{n} switched on the fan;the fan cooled the room;an electric fan stood in the corner;"
        "the blades of the fan were dusty",
        "{n} is a fan of the football team;a fan asked for an autograph;every fan sang in the "
        "stadium;the loyal fan bought a ticket",
    ),
    "band": (
        "the band played until midnight;{n} sings in a rock band;the drummer left the band;the "
        "band recorded an album",
        "a rubber band held the cards together;{n} stretched the elastic band;the hat has a "
        "silk band;{n} wrapped a band around the parcel",
    ),
    "tie": (
        "{n} wore a striped tie;his tie matched the shirt;he loosened his tie after work;the "
        "silk tie was a gift",
        "the game ended in a tie;the score was a tie at two goals each;after extra time it was "
        "still a tie;{n} broke the tie with a late goal",
    ),
    "table": (
        "{n} sat at the table;plates covered the table;the table has four legs;they carried "
        "the table to the kitchen",
        "the table on page ten lists the prices;{n} added a row to the table;each column of "
        "the table holds a number;the report contains a table of results",
    ),
    "coach": (
        "the coach trained the team;{n} thanked the coach after the game;the swimming coach "
        "shouted advice;the new coach changed the tactics",
        "the coach drove to the coast;{n} took the coach to the airport;passengers boarded the "
        "coach;the coach broke down on the road",
    ),
    "organ": (
        "{n} played the church organ;the organ filled the cathedral with sound;the organ has a "
        "thousand pipes;music from the organ began the service",
        "the heart is a vital organ;doctors transplanted the organ;the liver is the largest "
        "inner organ;{n} donated an organ to his sister",
    ),
    "cell": (
        "the prisoner sat in a cell;{n} was locked in a cell;the cell had one barred window;"
        "the guard opened the cell",
        "the cell divided in two;{n} looked at a cell under the microscope;every cell contains "
        "genes;the virus entered the blood cell",
    ),
    "scale": (
        "{n} stepped on the scale;the scale showed sixty kilos;the butcher put meat on the "
        "scale;the scale weighs letters",
        "a silver scale fell from the fish;{n} found a snake's scale;each scale of the carp "
        "shone;the dragon lost a scale",
    ),
    "bill": (
        "{n} paid the bill in the restaurant;the electricity bill was high;the waiter brought "
        "the bill;the bill came to ten pounds",
        "the duck has a flat bill;the bird opened its bill;a worm hung from the pelican's bill;"
        "the swan's bill is orange",
    ),
    "wave": (
        "a wave knocked {n} off the surfboard;the wave broke on the shore;a huge wave hit the "
        "ship;the wave washed away the sandcastle",
        "{n} greeted us with a wave;the queen gave a friendly wave;a wave of her hand stopped "
        "the taxi;he left with a short wave",
    ),
    "port": (
        "the ship reached the port;{n} worked on the docks of the port;ferries leave the port "
        "at noon;the port was full of sailors",
        "{n} drank a glass of port;the port was sweet and strong;they served port after dinner;"
        "an old bottle of port stood in the cellar",
    ),
    "suit": (
        "{n} wore a grey suit to the wedding;the tailor made a suit;the suit was too tight at "
        "the shoulders;he hung his suit in the wardrobe",
        "{n} filed a suit against the company;the court dismissed the suit;the lawyers settled "
        "the suit;the suit accused the firm of fraud",
    ),
    "racket": (
        "{n} swung the tennis racket;the racket needs new strings;she broke her racket in the "
        "final;the player dropped his racket",
        "the neighbours made a racket at midnight;{n} could not sleep because of the racket;"
        "the children's racket annoyed everyone;what a racket the drums made",
    ),
    "rock": (
        "{n} threw a rock into the lake;the climber held on to the rock;the rock rolled down "
        "the hill;the ship hit a rock",
        "{n} listens to rock on the radio;the band plays loud rock;her guitar style is pure "
        "rock;he prefers rock to jazz",
    ),
    "deck": (
        "sailors scrubbed the deck;{n} stood on the deck of the ferry;the captain walked along "
        "the deck;waves washed over the deck",
        "{n} shuffled the deck;an ace was missing from the deck;the dealer cut the deck;deal "
        "five cards from the deck",
    ),
    "board": (
        "{n} sawed the board in half;the floor has a loose board;the carpenter nailed the "
        "board down;a wooden board covered the hole",
        "the board fired the director;{n} was elected to the board;the school board met on "
        "Monday;members of the board voted",
    ),
    "line": (
        "{n} drew a straight line with a ruler;the line on the map is red;sign on the dotted "
        "line;a white line marks the lane",
        "the actor forgot his line;{n} spoke the last line of the play;the poem's final line "
        "rhymes;she learned every line of her part",
    ),
    "bolt": (
        "a bolt of lightning hit the tree;the bolt lit up the sky;{n} saw a bolt during the "
        "storm;thunder followed the bolt",
        "{n} tightened the bolt with a wrench;the bolt holds the wheel in place;a bolt was "
        "missing from the engine;the rusty bolt broke",
    ),
    "toast": (
        "{n} ate toast with butter;the toast was burnt;she made toast for breakfast;two slices "
        "of toast lay on the plate",
        "{n} gave a toast to the bride;the guests rose for the toast;the best man's toast made "
        "everyone laugh;they drank a toast to peace",
    ),
    "cabinet": (
        "{n} keeps the cups in a cabinet;the cabinet has glass doors;medicine is stored in the "
        "bathroom cabinet;he built an oak cabinet",
        "the prime minister named a new cabinet;the cabinet discussed the tax;two ministers "
        "left the cabinet;{n} served in the cabinet for years",
    ),
    "drill": (
        "{n} made a hole with the drill;the drill needs a new battery;the noise of the drill "
        "filled the workshop;he lent me his electric drill",
        "the pupils practised a fire drill;{n} led the army drill;during the drill everyone "
        "left the building;soldiers marched in the morning drill",
    ),
    "tank": (
        "the tank rolled across the battlefield;soldiers hid behind the tank;the tank fired at "
        "the bunker;{n} drove a tank in the war",
        "the fish swam in the tank;{n} filled the tank with petrol;the water tank leaks;the "
        "tank holds fifty litres",
    ),
}
