"""Rules as users state them, and the long messages in which they stand."""

from __future__ import annotations

import random

RULES = (
    "Never touch anything below vendor/.",
    "You must run the linter before every commit.",
    "Do not add new dependencies.",
    "Don't rename the table users.",
    "Only edit files in src/billing.",
    "Always answer in British English.",
    "Keep the public API of core.py as it is.",
    "Avoid regular expressions in the parser.",
    "Under no circumstances push to origin/main.",
    "The retry limit is at most 3.",
    "Commits need to be signed off by me.",
    "Make sure that every endpoint is covered by a test.",
    "It is forbidden to log customer names.",
    "We have to support Python 3.9.",
    "No network access in unit tests, please.",
    "Nothing may be written outside build/.",
    "Please use tabs in Makefiles and four spaces elsewhere.",
    "Prefer composition over inheritance.",
    "Leave the migration files untouched.",
    "The port is exactly 8443, whatever the docs say.",
    "Ask me before you delete a file.",
    "From now on, call the service 'ledger'.",
    "Refrain from reformatting code you do not change.",
    "Stick to the standard library.",
    "Everything except the CLI is out of scope.",
    "I want error messages to stay in German.",
    "Without exception, dates are UTC.",
    "Shouldn't ever block the event loop, that code.",
    "Hands off legacy/.",
    "Unless I say otherwise, work on branch release-2.",
    "The config is read-only for you.",
    "Remember: amounts are in cents.",
    "Follow the style of the files around.",
    "Functions can't be longer than 40 lines.",
    "You may not call the payment API.",
    "All names are to remain ASCII, that is a rule here.",
    "Our policy: two reviewers per change.",
    "Ensure backwards compatibility with version 1 clients.",
    "Refactor, but preserve the order of the keys.",
    "Stop after the third failing build.",
    "Ändere niemals die Dateien in public/.",
    "Die Tests dürfen nicht länger als eine Minute dauern.",
    "Bitte verwende nur die vorhandenen Hilfsfunktionen.",
    "Ne touche jamais au fichier config.yml.",
    "Il faut toujours garder les commentaires.",
    "Nunca borres los datos de prueba.",
    "Usa siempre rutas relativas.",
    "不要修改公共接口。",
    "必须用中文写注释。",
    "每次提交之前请运行测试。",
)
assert len(RULES) == 50

FILLER = (
    "The build of last night went through on the second attempt.",
    "Here is what the customer wrote in the ticket.",
    "Totals look right for March and April.",
    "Somebody in the other team looked at this last year.",
    "There are three tables, and the second one is large.",
    "I had a look at the dashboard in the morning.",
    "Die Auswertung von gestern liegt im Ordner.",
    "昨天的报告已经发给大家了。",
)


def message_with(rule: str, chance: random.Random) -> str:
    """Give a long message with a rule somewhere in it, in one of the forms that users write."""
    before = [chance.choice(FILLER) for _ in range(chance.randint(0, 12))]
    after = [chance.choice(FILLER) for _ in range(chance.randint(0, 12))]
    match chance.randrange(4):
        case 0:
            return " ".join([*before, rule, *after])
        case 1:
            return "\n".join([*before, f"- {rule}", *after])
        case 2:
            return "\n\n".join([" ".join(before), rule, " ".join(after)])
        case _:
            return f"{' '.join(before)}\n> {rule}\n{' '.join(after)}"
