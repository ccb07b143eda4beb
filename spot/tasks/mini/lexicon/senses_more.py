"""More words with two senses, in the form of `senses.SENSES`."""

from __future__ import annotations

MORE_SENSES: dict[str, tuple[str, str]] = {
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
