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
    # what takes a rule back
    r"forget|scratch\s+that|scrap\s+that|ignore|disregard|no\s+longer|any\s?more|after\s+all|"
    r"chang(?:e|ed)\s+(?:my|our)\s+mind|correction|instead|on\s+second\s+thoughts?|"
    r"off\s+the\s+table|back\s+to|vergiss|doch\s+(?:lieber|nicht)|oublie[rz]?|finalement|"
    r"olvida\w*|"
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
    r"not|no|nor|use|using|prefer\w*|favou?r\w*|please|pls|want\w*|wish|like|expect\w*|rather|"
    r"remember|important|note|careful\w*|need\w*|target\w*|support\w*|compatible|compatibility|"
    r"stop|until|max|min|up\s+to|under|deadline|budget|style|format|follow\w*|stick|"
    r"tell\s+me|let\s+me\s+know|ask|every|each|below|above|within|(?:less|more|fewer)\s+than|"
    r"belongs?|goes\s+(?:to|through|in|into)|assume|treat|skip|stick|ceiling|upper\s+bound|"
    r"throughout|everywhere|by\s+hand|consider|decided|agreed|overkill|evil|enough|per|against|"
    r"hate\w*|shame|sacred|let|protected|by\s+convention|in\s+doubt|the\s+(?:less|fewer)|"
    r"bitte|verwende\w*|benutz\w+|nutze|nimm|nehmt|statt|bevorzug\w*|wichtig|frag\w*|bleib\w*|"
    r"halte?|schreibe?|pro|tabu|überall|liegen|gehören|"
    r"utilise[rz]?|préfér\w*|préfèr\w*|merci\s+de|plutôt|important\w*|reste[rz]?|restent|"
    r"privilégie[rz]?|demande\w*|partout|par|en\s+lecture\s+seule|"
    r"usa|use|utiliz\w+|utilice|prefier\w+|por\s+favor|importante|quéda\w+|sigue\w*|"
    r"pregunta\w*|viven|por|"
    r"usa\w*|preferi\w+|per\s+favore|resta\w*|rimane|stanno|ficam?|use[mn]?|"
    r"используй\w*|пожалуйста|лучше|важно|оста[её]тся|лежат|пиши\w*"
)
_WEAK_SIGNS = (
    "请|請|使用|用|需要|优先|優先|坚持|堅持|优于|優於|兼容|单位|單位|放在|之前先|设为|設為|改成|改为|"
    "ください|使って|単位|より|維持|置く|まま|前に|互換|주세요|사용|그대로"
)

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
    r"(?:and\s|then\s|also\s|so\s|just\s|but\s|always\s)?(?:write|run|work|name|respond|reply|answer|"
    r"check|double-check|call|put|place|store|sort|log|test|document|commit|deploy|build|format|set|"
    r"start|begin|finish|return|handle|catch|validate|verify|wrap|sign|tag|quote|cite|speak|"
    r"explain|report|show|hide|bear|round|count|indent|pin|mark|split|group|order|squash|bump|"
    r"mirror|reuse|spell|talk|wire|go\s(?:easy|for|with)|cap|feed|route|batch|drop|prefix|suffix|"
    r"hold|mind|watch|give|mock|stub|resist|consult|ping|tell|send|pass|load|read|move|rename|"
    r"import|export|cache|retry|escape|encode|render|print|annotate|declare|define|derive|inherit|"
    r"extend|limit|bound|merge|rebase|push|publish|release|ship|stay|stop|turn|switch|enable|"
    r"disable|choose|pick|take|make|create|add|remove|delete|update|replace|convert|translate|"
    r"comment|cover|guard|lock|fail|raise|throw|default|align|capitali[sz]e|lower|upper|truncate|"
    r"sanitize|redact|mask|encrypt|hash|trust|target|consider|let|isolate|separate|combine|"
    r"nimm|lies|gib|lass|halte?|schreibe?|bleibe?|nutze?|setze?|mache?|lege?|frage?|stelle?|"
    r"écri(?:s|vez)|met(?:s|tez)|fai(?:s|tes)|pren(?:ds|ez)|suivez|garde[rz]?|nomme[rz]?|reste[rz]?|"
    r"demande[rz]?|répond(?:s|ez)|"
    r"(?:escribe|pon|haz|usa|sigue|responde|pregunta|llama|guarda|deja|quédate)|"
    r"(?:scrivi|metti|fai|segui|rispondi|chiedi|resta|escreva|ponha|faça|siga|responda|pergunte))"
    r"(?:\s|-moi\s)",
    re.IGNORECASE,
)
"""How a sentence begins that tells somebody how to work; it may be a rule."""

LABEL = re.compile(
    r"[\[(#]?[^\W_][\w ./'#-]{0,40}[\])]?\s{0,2}(?:[:：=→]|->|\s[-–—]\s)\s{0,4}\S.{0,120}$"
    r"|\[[\w .#-]{1,20}\]\s{1,4}\S.{0,120}$"
)
"""A short line that says what something is: `Line length: 88`. It may be a rule."""

STATES = re.compile(
    rf"{_BEGINS}(?:is|are|am|stays?|remains?|lives?|sits?|runs?|speaks?|starts?|ends?|holds?|uses?|"
    r"has|have|comes?|belongs?|equals|means|follows?|supports?|takes?|pays|defaults?|targets?|ships?|"
    r"ist|sind|bleibt|bleiben|liegt|liegen|läuft|laufen|steht|stehen|gilt|"
    r"est|sont|reste|restent|vont|es|son|está|están|estamos|sigue|siguen|viven?|van?|"
    r"è|sono|siamo|sta|stanno|é|são|ficam?|остаётся|остается|лежат|находятся)(?!\w)"
    r"|(?<=\w)['’](?:s|re)\s"
    rf"|{_SIGN}(?:是|为|為|在|です|である|に置く|は|입니다|은|는)",
    re.IGNORECASE,
)
"""How a sentence says what is; with a `VALUE` it may be a rule: `we are on PostgreSQL 14`."""

VALUE = re.compile(r"\d|\w/|\w[._]\w|`[^`]|\b[A-Z]{2}|--\w|\b[a-z]+[A-Z]")
"""What has an exact form: numbers, paths, names of code."""

NARRATIVE = re.compile(
    r"\b(?:was|were|had|did|went|came|saw|got|found|broke|wrote|tried|looked|happened|failed|"
    r"yesterday|ago|last\s(?:night|week|month|year)|i\s(?:think|guess|wonder|see|saw|just)|"
    r"here\s(?:is|are)|there\s(?:is|are|was|were)|gestern|hatte|wurde|war|hier\sist|hier|était|"
    r"voici|ayer|fue|ieri|ontem|вчера)\b|昨天|已经|昨日|ました|어제|했습니다",
    re.IGNORECASE,
)
"""How a sentence tells what happened."""

POLITE = re.compile(
    r"(?:(?:ok(?:ay)?|yes|no|yep|sure|thanks?|thank\syou|great|good|nice|perfect|cool|fine|hi|hello|hey|"
    r"go\s(?:on|ahead)|continue|proceed|next|done|right|looks\sgood|lgtm|well\sdone|sounds\sgood|"
    r"danke|gut|weiter|ja|merci|oui|bien|gracias|sí|vale|grazie|obrigado|спасибо|да|хорошо|"
    r"好的?|谢谢|继续|はい|ありがとう|네|감사합니다)[\s,.!…]{0,4}){1,6}",
    re.IGNORECASE,
)
"""What says nothing that could be one."""
