"""Does a text ask, in the patient's own words, not to be texted any more?

Keywords are commands and act by themselves (`consent.keyword_of`). A sentence is a question to staff: since
2025-04-11 any reasonable means of saying so counts (47 CFR 64.1200(a)(10)), and no list of words knows them all.
`make bench ARGS=opt_out_words` measures this one on sentences that were labelled before it was written.
"""

import re
import unicodedata

# Long texts are about something; whoever wants to be left alone says so early or late in few words.
LONGEST = 1600

_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "đ": "d", "Đ": "d", "ı": "i"}
)
_SENTENCE_ENDS = re.compile(r"[.!?;,:\n…。！？]+")

_EN_TEXTS = (
    r"(?:text(?:s|ing|ed)?|txt(?:s|ing)?|mess[ae]g\w*|mesag\w*|msgs?|msging|sms|mensaj\w*|notif\w*|alerts?"
)
_EN_TEXTS += r"|reminders?|spam\w*|promo\w*|marketing|these|those|them)"
_EN_TO_US = r"(?:text(?:ing)?|txt(?:ing)?|messag(?:e|es|ing)|msg(?:ing)?|sms|contact(?:ing)?|spam(?:ming)?|reach(?:ing)? out)"
_EN_NOT = r"(?:do not|don'?t|dont|dnt|never|cannot|can'?t|cant|no longer|not)"
_EN_ME = r"(?:my (?:\w+ )?(?:number|phone|cell|name)|this (?:number|phone|cell|line|one|#)|me|us|mine|here|it|again)"
_EN_LIST = r"(?:(?:\w+ ){0,3}(?:list|system|database|records?|texts?|messages?|reminders?|notifications?|thing|contacts?))"

