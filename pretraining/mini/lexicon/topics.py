"""Topics: who acts, what they do and with what, one line of words a slot."""

from __future__ import annotations

# topic: agents; acts (past, with object slot {o}); objects
TOPICS: dict[str, tuple[str, str, str]] = {
    "sport": (
        "the striker;the goalkeeper;the coach;the home team;the champion;the referee;the "
        "runner;the captain;the swimmer",
        "prepared for {o};trained hard for {o};missed {o};celebrated {o};was injured before "
        "{o};watched {o} from the bench;looked forward to {o}",
        "the cup final;the relay race;the league match;the marathon;the tournament;the "
        "semi-final;the penalty shoot-out;the play-off;the qualifying round;the opening game",
    ),
    "business": (
        "the company;the bank;the investor;the retailer;the chief executive;the start-up;the "
        "shareholder;the accountant",
        "announced {o};profited from {o};lost money on {o};reported on {o};worried about {o};"
        "planned {o};benefited from {o}",
        "the merger;quarterly sales;its share price;the loan;the takeover bid;higher wages;the "
        "annual budget;the stock sale",
    ),
    "science": (
        "the physicist;the laboratory;the astronomer;the biologist;the research group;the "
        "space agency;the chemist",
        "measured {o};discovered {o};published a paper on {o};tested a theory of {o};observed "
        "{o};modelled {o}",
        "the distant planet;the new particle;the cell's genes;the comet;the virus;dark matter;"
        "the fossil;the chemical reaction",
    ),
    "world": (
        "the president;the minister;the embassy;the rebel army;the parliament;the diplomat;the "
        "refugees;the prime minister",
        "condemned {o};commented on {o};debated {o};warned of {o};objected to {o};held talks "
        "about {o};protested over {o}",
        "the peace treaty;the border conflict;the election result;the ceasefire;the sanctions;"
        "the new constitution;the coup",
    ),
    "cooking": (
        "the chef;my grandmother;the baker;the cook;the pastry student;our host",
        "simmered {o};seasoned {o};served {o};burned {o};stirred {o} slowly;wrote down a "
        "recipe for {o}",
        "the lentil soup;the bread dough;the roast;the curry;the pie crust;the tomato sauce;"
        "the omelette;the stew",
    ),
    "travel": (
        "the tourist;the hiker;our guide;the backpacker;the passenger;the young couple",
        "booked {o};missed {o};photographed {o};looked for {o};paid extra for {o};recommended {o}",
        "the night train;the mountain hostel;the boat tour;the connecting flight;the old town "
        "walk;the visa;the island ferry",
    ),
    "health": (
        "the doctor;the clinic;the nurse;the pharmacist;the surgeon;the dentist;the hospital "
        "ward;the family doctor",
        "treated {o};was puzzled by {o};diagnosed {o};prescribed pills for {o};asked about {o};"
        "had a cure for {o}",
        "the fever;a sore throat;high blood pressure;the broken rib;the flu;a bad cough;the "
        "toothache;the skin rash",
    ),
    "music": (
        "the violinist;the band;the choir;the drummer;the conductor;the pianist",
        "rehearsed {o};recorded {o};knew {o} by heart;performed {o};arranged {o};hummed {o}",
        "the slow ballad;the symphony;the guitar solo;the second movement;the chorus;the jazz "
        "tune;the lullaby",
    ),
    "law": (
        "the judge;the lawyer;the jury;the witness;the court;the prosecutor",
        "read {o};appealed against {o};doubted {o};dismissed {o};signed {o};heard {o}",
        "the verdict;the written contract;the testimony;the charge of theft;the fine;the "
        "prison sentence;the lawsuit",
    ),
    "animals": (
        "the zookeeper;the vet;the puppy;the wolf;the farmer's dog;the elephant;the kitten",
        "fed {o};chased {o};hid from {o};sniffed at {o};guarded {o};scratched {o}",
        "the litter of cubs;the nest;the herd;the bird cage;the rabbit hole;the long tail;"
        "the old cat",
    ),
    "weather": (
        "the storm;the forecast;the heavy rain;the cold front;the hurricane;thick fog",
        "brought {o};delayed {o};caused {o};was followed by {o};ended {o};warned of {o}",
        "the flood;a week of frost;strong winds;the heatwave;thunder and lightning;the drought;"
        "a snowy night",
    ),
    "computers": (
        "the programmer;the server;the hacker;the software firm;the web designer;the user",
        "deleted {o};updated {o};crashed because of {o};installed {o};encrypted {o};debugged {o}",
        "the database;the operating system;the password file;the mobile app;the browser;the "
        "source code;the email virus",
    ),
    "school": (
        "the teacher;the pupil;the head teacher;the whole class;the student;the tutor",
        "graded {o};failed {o};prepared {o};forgot {o};explained {o};copied {o}",
        "the maths exam;the homework;the spelling test;the history essay;the lesson plan;the "
        "science fair project",
    ),
    "fashion": (
        "the designer;the model;the tailor;the shoe brand;the stylist;the fashion house",
        "wore {o};sewed {o};presented {o};copied {o};ironed {o};sold out of {o}",
        "the silk gown;the autumn collection;the leather boots;the wedding dress;the striped "
        "scarf;the denim jacket",
    ),
    "farming": (
        "the farmer;the farm hand;the estate;the fruit grower;the tractor driver",
        "harvested {o};planted {o};sprayed {o};sold {o};lost {o} to frost;watered {o}",
        "the wheat;the barley field;the potato crop;the maize;the vineyard;the hay;the apple "
        "orchard",
    ),
    "art": (
        "the painter;the gallery;the sculptor;the curator;the art student;the collector",
        "framed {o};exhibited {o};restored {o};sketched {o};auctioned {o};stole {o}",
        "the oil portrait;the marble statue;the landscape;the self-portrait;the watercolour;"
        "the fresco",
    ),
    "transport": (
        "the train driver;the bus company;the cyclist;the railway;the taxi firm;the road crew",
        "blocked {o};repaired {o};stopped at {o};widened {o};slowed down before {o};closed {o}",
        "the motorway;the tram line;the level crossing;the tunnel;the traffic light;the "
        "platform;the roundabout",
    ),
    "gardening": (
        "the gardener;my neighbour;the park keeper;the plant nursery;the flower club",
        "watered {o};pruned {o};dug up {o};fertilised {o};admired {o};mowed around {o}",
        "the rose bush;the lawn;the tulip bulbs;the compost heap;the hedge;the flower bed;the "
        "seedlings",
    ),
    "religion": (
        "the priest;the monk;the congregation;the pilgrim;the bishop;the rabbi",
        "prayed before {o};blessed {o};sang {o};preached about {o};visited {o};knelt at {o}",
        "the altar;the holy book;the shrine;the evening hymn;the chapel;the sermon;the temple gate",
    ),
    "crime": (
        "the detective;the thief;the police;the burglar;the gang;the inspector",
        "searched for {o};stole {o};found {o};escaped with {o};questioned a man about {o};"
        "photographed {o}",
        "the stolen jewels;the getaway car;the murder weapon;the fingerprints;the ransom note;"
        "the robbery scene",
    ),
    "history": (
        "the king;the emperor;the knight;the historian;the queen;the archaeologist",
        "conquered {o};defended {o};wrote about {o};excavated {o};inherited {o};burned {o}",
        "the castle;the ancient city;the roman fort;the throne;the medieval abbey;the pyramid;"
        "the crown",
    ),
    "games": (
        "the chess player;the dice club;the gamer;my little brother;the card shark",
        "lost {o};won {o} in the last move;cheated at {o};explained {o};saved {o};finished {o}",
        "the board game;the chess match;the final level;the card trick;the puzzle;the bonus round",
    ),
    "housing": (
        "the landlord;the tenant;the estate agent;the builder;the architect;the plumber",
        "renovated {o};rented out {o};plastered {o};inspected {o};insulated {o};fixed {o}",
        "the flat;the leaking roof;the spare room;the bathroom tiles;the front porch;the loft;"
        "the basement flat",
    ),
    "sea": (
        "the sailor;the fishing crew;the lighthouse keeper;the diver;the ship's captain",
        "repaired {o};lowered {o};steered past {o};spotted {o};hauled in {o};sailed towards {o}",
        "the anchor;the coral reef;the nets;the harbour mouth;the mast;the shipwreck;the lifeboat",
    ),
}
