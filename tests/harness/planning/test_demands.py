"""Whether a request may need a plan is told by its form, in whatever language it is written."""

from __future__ import annotations

import pytest

from a3s_code.harness.planning.demands import has_several_demands

SIMPLE = [
    "",
    "hi",
    "hello there!",
    "thanks, that was perfect",
    "ok, go on",
    "你好",
    "Grüß dich, wie geht es dir heute?",
    "fix the typo in README.md",
    "Refactor auth + update tests",
    "What does this repository do?",
    "Why does test_login fail on CI and not on my machine, and since when does it do so?",
    "Can you explain how the scheduler decides which job runs next, and where that is written?",
    "Where is the timeout set? Is it used in both clients? What is its unit? Who changes it?",
    (
        "Please rename the function get_user to fetch_user everywhere in the package "
        "src/app and run the tests afterwards."
    ),
    "Add the fields name, age, email, phone, street, city, country and zip code to the form.",
    (
        "When I run the tests on my machine they fail with a timeout, although nothing "
        "has changed since yesterday, and I have no idea why that could be."
    ),
    "帮我看看这个函数为什么报错",
    "这个项目的入口文件在哪里？它是怎么读取配置的？",
    "请把所有测试里的超时时间从五秒改成十秒，然后运行一次测试确认没有问题。",
    "このプロジェクトの構成を教えてください。",
    "Почему тест падает на сервере, а у меня на машине проходит без ошибок?",
    "¿Dónde se configura el tiempo de espera del cliente y cómo puedo cambiarlo?",
    "Explique-moi ce que fait cette fonction, s'il te plaît, je ne la comprends pas du tout.",
    "أين يتم ضبط المهلة في هذا المشروع؟",
    (
        'This fails:\n```\nTraceback (most recent call last):\n  File "a.py", line 1.\n'
        '  File "b.py", line 2.\n  File "c.py", line 3.\nValueError: x. y. z. w.\n```\nfix it'
    ),
    "Make this pass:\n    assert one() == 1. Then more. And more of it. And even more of that.\n",
    (
        "> First do this. Then do that thing. Then the other thing. Then the last "
        "thing.\nIs that what the reviewer meant?"
    ),
    "Use 1.5 s as the timeout, 2.0 s as the pause and 3.5 s as the limit of the whole run, please.",
    "The version is 1.2.3, the one before was 1.2.2, and I would like to have it in the log.",
    (
        "Write a function that takes a list of numbers and returns the two that are "
        "closest to each other, in the order in which they stand in the list"
    ),
    "a" * 5_000,
    "1 2 3 4 5 6 7 8 9 " * 40,
]

SEVERAL = [
    "1. សូមពិនិត្យកូដ\n2. សូមសរសេរឯកសារ\n3. សូមដំណើរការតេស្ត",
    "Please do this:\n1. fix the login bug\n2. add tests for it\n3. update the docs of the API",
    "Bitte:\n- den Fehler beim Login beheben\n- Tests dafür schreiben\n- die Doku nachziehen\n",
    "TODO\n* parse the config file\n* validate the values\n* write a migration for old files of it",
    "Steps: (1) read the parser, (2) add heredocs to it, (3) test them, (4) write the changelog.",
    "1) update the schema 2) migrate the data 3) remove the old column and all that used it, ok?",
    (
        "a) rename the module\nb) fix the imports everywhere\nc) run the whole test "
        "suite once more\nand tell me what came of it"
    ),
    "Add a login endpoint. Write tests for it. Update the docs. Then bump the version and commit.",
    "Refactor the auth module to use JWT, update the tests, write the docs, and bump the version.",
    (
        "Create the package layout; write the command line parser; add tests for all "
        "flags; publish a first version to the index."
    ),
    (
        "Erstelle ein Paket für den Parser. Schreibe Tests für alle Fälle. Dokumentiere "
        "die Schalter. Veröffentliche danach eine erste Version."
    ),
    "重构认证模块以使用令牌。更新所有相关的测试用例。编写新的使用文档。最后发布一个新版本。",
    "请完成以下任务：\n一、修复登录页面的错误\n二、为它补充单元测试\n三、更新接口文档并发布",
    "①修复登录页面的错误\n②为登录补充单元测试\n③更新接口文档\n④发布新的版本并通知用户们",
    "認証モジュールを書き直す。テストをすべて更新する。文書を書き直す。新しい版を公開する。",
    "Перепиши модуль входа на токены. Обнови все тесты. Напиши документацию. Выпусти новую версию.",
    (
        "Cambia el módulo de acceso. Actualiza todas las pruebas. Escribe la documentación. "
        "Publica una versión nueva."
    ),
    (
        "Réécris le module de connexion, mets à jour les tests, écris la documentation, "
        "et publie une nouvelle version."
    ),
    (
        "أعد كتابة وحدة الدخول، حدّث كل الاختبارات، اكتب الوثائق الجديدة، "
        "وانشر إصدارا جديدا للجميع بعد ذلك"
    ),
    (
        "로그인 모듈을 다시 작성해 주세요. 모든 테스트를 수정해 주세요. "
        "문서를 작성해 주세요. 새 버전을 배포해 주세요."
    ),
    (
        "We need an export. It writes CSV files. It runs every night at three. The "
        "columns are in the file columns.txt. Old exports are deleted after a week."
    ),
]


@pytest.mark.parametrize("prompt", SIMPLE, ids=lambda prompt: prompt[:30])
def test_what_is_simple_is_never_asked_about(prompt: str) -> None:
    assert not has_several_demands(prompt)


@pytest.mark.parametrize("prompt", SEVERAL, ids=lambda prompt: prompt[:30])
def test_several_demands_are_seen_in_any_language(prompt: str) -> None:
    assert has_several_demands(prompt)


@pytest.mark.parametrize(
    "prompt",
    ["\n" * 30_000, "- " * 20_000, "(" * 30_000, "``` " * 9_000, "1. " * 9_000, "a, " * 9_000],
    ids=["newlines", "bullets", "brackets", "fences", "numbers", "commas"],
)
def test_hostile_requests_are_looked_at_like_others(prompt: str) -> None:
    has_several_demands(prompt)