# Each says by itself that texts are to end. Accents, case and curly quotes are gone when they are compared.
_ASKING = [
    # English
    rf"\b(?:stop|quit|cease|end|halt|discontinue|pause|turn off|deactivate|disable|cancel|no more|enough(?: with| of)?"
    rf"|fuck off|done with|tired of|sick of)(?: (?!by\b)\S+){{0,4}}? {_EN_TEXTS}\b",
    r"\b(?:no|zero) (?:texts?|texting|mess[ae]ges|sms|msgs)\b|\bcease and desist\b|\b(?:un|de)list me\b",
    r"\bi (?:already )?(?:said|told \w+(?: \w+){0,3}) (?:to )?stop\b|\bstop asking (?:me|us)\b",
    r"\b(?:withdraw|revoke|remove)(?: \w+){0,3} (?:consent|permission)\b",
    rf"\bso i (?:don'?t|stop) (?:get|getting|receive|receiving) {_EN_TEXTS}\b",
    r"\b(?:stop|quit) (?:sending|bothering|bugging|contacting|harassing|writing|messaging|blowing up)\b",
    rf"\b{_EN_NOT} (?:ever |please |pls |wanna |want (?:you )?to |need to |you ever )?{_EN_TO_US}(?: to)?"
    rf" {_EN_ME}\b",
    rf"\b{_EN_NOT} (?:ever )?(?:send|write)(?: to)?(?: {_EN_ME})?(?: \w+){{0,3}} (?:anymore|any more|any longer|again|{_EN_TEXTS})\b",
    rf"\b{_EN_NOT} (?:really )?(?:wish|want|care|need|like|consent|agree)(?: to)?"
    rf"(?: (?:receive|receiving|get|getting|be|being|keep|have|see|hear|any|of|this|your|the|ur|more)){{0,6}}"
    rf" (?:{_EN_TEXTS}|texted|messaged|contacted|from you)\b",
    rf"\b(?:take|remove|delete|drop|get|erase|pull) {_EN_ME}(?: \w+)?(?: (?:off|from|out of|of|down))(?: of)?(?: {_EN_LIST}\b|$| (?:ur|your|this|that|the) \w+$)",
    r"\b(?:remove|delete|erase|lose|forget|drop|take off|block) (?:me|my (?:\w+ )?(?:number|phone|cell)|this number)\b",
    r"\b(?:unsubscrib\w*|unsub\b|opt(?:ing|ed)?[- ]?(?:me |us |my number )?out)\b",
    r"\b(?:leave (?:me|us)(?: \w+){0,2} alone|lose my number|knock it off|cut it out)\b",
    r"\b(?:no|not)(?: \w+)? (?:longer|interested)(?: \w+){0,4} (?:texts?|messages?|texted|contacted)\b",
    r"\brevok\w*(?: \w+){0,3} (?:consent|permission)\b",
    # Spanish
    r"\b(?:no|dejen de|ya no) (?:me |nos )?(?:sig\w+|and\w+|est\w+) (?:mand|envi|escrib|text|molest|contact)\w+|\bsigu?en (?:mandand|enviand|escribiend)\w+ si\b",
    r"\bdej\w+ de (?:ching|fregar|jod|molest|fastidi)\w*|\b(?:desactiv|apag|deshabilit)\w+ (?:\w+ ){0,2}(?:mensaj|msj|texto|sms|aviso|notific|recordat)\w*",
    r"\bya no (?:me |nos )?(?:mand|envi|escrib|text|lleg)\w+ (?:\w+ ){0,2}(?:mensaj|msj|texto|sms|aviso|notific|recordat)\w*|\bya no (?:me |nos )?lleguen\b",
    r"\b(?:darme|darnos|denme|deme) de baja\b(?! del? (?!mensaj|texto|lista|aviso|esto|servicio|los mensaj|los texto|las notif))",
    r"\b(?:sacar|quitar|borrar|eliminar)(?:me|nos)? de (?:los|las|sus) (?:recordat|mensaj|texto|aviso|notific)\w*",
    r"\b(?:dejen?me|dejenos|dejame) (?:en paz|tranquil\w+)\b|\bno (?:me |nos )?vuelvan? a (?:mand|envi|escrib|text|contact|molest)\w+",
    r"\bno (?:me )?gustan? (?:los|sus|estos) (?:mensaj|msj|texto|sms)\w*\b|\bya no (?:\w+ ){0,2}(?:los )?(?:manden|envien|escriban|texteen|textien)\b(?! (?:\w+ )?(?:carta|correo|factura|cuenta|paquete)\w*)",
    r"\bno (?:es|sera) necesario que (?:me|nos) (?:mand|envi|escrib|text)\w+",
    r"\b(?:ya no|no) (?:me|nos|le|les) (?:mand\w+|envi\w+|escrib\w+|text\w+|contact\w+|molest\w+|busqu\w+)\b",
    r"\b(?:ya )?no (?:mand\w+|envi\w+|escrib\w+|text\w+)(?:me|nos)?(?: \w+){0,2} (?:mas|mensaj\w*|textos?|sms)\b",
    r"\bno (?:quiero |quisiera )?(?:mas|more) (?:mensaj\w*|msjs?\w*|textos?|sms|notificacion\w*|avisos|recordatorios|promocion\w*)\b",
    r"\bya no (?:quiero|queremos|deseo|quisiera|necesito|me interesa)(?: \w+){0,3}"
    r" (?:mensaj\w*|msjs?\w*|textos?|sms|escrib\w+|mand\w+|envi\w+|text\w+|notificacion\w*|recordatorios)\b",
    r"\bno (?:quiero|queremos|deseo|quisiera)(?: \w+){0,3}"
    r" (?:mas mensaj\w*|mensaj\w*|msjs?\w*|textos|sms|me escriban|me manden|me envien|notificacion\w*)\b",
    r"\b(?:dejen|dejar de|dejad de|deje de|dejen de|paren?|parar|pare|parenle|basta|alto|stop|suspend\w+|deteng\w+|cesen|cancel\w+|quit\w+) (?:ya )?"
    r"(?:de |con |a )?(?:\w+ ){0,2}(?:mandar\w*|enviar\w*|escribir\w*|textear\w*|molestar\w*|contactar\w*|mensaj\w*"
    r"|msj\w*|textos?|sms|notificacion\w*|recordatorios)\b",
    r"\b(?:borr\w+|elimin\w+|quit\w+|saqu\w+|sac\w+|remuev\w+)(?: \w+)? (?:mi (?:\w+ )?(?:numero|telefono|celular)"
    r"|este numero)\b",
    r"\b(?:quit\w+|saqu\w+|sac\w+|borr\w+|elimin\w+)(?:me|nos)? de (?:la |su |esta |esa |sus |los |el |este |ese )?(?:text )?(?:list\w*|aviso\w*|sistema|grupo|mensaj\w*)\b(?! de (?!mensaj|texto|aviso|contacto|envio|difusion))",
    r"\b(?:borrelo|borrenlo|quitenlo|eliminenlo|bórrelo|quitelo) de (?:ahi|alli|la lista|su lista|el sistema)\b",
    r"\b(?:me|nos) (?:quit\w+|saqu\w+|sac\w+|borr\w+|elimin\w+) de (?:la|su|esta|sus) lista\w*\b",
    r"\b(?:de|dar|den|dame|deme|denme|darme|darnos)(?:me|nos)? de baja\b(?! del? (?!mensaj|texto|lista|aviso|esto|servicio))",
    r"\b(?:desuscrib\w*|desinscrib\w*|dessuscrib\w*|cancel\w+ (?:mi |la )?suscripcion)\b",
    r"\bno autorizo(?: \w+){0,4} (?:mensaj\w*|textos?|escrib\w+|contact\w+)\b",
    # Portuguese
    r"\b(?:nao|n) (?:quero|desejo)(?: \w+){0,2} receber\b",
    r"\b(?:par\w+|deix\w+) de (?:me )?(?:enviar|mandar|escrever|perturbar|incomodar)\b",
    r"\bnao (?:me )?(?:mand\w+|envi\w+|escrev\w+)(?: \w+){0,2}(?: mais| mensage\w+)\b",
    r"\b(?:tir\w+|remov\w+|retir\w+)(?:-me| me)?(?: \w+){0,2} (?:lista|numero)\b|\bdescadastr\w+\b",
    # French
    r"\b(?:arret\w+|cess\w+)(?: de| d')?(?: \w+'?)?(?: ?me| ?m')? ?(?:envoy\w+|ecri\w+|contact\w+|textos?|sms|messages?)\b",
    r"\bne (?:me |nous |m')?(?:text\w+|contact\w+|ecriv\w+|envoy\w+)(?: \w+)? (?:plus|pas)\b",
    r"\bne m'(?:envoy\w+|ecriv\w+)(?: plus)?\b",
    r"\b(?:plus de|pas de) (?:messages?|textos?|sms)\b|\bdesabonn\w+\b|\bdesinscri\w+\b",
    r"\b(?:retir\w+|enlev\w+|supprim\w+)(?:-moi| moi| mon numero| de (?:votre|cette|la|vos) list\w+)\b",
    r"\bne (?:veux|souhaite|desire) plus\b(?: \w+){0,3} (?:recevoir|messages?|textos?|sms)\b",
    # Haitian Creole
    r"\b(?:sispann|rete|stop) (?:voye|ekri|tekste|mesaj|texte)\b|\bpa (?:voye|ekri|tekste)\b(?: \w+){0,3} (?:mesaj|teks|anko)\b",
    r"\bpa (?:vle|bezwen)\b(?: \w+){0,3} (?:mesaj|teks|texte)\b|\b(?:retire|wete)(?: \w+)? (?:nimewo|non|mwen)\b",
    # Vietnamese, without its marks
    r"\b(?:dung|ngung|thoi)(?: \w+){0,2} (?:nhan|gui|tin)\b|\bkhong(?: \w+){0,3} (?:nhan|gui)(?: \w+){0,3} (?:tin|nua|toi)\b",
    r"\bhuy (?:dang ky|nhan tin|tin nhan)\b|\bxoa so\b",
    # Tagalog
    r"\b(?:huwag|wag)(?: \w+){0,5} (?:i?-?text\w*|mag-?text|padal\w+|magpadala|mensahe|i-?message|kontak\w+)\b",
    r"\b(?:(?:paki)?-?tigil\w*|itigil|ihinto|ayoko|ayaw)(?: \w+){0,6} (?:(?:pag-?)?text\w*|mensahe|message\w*|padal\w+|pagpapadala)\b",
    r"\b(?:alisin|tanggalin|burahin)(?: \w+){0,4} (?:numero|number|ako)\b",
]
_ASKED = [re.compile(pattern) for pattern in _ASKING]

