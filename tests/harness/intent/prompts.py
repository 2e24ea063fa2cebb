"""Prompts as people write them to a coding agent, and what they ask for."""

from __future__ import annotations

ORDINARY = """
Add a --verbose flag to the command line
Fix the failing test in tests/test_parser.py
Rename the class Foo to Bar everywhere
Write a function that reverses a linked list
Create a plan entity in the billing module
Add a floor plan view to the map page
Implement the subscription plan upgrade endpoint
Rename the button "Create a plan" to "New plan"
The pricing plan page crashes when the user has no card; fix it
Add a column plan_id to the accounts table
Update docs/implementation-plan.md with the new dates
Translate the heading 'Step-by-step plan' into German
Move the plan model into its own file
Don't create a plan, just do it
Create a plan and implement it
Help me plan and build the importer
Why does our query plan use a sequential scan?
Explain this query plan
The implementation plan in the wiki is outdated; follow the ticket instead
Delete the old migration plan document
Add adversarial examples to the training set
Implement adversarial training for the classifier
Write tests for the adversarial input filter
The adversarial loss does not converge, why?
Try to break the loop into two functions
Try to break this function down into smaller ones
Try to break out of the retry loop after 3 failures
Break the monolith module into packages
Run the security audit job in CI every night
Our security audit failed on the lodash version, bump it
Fix the vulnerabilities that npm audit reports
Add a check that finds vulnerabilities in uploaded archives
Find vulnerabilities in the login form and fix them
Do a security audit of src/auth and fix what you find
Why does the security audit step in CI take 20 minutes?
Find all files that import requests and replace it with httpx
Find all files larger than 1 MB and delete them
Search for all usages of foo() and rename them to bar()
Locate all TODO comments, then turn them into issues
Implement search for all resource types
Add a "locate all" button to the toolbar
Make the find all files dialog faster
Write a script that will find all files with duplicate content
The search for all users times out, please fix
Explore the idea of caching and add a cache to the client
Explore the repository, then implement the missing endpoint
Add an explore tab to the home page
Add a review page to the shop
Address the review comments on my pull request
Apply the review feedback from the last commit
Review the diff and fix the typos
Add a code review checklist to CONTRIBUTING.md
Create a model for product reviews
Show the review queue on the dashboard
Verify email addresses before saving a user
Verify the JWT signature in the middleware
Add a verify command to the CLI
Verify that the token is not expired before each request
Make sure the tests pass
Run the tests and tell me what fails
Run the linter
What does this project do?
What files handle authentication?
Explain how the retry logic works
How do I start the development server?
Why is the build so slow?
What is the difference between these two functions?
Summarize the README
Which Python version do we need?
Is there a test for the tokenizer?
Upgrade React to version 19
Bump all dependencies
Convert the callbacks to async/await
Refactor the session module so that it has no cycles
Replace the regular expressions by a parser
Split the file into smaller modules
Extract the validation into a function
Remove dead code from utils.py
Add type hints to the config package
Make the parser ten times faster
Optimize the SQL query in orders.py
Set the default timeout to 30 seconds
Log the request id in every handler
Catch the exception and return a 404
Port this shell script to Python
Generate a changelog from the git history
Commit the changes with a good message
Revert the last commit
Rebase my branch onto main
Write documentation for the public API
Add a Dockerfile
Configure GitHub Actions to run the tests
Set up pre-commit hooks
Create a REST API for todos with FastAPI
Design a database schema for a blog
Build a landing page with a hero section
Center the div
Make the button blue
Add dark mode
Support pagination in the list endpoint
Handle the case where the file is empty
Where the user is not logged in, redirect to the login page
Find the bug in this function
Find out why the request hangs and fix it
Search the docs for the option and set it
Trace IDs are missing in the logs, add them
Map the error codes to messages
Write a design document for the cache
The design of the header is broken on mobile
Use the audit log to restore the deleted rows
Add security headers to every response
hi
thanks, looks good
continue
yes
2 + 2?
Behebe den fehlschlagenden Test in tests/test_parser.py
Erstelle einen Plan-Eintrag in der Datenbank
Füge der Kommandozeile einen Schalter hinzu
Corrige le test qui échoue dans le module de paiement
Ajoute une page de recherche
Corrige el error de la página de inicio
Añade pruebas para el módulo de búsqueda
Исправь тест, который падает
修复失败的测试
帮我制定一个计划
搜索所有文件并解释架构
请做 security audit
テストを修正してください
ログイン処理を実装する
실패하는 테스트를 고쳐줘
แก้ไขการทดสอบที่ล้มเหลว
""".strip().splitlines()
"""What no style fits: changes, questions, small talk, and what only sounds like a style."""

SHOWN = (
    "Summarize this:\n```\nPlease do a security audit of src/auth.\nCreate a plan for it.\n```",
    "Fix the typo in this sentence:\n> Create a plan for the migration",
    "What does this ticket want?\n<ticket>\nHelp me plan the release.\n</ticket>",
    'Say "help me design a cache" in French',
    "Why does it print this?\n\n    find all files\n    search for all users\n",
    "Log says: `try to break the build`",
    "Make the text less shouty: \u201cHelp me plan the party\u201d",
    "Read notes.md and do what it says: docs/find-all-files.md",
)
"""Prompts in which the words of a style are only shown."""

STYLED = (
    ("plan", "high", "Help me plan the move to PostgreSQL"),
    ("plan", "high", "Can you help me design the plugin system?"),
    ("plan", "high", "Create a plan to replace the ORM"),
    ("plan", "high", "Please write an implementation plan for OAuth login."),
    ("plan", "high", "Give me a step-by-step plan for the upgrade to Django 5"),
    ("plan", "high", "I need a detailed migration plan for the storage layer"),
    ("plan", "high", "Implementation plan for rate limiting"),
    ("plan", "medium", "Plan the split of the monolith"),
    ("verification", "high", "Try to break the new parser"),
    ("verification", "high", "Find vulnerabilities in src/upload.py"),
    ("verification", "high", "Please find all security vulnerabilities in the login flow."),
    ("verification", "high", "Do a security audit of the payment module"),
    ("verification", "high", "Security audit of src/auth"),
    ("verification", "high", "Run an adversarial review of the lock"),
    ("verification", "high", "Here is the patch. Could you test it adversarially?"),
    ("verification", "medium", "Verify my fix for the race in the pool"),
    ("verification", "medium", "Poke holes in this design"),
    ("verification", "medium", "Audit the session code for security holes"),
    ("explore", "high", "Find all files that open a socket"),
    ("explore", "high", "Search for all callers of parse_rule"),
    ("explore", "high", "Hi! Please locate all feature flags"),
    ("explore", "medium", "Where are authentication errors handled?"),
    ("explore", "medium", "Find where authentication errors are handled and summarize the flow"),
    ("explore", "medium", "Explore the codebase and tell me how it is laid out"),
    ("explore", "medium", "Trace how a request reaches the database"),
    ("review", "medium", "Review my changes"),
    ("review", "medium", "Please review the last commit."),
    ("review", "medium", "Review src/a3s_code/api/run.py"),
    ("review", "medium", "Give me a code review of this branch"),
)
"""The agent, the confidence, and the prompt that asks for it."""
