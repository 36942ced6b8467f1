"""What somebody may have meant by a name as they typed it: nicknames, and words with a slip of the finger. Pure."""

from collections.abc import Iterable

# Short names that practices hear at the desk, English and Spanish; every word of a line may mean any other of it.
_NICKNAMES = """
abigail abby gail
alexander alex alec sandy xander
alexandra alex sandra sandy lexi
alejandro alex ale jandro
andrew andy drew
andres andy
anthony tony
antonio tono tony toni
barbara barb babs
benjamin ben benny
carlos charlie carlitos
carmen menchu
catherine katherine kathryn cathy kathy kate katie cat kit
catalina cata lina
charles charlie chuck chas
christina christine chris tina crissy
christopher chris topher kit
consuelo chelo
concepcion concha conchita
cynthia cindy
daniel dan danny dani
david dave davey
deborah deb debbie debra
donald don donnie
dolores lola loli
dorothy dot dottie dolly
edward ed eddie ted teddy ned
eduardo edu lalo
eleanor ellie nell nora
elizabeth liz lizzie beth betty betsy eliza libby elsie
emily em emmy
enrique quique kike
ernesto neto
eugene gene
fernando nando fer
francisco paco pancho kiko curro fran
frances fran frankie fanny
francis frank
franklin frank
frederick fred freddie
gabriel gabe gabi
gabriela gabi
george georgie
gerald gerry jerry
gloria glori
gregory greg
graciela chela
guadalupe lupe lupita pita
guillermo memo guille
harold harry hal
henry harry hank
ignacio nacho
isabella isabel isabelle bella izzy chabela
jacob jake
jacqueline jackie
james jim jimmy jamie
janet jan
jason jay
jeffrey jeff
jennifer jen jenny
jessica jess jessie
jesus chuy chucho
jonathan jon jonny nathan
john jack johnny jon
jorge coque
jose pepe chepe
josefina pepa fina josefa
joseph joe joey
joshua josh
judith judy
juan juancho
kenneth ken kenny
kimberly kim
lawrence larry lars
leonard leo len lenny
leonardo leo
lucille lucy lucille
luis lucho
manuel manolo manny lolo
margaret maggie meg peggy marge margie greta daisy rita
margarita marga rita mago
maria mari marie mary maruja
maria-jose marijose majo
martha marty
mary molly polly mamie
matthew matt matty
melissa mel missy
mercedes merche meche
michael mike mickey mick
miguel migue
nancy nan
natalie nat
nathaniel nathan nate
nicholas nick nicky nico
nicolas nico
pamela pam
patricia pat patty patti tricia trish pati
patrick pat paddy
peter pete
pedro perico
philip phillip phil pip
pilar pili
rafael rafa
ramon moncho
raymond ray
rebecca becca becky
richard rich rick ricky dick
ricardo ricky richi
robert bob bobby rob robbie bert
roberto beto rober
ronald ron ronnie
rosario charo chayo
rosa rosita
samantha sam sammy
samuel sam sammy
santiago santi chago
sarah sara sally sadie
sebastian seb sebas
sergio checo
socorro coco
sophia sofia sophie sofi
stephanie steph stephie
stephen steven steve stevie
susan sue susie suzy susana
teresa theresa terry tess tere
theodore ted teddy theo
thomas tom tommy
timothy tim timmy
tomas tomy
veronica vero ronnie
victoria vicky tori
vicente chente
vincent vince vinny
virginia ginny
walter walt wally
wilhelmina mina billie
william will bill billy liam willy
yolanda yoli
zachary zach zack
"""

_MEANINGS: dict[str, frozenset[str]] = {}
for _line in _NICKNAMES.split("\n"):
    for _name in _line.split():
        _MEANINGS[_name] = _MEANINGS.get(_name, frozenset()) | frozenset(_line.split())


def meanings(word: str) -> list[str]:
    """The word itself, then names that it is short for, or that are short for it; without case and accents."""
    return [word, *sorted(_MEANINGS.get(word, frozenset()) - {word})]


def misspelt(word: str, known: Iterable[str], *, most: int = 6) -> list[str]:
    """Those of the known words that `word` may have been meant to be, the nearest first.

    One slip in a short word, two in a long one: a letter too many, too few, another, or two that changed places.
    """
    allowed = 1 if len(word) < 7 else 2
    near = {one: slips(word, one, allowed) for one in set(known) if abs(len(one) - len(word)) <= allowed}
    found = sorted((count, one) for one, count in near.items() if 0 < count <= allowed)
    return [one for _, one in found[:most]]


def slips(one: str, other: str, most: int) -> int:
    """How many slips lie between two words; more than `most` is only said to be more."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, sign in enumerate(one, start=1):
        line = [row]
        for column, against in enumerate(other, start=1):
            steps = [last[column] + 1, line[column - 1] + 1, last[column - 1] + (sign != against)]
            if row > 1 and column > 1 and sign == other[column - 2] and one[row - 2] == against:
                steps.append(before[column - 2] + 1)
            line.append(min(steps))
        if min(line) > most:
            return most + 1
        before, last = last, line
    return last[-1]