# Chinese is written without spaces.
_ASKED_IN_CHINESE = re.compile(
    "(?:不要|别|別|勿|请勿|請勿)(?:再)?(?:给我|給我)?(?:发|發|联系|聯繫|聯絡|传|傳)|停止(?:发|發|向我)|不想(?:再)?(?:收到|接收)"
    "|退订|退訂|取消(?:订阅|訂閱)|(?:删除|刪除|移除)(?:我的)?(?:号码|號碼|电话|電話)"
)

# Nothing but this, in few words, after a text of ours.
_ALONE = re.compile(
    r"(?:(?:please|pls|plz|just|ok|no|por favor|porfavor|ya|svp|tanpri|stop) )*"
    r"(?:stop+|stopall|quit|unsubscribe|remove me|take me off|no more|end this|enough|basta|alto|paren?|parar|baja|td|unsub|cease"
    r"|detener|no mas|ya no mas|ya no|arretez|arret|arrete|pare|sispann|rete|tigil)"
    r"(?: (?:please|pls|plz|it|this|that|now|already|thanks|thank you|all|texting|everything|immediately|por favor|gracias"
    r"|porfavor|ya|esto|todo|svp|merci|tanpri|na|po|u|you))*"
)

# What turns the same words round, or makes them about something else.
_NOT_ASKING = [
    re.compile(pattern)
    for pattern in (
        r"\b(?:do not|don'?t|dont|never|didn'?t|not|no need to|please dont)\s(?:\w+ ){0,1}?"
        r"(?:stop|quit|unsubscribe|opt out|opt me out|remove me|take me off|block)\b",
        r"\bno (?:quiero que |quise |queria |me )?(?:dej\w+|par\w+|cancel\w+ l\w+ mensaj\w+|quit\w+ l\w+|me quit\w+|me (?:saqu|elimin)\w+) ?(?:de )?"
        r"(?:mand|envi|escrib|text|mensaj|la lista)?",
        # Asking what it means, or undoing it, is not doing it.
        r"\bif i ever\b|\bget(?:s)? (?:them|texts) again\b|\breply stop\b|\b(?:activa|activo|activar) (?:otra vez|de nuevo)\b|\bnao parem\b",
        r"\b(?:what happens if|what does|does (?:\w+ )?stop|did i (?:get )?(?:unsub\w*|opt\w*|stop\w*)|have i (?:unsub\w*|opt\w*)|was i|put me back|por que ya no me"
        r"|without (?:opting|unsub))\b|\b(?:unsub\w*|opted out|stopped) by (?:accident|mistake)\b",
        r"\bopt(?:ing|ed)?[- ]?out of (?!(?:\w+ ){0,3}(?:text|messag|msg|sms|remind|notif|alert|this|these|it|all|everything|your|ur)\w*)",
        r"\b(?:text|texts|texting|text message|mensajes?|textos?) (?:na lang|is (?:better|fine|ok|best)|are (?:better|fine|ok)|esta bien|es mejor)\b",
        r"\bstop(?:ping|ped)? (?:by|in|at|over|the|taking|my (?!texts|messages|reminders))\b(?!.*\b(?:text|message|msg)s?\b)",
    )
]
_ELSEWHERE = re.compile(
    r"\b(?:e-?mails?|newsletter|mailing|voicemails?|correos?|boletin|courriel|netflix|facebook|instagram|youtube|insurance)\b"
)
_OF_TEXTS = re.compile(
    r"\b(?:text\w*|txt\w*|messag\w*|msg\w*|sms|mensaj\w*|textos?|msj\w*|phone|numero|number|telefono)\b"
)


