"""Names, kin and jobs: who acts in the mini suite's sentences."""

from __future__ import annotations


def listed(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FEMALE = listed(
    """Anna Maria Sophie Clara Emma Julia Laura Nora Olivia Rosa Sarah Tessa Vera Wendy Zoe Alice
    Bella Cora Diana Elena Fiona Grace Hannah Irene Jane Kate Lily Megan Nina Paula Rachel Stella
    Tina Ursula Violet Willa Yara Amber Bianca Celia Daphne Edith Flora Gina Hazel Ida Joan Karen
    Leila Mona Naomi Opal Petra Quinn Ruth Susan Thea Uma Vivian Wilma Xenia Yvonne Zelda Amira
    Beth Carla Dora Elsa Freya Greta Heidi Ingrid Judith Kim Lucy Mabel Nadia Olga Pearl Rita
    Selma Tara Lina Martha Nell Priya Sonia Trudy Mei Aisha Carmen Delia Esther Frida
    Adele Brenda Chloe Doris Eva Fatima Gloria Hilda Iris
    Jenny Kira Lena Marta Nancy Odette Polly Rhea Sylvia Tilda Ulla Vesna Wanda Zara Agnes Bonnie"""
)
MALE = listed(
    """Adam Ben Carl David Eric Frank George Henry Ivan Jack Kevin Leo Mark Nick Oscar Paul Robert
    Simon Thomas Victor Walter Alan Brian Colin Dennis Edgar Felix Gary Hugo Isaac James Karl
    Louis Martin Nathan Owen Peter Quentin Ryan Samuel Tim Vincent William Albert Bruno Conrad
    Daniel Emil Fred Gilbert Harry Igor Jacob Keith Lucas Max Noah Otto Philip Ralph Stefan Tony
    Umar Warren Xavier Yusuf Zach Arthur Barry Cyril Douglas Ernest Floyd Graham Howard Ian Joel
    Kurt Lloyd Miles Neil Omar Patrick Raymond Scott Trevor Vernon Wayne Amir Boris Diego Elias
    Gustav Hassan Jonas Aaron Basil Clive Derek Edwin Fergus Gordon Hector Ismail Julian
    Kenneth Leonard Marcus Nigel Orson Percy Rufus Sidney Terence Ulrich Vaughn Wesley Yannick
    Zane Anton Bernard"""
)
JOBS = listed(
    """teacher nurse farmer baker painter lawyer driver pilot singer dancer doctor plumber tailor
    butcher gardener waiter engineer carpenter sailor student professor clerk mechanic florist
    dentist fisherman writer chemist miner soldier officer guard cook cleaner manager musician
    architect librarian photographer journalist electrician barber actor banker judge coach
    potter jeweller surgeon tutor editor poet sculptor bookkeeper blacksmith brewer captain
    caretaker designer diver postman ranger reporter secretary shepherd translator
    veterinarian watchmaker weaver accountant beekeeper
    bricklayer cellist cobbler curator detective economist firefighter goldsmith grocer hunter
    inspector joiner locksmith mayor novelist optician pharmacist plasterer porter producer
    refugee roofer saddler senator statistician stonemason tenor usher vicar welder"""
)
TOWNS = listed(
    """Ashford Benton Calder Dunmore Elmwood Farley Glenwood Harwick Inverton Jasper Kelso Linden
    Marlow Norwood Oakham Preston Quarry Redhill Selby Thornton Upton Verdon Westbury Yarrow
    Alder Brixton Carlow Dalton Eastham Fenwick Granby Hexham Ilford Kirkby Langley Milton
    Newbury Orford Pickering Ripley Stanton Tilbury Walford Winslow Bexley Clifton Dover Ely
    Fulton Garston Hillsboro Kendal Lambton Morley Nelson Otley Penrith Rugby Sutton Truro Ambleside
    Barton Corby Darwen Epsom Frome Goole Helston Ipswich Jarrow Keswick Ludlow Malton Newark
    Oundle Purley Radstock Stroud Tenby Ulverston Ventnor Whitby Axminster Bodmin Crewe"""
)
