"""How many tokens a text will be: the estimate keeps the error that it states."""

import base64
import hashlib
from functools import partial

import pytest

from a3s_code.harness.tokens import PER_IMAGE, estimate, of_conversation, of_message
from a3s_code.kernel.messages import (
    Attachment,
    Conversation,
    Message,
    Text,
    ToolCall,
    ToolResult,
    user,
)

ENGLISH = (
    "The agent keeps the first two messages and the last twenty. Everything between them is put "
    "into notes, which one request to the model writes. Before that, the rules that the user has "
    "stated are taken out by code, so that no summary can lose them. If one of them is missing "
    "afterwards, the conversation stays as it was and an event says why. This is a promise about "
    "what the user said, not about how well a model writes."
)
PYTHON = '''def split(messages, head=2, tail=20):
    """Cut a conversation into three parts."""
    start = min(head, len(messages))
    end = max(start, len(messages) - tail)
    while start < end and messages[end].role == "tool":
        end -= 1
    return messages[:start], messages[start:end], messages[end:]


class Window:
    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0

    def is_full(self, share: float = 0.8) -> bool:
        return self.used >= self.size * share
'''
JSON = (
    '{"name":"a3s","version":"1.4.0","scripts":{"build":"tsc -p .","test":"node --test"},'
    '"dependencies":{"left":"^2.0.1","right":"~0.9.12"},"files":["dist/","README.md"],'
    '"limits":{"context":200000,"output":8192},"ids":[1029,2291,40412,7,18]}'
)
GERMAN = (
    "Ändere niemals die öffentliche Schnittstelle, und führe die Prüfungen nach jedem Schritt "
    "aus. Die Übersetzungen liegen im Ordner für Ressourcen; sie dürfen nur ergänzt, aber nicht "
    "gelöscht werden. Größere Umbauten besprechen wir vorher, damit niemand überrascht wird."
)
CHINESE = (
    "不要修改公共接口。每一步之后都要运行测试。配置文件放在资源目录里，只能增加内容，不能删除。"
    "较大的改动必须先和我商量，这样大家都不会感到意外。请始终使用中文回答，并且保留原来的注释。"
)
RUSSIAN = (
    "Никогда не меняйте открытый интерфейс и запускайте проверки после каждого шага. Переводы "
    "лежат в каталоге ресурсов; их можно только дополнять, но нельзя удалять. Крупные изменения "
    "мы обсуждаем заранее."
)

# Counted with the tokenizers of GPT-4, GPT-4o, Claude 2 and DeepSeek V3.
COUNTED = [
    (ENGLISH, (90, 90, 90, 90), 0.75, 1.4),
    (PYTHON, (134, 134, 144, 140), 0.75, 1.4),
    (JSON, (86, 89, 88, 92), 0.75, 1.4),
    (GERMAN, (83, 56, 88, 76), 0.67, 1.72),
    (CHINESE, (86, 63, 76, 47), 0.67, 1.72),
    (RUSSIAN, (90, 50, 103, 58), 0.67, 1.72),
]


@pytest.mark.parametrize(("text", "counted", "low", "high"), COUNTED)
def test_an_estimate_is_within_the_stated_error_of_each_tokenizer(
    text: str, counted: tuple[int, ...], low: float, high: float
) -> None:
    ratios = [estimate(text) / count for count in counted]
    assert low <= min(ratios)
    assert max(ratios) <= high


def test_a_blob_of_base64_is_counted_as_one() -> None:
    data = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(40))
    blob = base64.b64encode(data).decode()
    assert 0.65 <= estimate(blob) / len(blob) <= 0.75


def test_bytes_and_text_are_estimated_alike() -> None:
    for text, *_ in COUNTED:
        assert estimate(text) == estimate(text.encode())


def test_nothing_is_no_token_and_anything_is_one() -> None:
    assert estimate("") == 0
    assert estimate("a") == 1
    assert estimate("\ud800") >= 1


def test_a_message_counts_its_calls_results_and_images() -> None:
    call = Message("assistant", (Text("x"), ToolCall("c1", "read", {"path": "src/main.py"})))
    result = Message("tool", (ToolResult("c1", ENGLISH),))
    image = Message("user", (Attachment.png(b"png"), Text("look")))
    assert of_message(call) > of_message(user("x"))
    assert of_message(result) > estimate(ENGLISH)
    assert of_message(image) > PER_IMAGE


def _counting(asked: list[Message], message: Message) -> int:
    asked.append(message)
    return 1


def test_each_message_of_a_conversation_is_measured_once() -> None:
    asked: list[Message] = []
    measure = partial(_counting, asked)
    conversation = Conversation([user("one"), user("two")])
    assert conversation.measured(measure) == [1, 1]
    conversation.append(user("three"))
    assert conversation.measured(measure) == [1, 1, 1]
    assert len(asked) == 3


def test_a_conversation_that_was_replaced_is_measured_anew() -> None:
    conversation = Conversation([user(ENGLISH)])
    before = of_conversation(conversation)
    conversation.replace([user("short")])
    assert of_conversation(conversation) == of_message(user("short")) < before
