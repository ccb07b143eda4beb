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
    "ruler": (
        "{n} drew a line along the ruler;the ruler is thirty centimetres long;the pupil broke "
        "a plastic ruler;measure the edge with a ruler",
        "the ruler lived in a palace;the people feared their cruel ruler;{n} became ruler of "
        "the island;the ruler signed a new law",
    ),
    "pupil": (
        "the pupil raised a hand in class;every pupil got a new book;{n} was the best pupil of "
        "the school;the teacher helped the slow pupil",
        "the pupil of the eye grows in the dark;bright light made her pupil shrink;the doctor "
        "shone a lamp at his left pupil;a drop of medicine widened the pupil",
    ),
    "battery": (
        "the battery of the torch is empty;{n} charged the battery overnight;the car would not "
        "start because of the battery;put a new battery in the clock",
        "he was charged with assault and battery;the court found {n} guilty of battery;battery "
        "is a crime with a long sentence;the lawyer denied the battery of the guard",
    ),
    "current": (
        "the current carried the swimmer out to sea;{n} rowed against the current;the river "
        "has a strong current;leaves drifted along with the current",
        "the electric current was switched off;a current of ten amps flows in the wire;the "
        "current melted the fuse;{n} measured the current in the cable",
    ),
    "mole": (
        "a mole dug a tunnel under the lawn;{n} saw a blind mole in the field;the mole pushed "
        "up heaps of earth;the cat caught a mole",
        "{n} has a dark mole on one cheek;the doctor removed the mole from his skin;a mole on "
        "the back should be checked;her mole grew larger and itched",
    ),
    "pipe": (
        "the plumber replaced the pipe;water leaked from the pipe;a pipe burst in the cellar;"
        "the gas pipe runs under the street",
        "grandfather smoked a pipe after dinner;{n} filled the pipe with tobacco;he lit his "
        "pipe with a match;the old sailor chewed on his pipe",
    ),
    "stamp": (
        "{n} stuck a stamp on the envelope;the stamp shows the queen;a rare stamp was sold at "
        "the auction;the postcard needs a stamp",
        "the horse gave an angry stamp of its hoof;with a stamp of the foot {n} killed the "
        "spider;the dancer ended with a loud stamp;the child's stamp shook the floor",
    ),
    "temple": (
        "{n} prayed in the temple;monks live in the temple;the temple was built to honour the "
        "gods;incense burned in the old temple",
        "a vein throbbed at his temple;{n} had a bruise on the left temple;she pressed two "
        "fingers to her temple against the headache;the ball hit him on the temple",
    ),
    "volume": (
        "turn down the volume of the radio;the volume of the music hurt our ears;{n} raised "
        "the volume of the television;the speaker has a knob for the volume",
        "the first volume of the novel is out of print;{n} took a thick volume from the shelf;"
        "the library owns every volume of the encyclopedia;the second volume has more chapters",
    ),
    "iron": (
        "the bridge is built of iron;iron rusts in wet air;the smith hammered the hot iron;the "
        "gate is made from iron",
        "{n} pressed the shirt with an iron;the iron burned a hole in the dress;she plugged in "
        "the iron to smooth the trousers;the steam iron is on the ironing board",
    ),
    "trip": (
        "{n} went on a trip to the mountains;the trip took three days by train;they planned a "
        "trip around the lake;we took photos on our trip",
        "a trip over the cable broke his arm;after a trip on the stairs {n} limped;the loose "
        "carpet caused her trip and fall;one trip on the kerb tore his trousers",
    ),
    "sheet": (
        "{n} put a clean sheet on the bed;the white sheet hung on the clothes line;she slept "
        "under a thin sheet;the hotel changes each sheet daily",
        "{n} wrote the answer on a sheet of paper;the printer jammed on the last sheet;he "
        "folded the sheet into an envelope;tear a sheet from the notepad",
    ),
    "plane": (
        "the plane landed at the airport;{n} missed the plane to Rome;the pilot flew the plane "
        "through clouds;passengers got off the plane",
        "the carpenter smoothed the plank with a plane;{n} sharpened the blade of the plane;"
        "shavings curled from the wood under the plane;a hand plane lay on the workbench",
    ),
    "bulb": (
        "{n} screwed a new bulb into the lamp;the bulb in the hall has gone out;a bare bulb "
        "lit the cellar;the bulb uses little electricity",
        "{n} planted a tulip bulb in the garden;the bulb will flower in spring;each bulb needs "
        "deep soil;a mouse dug up the bulb and ate it",
    ),
    "horn": (
        "the driver blew the horn at the crossing;the car's horn scared the cyclist;{n} "
        "pressed the horn in the traffic;the lorry sounded its horn",
        "the goat has one broken horn;the bull's horn tore the coat;a rhino has a horn on its "
        "nose;{n} was hurt by the horn of a ram",
    ),
    "block": (
        "{n} walked around the block;the school is one block from here;they live on the same "
        "block of the city;a taxi waited at the end of the block",
        "the child put one block on top of the other;the tower fell when {n} moved a block;the "
        "statue was cut from a block of marble;a wooden block held the door open",
    ),
    "film": (
        "{n} watched a film at the cinema;the film won an award;the actor hated his last film;"
        "the film lasts two hours",
        "a thin film of oil covered the water;{n} wiped a film of dust off the shelf;a film of "
        "ice lay on the pond;grease left a film on the glass",
    ),
    "lead": (
        "the runner took the lead in the last lap;{n} held the lead until the finish;our team "
        "lost its lead;he was in the lead by two points",
        "{n} put the dog on a lead;the puppy pulled at its lead;the lead slipped off the dog's "
        "collar;keep your dog on a lead in the park",
    ),
    "log": (
        "{n} threw a log on the fire;the log floated down the river;he sawed the log for "
        "firewood;they sat on a fallen log",
        "the captain wrote the position in the log;{n} noted each dive in a log;the ship's log "
        "ends in May;every flight is entered in the pilot's log",
    ),
    "mint": (
        "{n} put fresh mint in the tea;mint grows by the garden wall;the sauce is made of mint "
        "and vinegar;she chewed a leaf of mint",
        "coins are made at the royal mint;{n} works in the mint where money is produced;the "
        "mint struck a gold coin;robbers broke into the mint for the silver",
    ),
    "novel": (
        "{n} wrote a novel about the war;the novel has thirty chapters;a detective novel lay "
        "by the bed;her first novel sold well",
        "it was a novel way to solve the problem;{n} had a novel idea for the machine;the "
        "engineers tried a novel method;a novel approach surprised the experts",
    ),
    "park": (
        "{n} fed the ducks in the park;children played on the swings in the park;the park has "
        "a lake and old trees;they had a picnic in the park",
        "it is hard to park in the city centre;{n} could not park the van in the garage;do not "
        "park in front of the gate;you must pay to park the car here",
    ),
    "pitch": (
        "the players ran onto the pitch;the pitch was too muddy for football;{n} mowed the "
        "grass of the cricket pitch;fans invaded the pitch",
        "the choir sang at a higher pitch;{n} cannot hear a change of pitch;the pitch of the "
        "flute was too low;tune the string to the right pitch",
    ),
    "press": (
        "the press wrote about the scandal;{n} gave an interview to the press;the minister "
        "blamed the press;the story was leaked to the press",
        "the printer cleaned the press;{n} crushed the grapes in a press;the machine press "
        "stamped the metal;apples are squeezed in a wooden press",
    ),
    "record": (
        "{n} put a jazz record on the turntable;the scratched record skipped;the band's record "
        "has ten songs;he bought an old record at the flea market",
        "the swimmer broke the world record;{n} holds the record for the long jump;it was a "
        "record for the marathon;no athlete has beaten that record",
    ),
    "root": (
        "the root of the tree lifted the pavement;{n} pulled the weed out by its root;the root "
        "takes up water from the soil;a thick root blocked the drain",
        "greed is the root of the problem;{n} looked for the root of the conflict;the root of "
        "his fear lay in childhood;poverty was the root of the trouble",
    ),
    "screen": (
        "the screen of the laptop went blue;{n} touched the screen of the tablet;words "
        "appeared on the screen;the computer screen is cracked",
        "a folding screen divided the room;{n} changed clothes behind a screen;a screen of "
        "tall bushes hid the house;the nurse put a screen around the bed",
    ),
    "season": (
        "autumn is the season of falling leaves;{n} loves the rainy season;winter is the "
        "coldest season;tourists come in the dry season",
        "{n} forgot to season the soup with salt;season the meat before you fry it;the cook "
        "likes to season the rice with herbs;do not season the sauce too early",
    ),
    "shade": (
        "{n} sat in the shade of a tree;it was cool in the shade;the dog slept in the shade;"
        "the umbrella gave us some shade",
        "the wall is painted a light shade of blue;{n} chose a darker shade of lipstick;the "
        "carpet has a warm shade of red;mix white to get a paler shade",
    ),
    "shower": (
        "{n} took a hot shower after the run;the shower in the bathroom drips;he sang under "
        "the shower;the hotel room had no shower",
        "a sudden shower soaked the crowd;the forecast promised a shower in the afternoon;{n} "
        "was caught in a shower without an umbrella;after the shower a rainbow appeared",
    ),
    "sole": (
        "the sole of the boot has a hole;{n} stepped on a nail that went through the sole;the "
        "cobbler glued a new sole to the shoe;mud stuck to the sole of his foot",
        "the cook fried a sole in butter;{n} caught a sole in the net;grilled sole was on the "
        "menu with other fish;the fishmonger sold a fresh sole",
    ),
    "speaker": (
        "the speaker thanked the audience for listening;{n} was the main speaker at the "
        "conference;the speaker cleared his throat;the crowd booed the speaker",
        "the speaker on the left has no sound;{n} plugged the speaker into the stereo;the bass "
        "made the speaker buzz;a small speaker stood next to the record player",
    ),
    "stick": (
        "the dog fetched the stick;{n} leaned on a stick while walking;he poked the fire with "
        "a stick;they roasted bread on a stick",
        "the stamp would not stick to the envelope;wet leaves stick to my boots;{n} used glue "
        "to stick the pieces together;the pasta will stick to the pan",
    ),
    "strike": (
        "the workers ended their strike;the strike stopped all the trains;{n} joined the "
        "strike for better pay;the union called a strike",
        "a strike of the hammer bent the nail;the first strike of the axe split the log;{n} "
        "was knocked down by a strike to the chin;one strike of lightning set the barn on fire",
    ),
    "tip": (
        "{n} left a tip for the waiter;the guide expected a tip;the tip was ten percent of the "
        "bill;the taxi driver got a large tip",
        "the tip of the pencil broke;snow lay on the tip of the mountain;{n} burned the tip of "
        "his tongue;the spear has an iron tip",
    ),
    "track": (
        "the train left the track;{n} walked along the railway track;the track was blocked by "
        "a rock;workers laid new track",
        "the last track on the album is my favourite;{n} recorded a track with the band;skip "
        "to the next track on the disc;the opening track has a guitar solo",
    ),
    "train": (
        "the train arrived on time;{n} caught the train at the station;the train crossed the "
        "bridge;passengers slept on the night train",
        "athletes train twice a day;{n} has to train for the race;they train young dogs to "
        "guide the blind;you must train hard to win",
    ),
    "watch": (
        "{n} wore a silver watch;the watch is five minutes slow;he looked at his watch and ran;"
        "the watch has a leather strap",
        "the soldiers kept watch at night;{n} had the first watch on the ship;two guards were "
        "on watch at the gate;the watch on the tower saw the smoke",
    ),
    "yard": (
        "the children played in the yard;{n} parked the tractor in the yard;a high fence runs "
        "around the yard;chickens ran across the farm yard",
        "the rope is one yard long;{n} bought a yard of silk;the ball missed the goal by a "
        "yard;a yard is about ninety centimetres",
    ),
    "ear": (
        "{n} whispered in her ear;an insect bit him behind the ear;the loud noise hurt my ear;"
        "he wears a ring in one ear",
        "an ear of wheat bent in the wind;{n} picked an ear of corn;the farmer rubbed the ear "
        "to free the grain;each ear of barley was ripe",
    ),
    "foot": (
        "{n} broke a bone in the foot;the shoe is too tight for my foot;a horse stepped on his "
        "foot;she stood on one foot",
        "the plank is one foot wide;snow lay a foot deep;{n} is a foot taller than his brother;"
        "the snake was a foot long",
    ),
    "fall": (
        "leaves turn red in the fall;{n} starts college this fall;the fall is cooler than the "
        "summer;we pick apples every fall",
        "{n} broke a leg in the fall;the climber survived the fall;a fall from the ladder hurt "
        "his back;the vase did not survive its fall",
    ),
    "kid": (
        "the kid did his homework;{n} was a shy kid at school;every kid got an ice cream;the "
        "kid cried for its mother in the supermarket aisle",
        "the goat fed her kid;a newborn kid stood beside the nanny goat;{n} watched the kid "
        "grow its first horns;the kid jumped around the goat pen",
    ),
    "lock": (
        "the key turned in the lock;{n} changed the lock of the front door;the thief broke the "
        "lock;a rusty lock closed the gate",
        "{n} cut off a lock of hair;a lock of her curls fell over one eye;he kept a lock of "
        "the baby's hair;a grey lock hung over his forehead",
    ),
    "calf": (
        "the cow licked her calf;a calf was born in the stable;{n} fed the calf with milk;the "
        "calf followed the herd",
        "{n} pulled a muscle in the calf;the runner rubbed his sore calf;a dog bit him in the "
        "calf;the boot was too tight around her calf",
    ),
    "diamond": (
        "the ring holds a diamond;{n} was given a diamond for the wedding;the thief stole a "
        "diamond from the jeweller;the diamond sparkled",
        "{n} drew a diamond with four equal sides;the kite has the shape of a diamond;a red "
        "diamond is printed on the playing card;cut the pastry into a diamond",
    ),
    "pound": (
        "the coat cost one pound;{n} changed a pound into euros;a pound was found in his purse;"
        "she lent me a pound for the bus",
        "the baby gained a pound in a week;{n} bought a pound of cherries;the steak weighs a "
        "pound;the recipe needs a pound of flour",
    ),
    "rest": (
        "{n} took a rest after the climb;the doctor ordered rest;she needed a rest from work;"
        "the horses had an hour of rest",
        "{n} ate the rest of the cake;the rest of the money was lost;two left and the rest "
        "stayed;keep the rest of the bread for tomorrow",
    ),
    "right": (
        "turn right at the church;{n} writes with the right hand;the shop is on the right;her "
        "right shoe is missing",
        "every citizen has the right to vote;{n} fought for the right to strike;the law "
        "protects the right of free speech;they demanded the right to a lawyer",
    ),
    "bridge": (
        "the bridge crosses the river;{n} drove over the bridge;the flood damaged the bridge;a "
        "boat passed under the bridge",
        "{n} played bridge with three friends;they bid high in a game of bridge;bridge is her "
        "favourite card game;the club holds a bridge evening",
    ),
}
