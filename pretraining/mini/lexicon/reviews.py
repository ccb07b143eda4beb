"""Domains of reviews: their parts, and the words that judge them."""

from __future__ import annotations

# Domains of the pretraining mixture; the others belong to tasks of the suite.
PRETRAINING_REVIEWS = (
    "book", "phone", "garden tool", "museum", "bus trip", "concert", "gym", "online course",
    "car", "radio show",
)  # fmt: skip
# domain: thing; clusters "aspects | praise | blame" whose words fit each other (a star marks a
# plural, an underscore joins two words); praise acts; blame acts.
REVIEWS: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "film": (
        "film",
        (
            "plot story script ending opening dialogue twist premise jokes* | gripping witty "
            "clever touching thrilling believable original funny suspenseful convincing | boring "
            "predictable silly shallow confusing dreary unbelievable tired contrived stupid",
            "acting cast direction lead_role villain supporting_cast stars* | convincing moving "
            "charming brilliant heartfelt natural magnetic commanding | wooden clumsy unconvincing "
            "exaggerated stiff charmless sleepy forced",
            "camerawork soundtrack editing lighting pace set_design costumes* effects* | stylish "
            "striking elegant imaginative crisp stunning atmospheric inventive | noisy clumsy "
            "sloppy cheap distracting ugly dated chaotic",
        ),
        "kept me on the edge of my seat;made the whole audience laugh;stayed with me for days;"
        "deserved every prize it won;moved my father to tears;is worth seeing twice",
        "put half of the audience to sleep;wasted two hours of my life;made no sense at all;"
        "fell apart in the second half;felt twice as long as it was;ruined a fine novel",
    ),
    "restaurant": (
        "restaurant",
        (
            "food soup dessert bread sauce fish coffee rice salad noodles* vegetables* dumplings* "
            "| delicious tasty fresh crisp tender flavourful fragrant mouth-watering savoury | "
            "bland stale greasy overcooked salty burnt soggy tasteless undercooked",
            "waiter service cook hostess staff waitress owner bartender | friendly attentive "
            "polite welcoming quick cheerful courteous gracious | rude slow careless unfriendly "
            "impatient forgetful grumpy clumsy",
            "dining_room menu decor terrace kitchen atmosphere tables* prices* | pleasant cosy "
            "inviting spotless charming reasonable relaxed fair | filthy gloomy dingy noisy "
            "unreasonable tacky disgusting shabby",
        ),
        "sent us home full and happy;made us order a second plate;served the best meal of our "
        "trip;treated us like family;won us over with the first bite;deserves its long queue",
        "left us hungry and cross;made my brother ill;forgot our order twice;charged us for a "
        "dish we never had;kept us waiting for an hour;ruined our anniversary",
    ),
    "theatre": (
        "play",
        (
            "performance lead_actor leading_lady understudy narrator dancers* actors* | dazzling "
            "graceful captivating radiant masterly spirited compelling assured | lifeless "
            "amateurish stiff hesitant wooden feeble listless hammy",
            "music singing orchestra overture chorus finale songs* | stirring tuneful sparkling "
            "rousing melodious enchanting uplifting harmonious | shrill monotonous off-key "
            "tuneless tinny grating droning laboured",
            "first_act second_act scenery stage_set choreography humour staging costumes* | "
            "inspired lively inventive polished magical enthralling vivid ingenious | tedious "
            "muddled tiresome pretentious drab hollow clumsy unfunny",
        ),
        "brought the house to its feet;gave the old story new life;left the crowd cheering;"
        "held every eye in the hall;earned three curtain calls;sent us home humming",
        "emptied the hall before the interval;had people checking their watches;missed every "
        "note that mattered;bored even the critics;drew a few polite claps;made the evening "
        "feel endless",
    ),
    "hotel": (
        "hotel",
        (
            "room bed bathroom suite carpet shower mattress pillows* towels* curtains* | "
            "comfortable spotless spacious cosy soft immaculate snug luxurious | filthy cramped "
            "smelly shabby damp musty lumpy grubby",
            "receptionist porter chambermaid concierge manager doorman waiters* | helpful gracious "
            "obliging discreet kind-hearted hospitable efficient warm-hearted | unfriendly "
            "arrogant unhelpful dismissive lazy surly indifferent hostile",
            "lobby view location garden breakfast_buffet swimming_pool neighbourhood balcony | "
            "sunny elegant peaceful restful delightful idyllic scenic tranquil | draughty gloomy "
            "neglected dismal dreary bleak depressing run-down",
        ),
        "gave us a bigger room for free;made our honeymoon perfect;let us sleep like babies;"
        "felt like a second home;looked after our children with a smile;is where we will stay "
        "again",
        "lost our booking;kept us awake all night;charged us for broken lamps;had insects in "
        "the bath;refused to change the dirty sheets;sent us away at midnight",
    ),
    "book": (
        "novel",
        (
            "plot ending premise mystery opening_scene story_line chapters* | absorbing "
            "fascinating subtle memorable gripping surprising intricate satisfying | tedious "
            "implausible trite rambling dull far-fetched pointless predictable",
            "prose style dialogue narrator language translation descriptions* | vivid poetic wise "
            "insightful playful rich readable precise | wordy pompous repetitive lifeless sloppy "
            "awkward dry stilted",
            "hero heroine main_character detective family villain characters* | believable "
            "likeable complex sympathetic amusing unforgettable human | flat unlikeable shallow "
            "forgettable unbelievable irritating wooden",
        ),
        "kept me reading until dawn;changed the way I see my town;made me want to read it "
        "again;taught me something on every page;became my favourite gift",
        "gathered dust by my bed;sent me to sleep;tested my patience;ended before it went "
        "anywhere;went straight to the second-hand shop",
    ),
    "phone": (
        "phone",
        (
            "screen camera speaker display flash microphone photos* | sharp bright clear accurate "
            "vivid brilliant crisp | blurry dim scratchy grainy fuzzy faulty dull",
            "battery charger processor software signal app_store updates* | fast reliable smooth "
            "dependable quick efficient stable | slow unreliable buggy weak laggy useless unstable",
            "case design keyboard grip size weight buttons* | sturdy handy light sleek durable "
            "attractive comfortable | fragile flimsy clumsy ugly bulky awkward uncomfortable",
        ),
        "lasted three days on one charge;survived a fall down the stairs;did everything I "
        "asked of it;replaced my old camera;made calls clear again",
        "died after a week;stopped working in the rain;dropped every second call;burned my "
        "hand;broke on the first day",
    ),
    "garden tool": (
        "garden tool",
        (
            "handle grip lever weight balance design straps* | comfortable handy light practical "
            "useful well-balanced clever | awkward clumsy heavy wobbly useless slippery "
            "uncomfortable",
            "blade motor spring cable chain gear wheels* | sharp sturdy reliable robust precise "
            "powerful durable | blunt flimsy rusty loose faulty dangerous fragile",
            "price manual packaging delivery guarantee paintwork instructions* | fair helpful "
            "quick clear generous neat handsome | unfair misleading slow unreadable careless "
            "shoddy ugly",
        ),
        "cut through the hedge like butter;saved my back;made the work a pleasure;lasted for "
        "years;did the job in minutes",
        "snapped in two;gave me blisters;rusted within a week;jammed every few minutes;ended "
        "in the bin",
    ),
    "museum": (
        "museum",
        (
            "collection exhibition main_hall permanent_show paintings* statues* | fascinating "
            "impressive splendid rich surprising beautiful remarkable | dull disappointing tiny "
            "chaotic boring dusty uninspired",
            "tour_guide guard ticket_clerk lecture audio_guide tour signs* | friendly informative "
            "helpful patient lively clear knowledgeable | unfriendly confusing rude impatient "
            "wrong gloomy ignorant",
            "shop cafe entrance garden building lighting rooms* | charming bright pleasant lovely "
            "spacious clean inviting | crowded overpriced shabby stuffy dark dirty cramped",
        ),
        "kept the children busy for hours;taught us a great deal;made history come alive;was "
        "the best part of the trip;filled us with wonder",
        "bored the whole class;had half of its rooms closed;sent us the wrong way twice;was a "
        "waste of an afternoon;left us tired and cross",
    ),
    "bus trip": (
        "bus trip",
        (
            "driver conductor guide ticket_office lost_property_office other_passengers* | polite "
            "cheerful friendly calm helpful patient | rude careless noisy unfriendly lazy impatient",
            "seat legroom air_conditioning heating toilet ride windows* | comfortable smooth clean "
            "generous pleasant quiet | uncomfortable bumpy dirty broken cramped smelly",
            "route schedule view price lunch_stop arrival connections* | scenic punctual "
            "convenient reasonable relaxing perfect | tiring late inconvenient unreasonable slow "
            "annoying",
        ),
        "got us there early;made the hours fly;let us enjoy the mountains;was worth every coin;"
        "made me forget my fear of roads",
        "left us by the roadside;made everyone sick;took twice as long as promised;lost our "
        "bags;cost us a day",
    ),
    "concert": (
        "concert",
        (
            "singer band drummer pianist opening_act trumpet_player guitarists* | energetic superb "
            "lively amazing tight joyful skilful | weak sloppy tired lame messy bored unprepared",
            "sound bass piano first_song encore acoustics guitars* melodies* | beautiful clear "
            "warm rousing magical sweet catchy | muffled loud shrill flat forgettable harsh "
            "annoying",
            "light_show hall crowd bar security organisation seats* | fantastic good-natured "
            "welcoming smooth comfortable dazzling efficient | unfriendly chaotic cold aggressive "
            "uncomfortable rude slow",
        ),
        "had everyone dancing;gave me goosebumps;was worth the long queue;made my year;sounded "
        "better than the record",
        "hurt my ears;ended after half an hour;drove people to the exits;started two hours "
        "late;was a great disappointment",
    ),
    "gym": (
        "gym",
        (
            "trainer receptionist yoga_teacher swimming_coach manager staff | friendly motivating "
            "helpful cheerful patient expert | rude lazy unhelpful grumpy impatient careless",
            "changing_room pool sauna floor equipment showers* lockers* machines* | modern clean "
            "spacious bright tidy well-kept | dirty broken cramped smelly slippery old-fashioned",
            "membership_fee timetable contract morning_class music opening_hours* | fair excellent "
            "convenient flexible pleasant reasonable | unfair useless inconvenient confusing "
            "annoying outrageous",
        ),
        "helped me lose ten kilos;made exercise fun;changed my life;got me out of bed each day;"
        "cured my back",
        "lost my membership card twice;hurt my knee;never answered the phone;took my money and "
        "closed;made me give up",
    ),
    "online course": (
        "course",
        (
            "teacher tutor forum support feedback lecturer | patient helpful inspiring engaging "
            "kind encouraging | impatient rude unhelpful absent boring dismissive",
            "first_lesson textbook video material final_exam homework slides* exercises* | clear "
            "useful practical thorough logical rewarding | confusing outdated vague shallow "
            "pointless rushed",
            "price certificate website schedule video_quality login_page | fair valuable flexible "
            "excellent convenient reliable | unfair worthless chaotic poor inconvenient unreliable",
        ),
        "got me a better job;made maths easy;answered all of my questions;was worth the effort;"
        "gave me new confidence",
        "left me more confused than before;skipped the hard parts;crashed during the exam;"
        "wasted my savings;taught me nothing new",
    ),
    "car": (
        "car",
        (
            "engine steering gearbox suspension clutch handling brakes* | smooth quiet powerful "
            "dependable nimble responsive | noisy jerky sluggish rattling weak unreliable",
            "boot dashboard interior radio heating back_seat mirrors* seats* | roomy comfortable "
            "elegant practical solid cosy | cramped ugly uncomfortable cheap rusty flimsy",
            "dealer price fuel_consumption guarantee garage resale_value | fair honest modest "
            "generous excellent impressive | dishonest outrageous shocking stingy unfair shameful",
        ),
        "started every time in winter;carried us across the country;kept my family safe;cost "
        "almost nothing to run;made driving a joy",
        "broke down on the motorway;drank fuel like water;spent months at the garage;leaked "
        "oil on my drive;failed its first test",
    ),
    "radio show": (
        "radio show",
        (
            "host interviewer presenter co-host news_reader expert callers* | smart warm funny "
            "charming thoughtful fair | annoying smug rude shallow biased ignorant",
            "interview quiz humour news_section final_segment debate stories* jokes* | "
            "entertaining informative witty refreshing lively original | tiresome dull silly stale "
            "repetitive pointless",
            "music theme_tune sound_quality voice format timing songs* | pleasant catchy clear "
            "perfect soothing cheerful | loud grating muffled irritating monotonous awkward",
        ),
        "brightened my mornings;made the traffic bearable;taught me about jazz;asked the right "
        "questions;made us all laugh",
        "made me switch off;shouted over every guest;played the same five songs;lost its way "
        "years ago;insulted its listeners",
    ),
}