def plain(body: str) -> str:
    """As words are compared: without case, accents, curly quotes and repeated spaces."""
    apart = unicodedata.normalize("NFKD", body[:LONGEST].translate(_SIGNS))
    # "Stoppp" is "stop".
    apart = re.sub(r"(\w)\1{2,}", r"\1", apart)
    without = "".join(sign for sign in apart if not unicodedata.combining(sign)).casefold()
    # A picture ends a sentence as a full stop does.
    ended = "".join("." if unicodedata.category(sign) == "So" else sign for sign in without)
    return re.sub(r"[^\w\s'.!?;…。！？\-]", " ", ended).strip()


def found_in(body: str) -> str | None:
    """The words of `body` that ask for no more texts, as they are compared; None where nothing does. Pure."""
    for sentence in _SENTENCE_ENDS.split(plain(body)):
        words = " ".join(sentence.split())
        asked = _found(words)
        if asked:
            return asked
    chinese = _ASKED_IN_CHINESE.search(unicodedata.normalize("NFKC", body[:LONGEST]))
    return chinese[0] if chinese else None


def _found(words: str) -> str | None:
    if not words or any(turned.search(words) for turned in _NOT_ASKING):
        return None
    if _ELSEWHERE.search(words) and not _OF_TEXTS.search(words):
        return None
    if _ALONE.fullmatch(words):
        return words
    for asked in _ASKED:
        if match := asked.search(words):
            return match[0]
    return None
