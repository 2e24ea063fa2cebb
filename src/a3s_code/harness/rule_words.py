"""
Words by which users state rules: English, German, French, Spanish, Italian, Portuguese, Russian;
Chinese, Japanese and Korean by signs, since these put no blanks between words.
"""

from __future__ import annotations

import re

_STRONG_WORDS = (
    # English
    r"must(?:n['’]?t)?|never|only|do(?:es)?\s+not|do(?:es)?n['’]?t|cannot|can['’]?t|can\s+not|"
    r"may\s+not|shall|shan['’]?t|should(?:n['’]?t)?|won['’]?t|always|keep(?:s|ing)?|kept|"
    r"avoid\w*|without|forb[ai]d\w*|prohibit\w*|bann?(?:ed)?|disallow\w*|requir\w+|mandatory|"
    r"needs?\s+to|ha(?:s|ve)\s+to|had\s+better|make\s+(?:sure|certain)|ensure\w*|insist\w*|"
    r"refrain|stick\s+(?:to|with)|no\s+circumstances?|no\s+(?:case|way)|by\s+no\s+means|"
    r"not\s+(?:be|to|even|ever|allowed|any|more|use|touch|change|under)|nothing|nobody|no\s+one|"
    r"no\s+\w+|exactly|at\s+(?:most|least)|maximum|minimum|limit(?:s|ed)?|unless|except\w*|"
    r"exclud\w+|preserv\w+|remain\w*|stays?|untouched|unchanged|as[- ]is|off[- ]limits|"
    r"hands\s+off|out\s+of\s+scope|read[- ]only|(?:dis)?allowed|permitted|permission|"
    r"ask\s+(?:me|us|first|before)|check\s+with|before\s+you|from\s+now\s+on|by\s+default|"
    r"alone|solely|period|frozen|essential|steer\s+clear|zero|(?:is|are)\s+to|supposed|"
    r"rules?|policy|guidelines?|conventions?|constraints?|restrict\w*|leave|"
    # German
    r"muss|musst|müssen|müsst|darf|darfst|dürfen|dürft|nie|niemals|nicht|kein|keine[nmrs]?|"
    r"nur|ausschließlich|immer|stets|soll|sollen|sollst|sollte\w*|unbedingt|keinesfalls|"
    r"vermeide\w*|verboten|untersagt|erlaubt|behalt\w*|beibehalten|ohne|zwingend|verpflichtend|"
    r"sicherstellen|stelle?\s+sicher|achte\w*|höchstens|mindestens|maximal|lass\w*|bevor|außer|"
    r"nichts|niemand\w*|weder|lediglich|unverändert|unberührt|Finger\s+weg|"
    # French
    r"doit|dois|doivent|devez|devons|devra\w*|jamais|pas|seulement|uniquement|toujours|"
    r"évite\w*|interdi\w+|garde[rz]?|conserve\w*|sans|obligatoire\w*|il\s+faut|impératif\w*|"
    r"impérativement|veille[rz]?|assure[rz]?|au\s+(?:plus|moins)|aucune?s?|rien|sauf|"
    r"exclusivement|autoris\w+|laisse[rz]?|avant\s+de|"
    # Spanish
    r"debe|deben|debes|debemos|deberá\w*|nunca|jamás|s[oó]lo|solamente|únicamente|siempre|"
    r"evit\w+|prohib\w+|mant[eé]n\w*|conserva\w*|sin|obligatori\w+|hay\s+que|tienes?\s+que|"
    r"asegúr\w+|asegur\w+|como\s+máximo|al\s+menos|ning[uú]n\w*|nada|salvo|excepto|antes\s+de|"
    r"dej[ae]\w*|exclusivamente|permiti\w+|no\s+se|"
    # Italian, Portuguese
    r"deve|devono|devi|mai|non|soltanto|sempre|vietat\w+|mantieni|senza|obbligator\w+|"
    r"não|apenas|somente|proibid\w+|mantenha|sem|devem|"
    # Russian
    r"нельзя|никогда|не|только|всегда|долж\w+|обязательно|запре\w+|избега\w+|сохран\w+|без|"
    r"нужно|надо|следует|кроме|оставь\w*"
)
_STRONG_SIGNS = (
    # no blanks between words
    "必须|必須|必需|不要|不得|不能|不可|不许|不許|不准|禁止|严禁|嚴禁|切勿|请勿|請勿|勿|"
    "千万|千萬|只|仅|僅|始终|始終|总是|總是|一直|永远|永遠|从不|從不|绝不|絕不|决不|避免|"
    "保持|保留|务必|務必|一定|确保|確保|应该|應該|应当|應當|除非|除了|至少|最多|不超过|"
    "不超過|不应|不應|不再|别|別|必ず|決して|絶対|しないで|してはい|ないこと|のみ|だけ|"
    "常に|避け|べき|なければ|以外|반드시|절대|마세요|마십시오|말아|말 것|하지 마|금지|항상|"
    "오직|유지|피하|해야"
)
_WEAK_WORDS = (
    r"not|no|nor|use|using|prefer\w*|please|pls|want\w*|wish|like|expect\w*|instead|rather|"
    r"remember|important|note|careful\w*|need\w*|target\w*|support\w*|compatible|compatibility|"
    r"stop|until|max|min|up\s+to|under|deadline|budget|style|format|follow\w*|stick|"
    r"tell\s+me|let\s+me\s+know|ask|every|each|below|above|within|(?:less|more|fewer)\s+than|"
    r"belongs?|goes\s+(?:to|through|in|into)|assume|treat|skip|"
    r"bitte|verwende\w*|benutz\w+|nutze|statt|bevorzug\w*|wichtig|frag\w*|"
    r"utilise[rz]?|préfér\w*|préfèr\w*|merci\s+de|plutôt|important\w*|"
    r"usa|use|utiliz\w+|utilice|prefier\w+|por\s+favor|importante|"
    r"usa\w*|preferi\w+|per\s+favore|используй\w*|пожалуйста|лучше|важно"
)
_WEAK_SIGNS = "请|請|使用|用|需要|优先|優先|ください|使って|주세요|사용"

_BEGINS = r"\b(?=[^\W\d_])"
_SIGN = "(?=[\u3040-\u9fff\uac00-\ud7a3])"
"""Where a word and where a sign can begin: looked at first, since most places are neither."""

STRONG = re.compile(
    rf"{_BEGINS}(?:{_STRONG_WORDS})(?!\w)|{_SIGN}(?:{_STRONG_SIGNS})", re.IGNORECASE
)
"""What makes a sentence a rule."""

WEAK = re.compile(rf"{_BEGINS}(?:{_WEAK_WORDS})(?!\w)|{_SIGN}(?:{_WEAK_SIGNS})", re.IGNORECASE)
"""What may make it one."""

IMPERATIVE = re.compile(
    r"(?:and\s+|then\s+|also\s+|so\s+)?(?:write|run|work|name|respond|reply|answer|check|"
    r"double-check|call|put|place|store|sort|log|test|document|commit|deploy|build|format|set|"
    r"start|begin|finish|return|handle|catch|validate|verify|wrap|sign|tag|quote|cite|speak|"
    r"explain|report|show|hide|bear|report|round|count|indent|pin|mark|split|group|order)\s",
    re.IGNORECASE,
)
"""How a sentence begins that tells somebody how to work; it may be a rule."""
LABEL = re.compile(r"[\w][\w /-]{1,30}[:：]\s*\S.{0,80}$")
"""A short line that says what something is: `Line length: 88`. It may be a rule."""
